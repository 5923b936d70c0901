"""What memory a whole send takes while it goes on, from the first mail to the millionth.

    python benchmarks/million.py [readers]

`newsletter send` hands issue 74 to a fake SES in bulk, with every record and every guard. Memory is
the process's own, read every second from /proc (Linux only): the first tenth of its samples after
the recipients are frozen is compared with the last tenth.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from figures import Figure, note
from memory import resident
from world import COMMAND, FakeSes, add_readers, copy_example

BOUND: Final = 200
CHOSEN: Final = {
    "NEWSLETTER_TRANSPORT__SES__MODE": "bulk",
    "NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET": "letters",
    "NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE": "http://127.0.0.1:9/queue/events",
}


def main() -> None:
    """Print memory and rate."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name, FakeSes("--no-signatures") as ses:
        folder = Path(name)
        copy_example(folder)
        add_readers(folder, number)
        process = subprocess.Popen(
            [COMMAND, "send", "--issue", "74", "--confirm", "74"], cwd=folder,
            env=os.environ | ses.environ | CHOSEN, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        began, samples, most = time.monotonic(), [], 0.0
        accepted = 0
        while process.poll() is None:
            with contextlib.suppress(StopIteration):  # it has ended meanwhile
                most = max(most, resident(process.pid, "VmHWM"))
                if accepted := sum(ses.state()["accepted"].values()):
                    samples.append((time.monotonic() - began, accepted, resident(process.pid)))
            time.sleep(1)
        accepted = sum(ses.state()["accepted"].values())
    if process.returncode:
        sys.exit(f"newsletter send ended with {process.returncode}")
    tenth = max(1, len(samples) // 10)
    early, late = (
        statistics.median(memory for *_, memory in part)
        for part in (samples[:tenth], samples[-tenth:])
    )
    (start, first, _), (end, last, _) = samples[0], samples[-1]
    rate = (last - first) / (end - start)
    print(f"{accepted:,} of {number:,} accepted, {rate:,.0f} a second with everything beside")
    print(f"memory {early:.0f} MB in the first tenth, {late:.0f} MB in the last")
    print(f"the most {most:.0f} MB, bound {BOUND} MB")
    what = f"a send to {number:,} in bulk"
    note(Figure(what=f"{what}, the most", ours=most, unit="MB", bound=BOUND))
    note(
        Figure(
            what=f"{what}, at its end", ours=late, unit="MB", beside="its beginning", theirs=early
        )
    )


if __name__ == "__main__":
    main()
