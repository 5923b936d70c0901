"""The campaigns by hand: `python -m tests.campaign --kills 1000`, or `--restores 100`, or `--bulk`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.campaign import restores
from tests.campaign.kills import bulk_variants, campaign, table, variants


def main() -> int:
    """Kill, print the table, and say what was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument(
        "--restores", type=int, default=0, help="backups put back, instead of kills"
    )
    parser.add_argument("--seed", type=int, default=0, help="another one, other moments")
    parser.add_argument(
        "--bulk", action="store_true", help="so many kills at 50 mails a request, and at 3"
    )
    options = parser.parse_args()
    began = time.monotonic()
    if options.restores:
        with tempfile.TemporaryDirectory() as folder:
            restored = restores.campaign(
                Path(folder), moments=options.restores, each_run=1, seed=options.seed
            )
        sys.stdout.write(f"{restored}\n{time.monotonic() - began:.0f} s\n")
        sys.stdout.write("".join(f"violated: {words}\n" for words in restored.violations))
        return 1 if restored.violations else 0
    with tempfile.TemporaryDirectory() as folder:
        ways = bulk_variants(options.kills) if options.bulk else variants(options.kills)
        tallies = campaign(Path(folder), ways, seed=options.seed)
    sys.stdout.write(f"{table(tallies)}\n{time.monotonic() - began:.0f} s\n")
    violations = [words for tally in tallies for words in tally.violations]
    sys.stdout.write("".join(f"violated: {words}\n" for words in violations))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
