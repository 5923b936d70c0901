"""What memory a whole send takes while it goes on, from the first mail to the millionth.

    python benchmarks/million.py [readers] [bulk | single | smtp]

`newsletter send` hands issue 74 to a fake SES, in bulk or one by one, or to a mail server of this
machine, with every record and every guard. Memory is the process's own, read every second from
/proc (Linux only): the median of each tenth of its samples after the first mail was accepted. The
first of them is compared with the last.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import smtp
from figures import Figure, note
from memory import resident
from world import COMMAND, FakeSes, add_readers, copy_example

BOUND: Final = 200
STEPS: Final = 10
CONNECTIONS: Final = 10
BULK: Final = {
    "NEWSLETTER_TRANSPORT__SES__MODE": "bulk",
    "NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET": "letters",
    "NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE": "http://127.0.0.1:9/queue/events",
}
#: How each way out is called in a figure.
WAYS: Final = {"bulk": "in bulk", "single": "one by one", "smtp": "through SMTP"}


@contextmanager
def out(way: str) -> Iterator[tuple[dict[str, str], Callable[[], int]]]:
    """The environment of a send, and what counts the mails that were taken."""
    if way == "smtp":
        with subprocess.Popen(
            [sys.executable, smtp.__file__, "--sink"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as sink:  # fmt: skip
            assert sink.stdout is not None
            port = int(sink.stdout.readline())
            yield smtp.environment(port, CONNECTIONS), lambda: taken(port)
            sink.communicate("")
        return
    with FakeSes("--no-signatures") as ses:
        environ = os.environ | ses.environ | (BULK if way == "bulk" else {})
        yield environ, ses.accepted


def taken(port: int) -> int:
    """How many mails the sink has taken."""
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.recv(4096)
        server.sendall(b"STAT\r\n")
        return int(server.recv(4096).split()[1])


def main() -> None:
    """Print memory and rate."""
    given = sys.argv[1:]
    number = int(given[0]) if given else 1_000_000
    way = given[1] if given[1:] else "bulk"
    with tempfile.TemporaryDirectory() as name, out(way) as (environ, count):
        folder = Path(name)
        copy_example(folder)
        add_readers(folder, number)
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [COMMAND, "send", "--issue", "74", "--confirm", "74"], cwd=folder, env=environ,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        began, samples, most = time.monotonic(), [], 0.0
        accepted = 0
        while process.poll() is None:
            with contextlib.suppress(StopIteration):  # it has ended meanwhile
                most = max(most, resident(process.pid, "VmHWM"))
                if accepted := count():
                    samples.append((time.monotonic() - began, accepted, resident(process.pid)))
            time.sleep(1)
        accepted = count()
        words = (folder / "said").read_text("utf-8")
    if process.returncode:
        sys.exit(f"newsletter send ended with {process.returncode}:\n{words[-2000:]}")
    size = max(1, len(samples) // STEPS)
    steps = [
        statistics.median(memory for *_, memory in samples[at : at + size])
        for at in range(0, size * min(STEPS, len(samples)), size)
    ]
    (start, first, _), (end, last, _) = samples[0], samples[-1]
    rate = (last - first) / max(end - start, 1.0)
    print(f"{accepted:,} of {number:,} accepted, {rate:,.0f} a second with everything beside")
    print(f"memory in MB, tenth by tenth: {' '.join(f'{step:.0f}' for step in steps)}")
    print(f"the most {most:.0f} MB, bound {BOUND} MB")
    what = f"a send to {number:,} {WAYS[way]}"
    note(Figure(what=f"{what}, the most", ours=most, unit="MB", bound=BOUND))
    note(
        Figure(
            what=f"{what}, at its end", ours=steps[-1], unit="MB", beside="its beginning",
            theirs=steps[0],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
