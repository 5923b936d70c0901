"""Whether a send keeps the account's rate: never above it, and hardly below the pace it set.

    python benchmarks/pace.py [seconds]

The fake SES enforces the rate with a bucket that holds one batch, min(50, rate), and refuses what
comes too fast. `newsletter send` runs beside it as anybody would run it. The pace is 95 % of the
rate; the time is taken by the server, from the first mail it accepted to the last.
"""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Final

from world import FakeSes, add_readers, copy_example, run

RATES: Final = (14, 200)
SHARE: Final = 0.95


def main() -> None:
    """Print a line for each rate."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    print(f"{'rate':>5} {'mails':>7} {'refused':>9} {'of the pace':>12} {'most in a second':>17}")
    for rate in RATES:
        number = int(rate * SHARE * seconds)
        with (
            tempfile.TemporaryDirectory() as name,
            FakeSes("--rate", str(rate), "--latency", "0.04", "--jitter", "0.02") as ses,
        ):
            folder = Path(name)
            copy_example(folder)
            add_readers(folder, number)
            run(folder, "send", "--issue", "74", "--confirm", "74", environ=ses.environ)
            state = ses.state()
            with urllib.request.urlopen(
                f"{ses.environ['AWS_ENDPOINT_URL_SESV2']}/__control__/times"
            ) as answer:
                times = sorted(json.load(answer))
        accepted = sum(state["accepted"].values())
        refused = state["operations"]["SendEmail"] - accepted
        reached = (accepted - 1) / (times[-1] - times[0]) / (rate * SHARE)
        print(
            f"{rate:5} {accepted:7,} {refused / accepted:8.2%} {reached:11.1%} "
            f"{state['window_maximum']:17}"
        )
    print("bounds: refused under 0.10 %, at least 97 % of the pace, no second above the rate")


if __name__ == "__main__":
    main()
