"""Whether a send keeps the account's rate: never above it, and hardly below the pace it set.

    python benchmarks/pace.py [seconds]

The fake SES enforces the rate with a bucket that holds one batch, min(50, rate), and in bulk one
second's mails, and refuses what comes too fast. `newsletter send` runs beside it as anybody would
run it. The pace is 95 % of the rate; the time is taken by the server, from the first mail it
accepted to the last.
"""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Final

from figures import Figure, note
from world import FakeSes, add_readers, copy_example, run

#: Mails a second, and how they are sent.
RATES: Final = ((14, "single"), (200, "single"), (200, "bulk"), (1000, "bulk"))
QUEUE: Final = "http://127.0.0.1:9/queue/events"
SHARE: Final = 0.95


def main() -> None:
    """Print a line for each rate."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    print(
        f"{'rate':>5} {'mode':>6} {'mails':>7} {'refused':>9} {'of the pace':>12} "
        f"{'most in a second':>17}"
    )
    for rate, mode in RATES:
        number = int(rate * SHARE * seconds)
        burst = rate if mode == "bulk" else min(50, rate)
        with (
            tempfile.TemporaryDirectory() as name,
            FakeSes(
                "--rate", str(rate), "--burst", str(burst), "--latency", "0.04", "--jitter", "0.02"
            ) as ses,
        ):
            folder = Path(name)
            copy_example(folder)
            add_readers(folder, number)
            chosen = {
                "NEWSLETTER_TRANSPORT__SES__MODE": mode,
                "NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET": "letters",
                "NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE": QUEUE,
            }
            run(folder, "send", "--issue", "74", "--confirm", "74", environ=ses.environ | chosen)
            state = ses.state()
            with urllib.request.urlopen(
                f"{ses.environ['AWS_ENDPOINT_URL_SESV2']}/__control__/times"
            ) as answer:
                times = sorted(json.load(answer))
        accepted = sum(state["accepted"].values())
        refused = sum(state["received"].values()) - accepted
        # What came with the first took no time.
        first = sum(at <= times[0] + 0.001 for at in times)
        reached = (accepted - first) / (times[-1] - times[0]) / (rate * SHARE)
        print(
            f"{rate:5} {mode:>6} {accepted:7,} {refused / accepted:8.2%} {reached:11.1%} "
            f"{state['window_maximum']:17}"
        )
        what = f"share of the pace at {rate:,} a second, {mode}"
        note(Figure(what=what, ours=reached * 100, unit="%", bound=97, at_least=True))
        note(Figure(what="of them refused", ours=refused / accepted * 100, unit="%", bound=0.1))
    print("bounds: refused under 0.10 %, at least 97 % of the pace, no second above the rate")


if __name__ == "__main__":
    main()
