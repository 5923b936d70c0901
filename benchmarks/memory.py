"""What memory `newsletter serve --with-events` takes, at first and after many requests.

    python benchmarks/memory.py [requests]

Readers open the page of their link, leave, change their minds and ask for what is not there, on 8
connections at a time, while events come in through a queue. Linux only: the figures are the
process's own, from /proc.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from figures import Figure, note
from leaving import links
from world import COMMAND, ROOT, add_readers, copy_example

READERS: Final = 2_000
BOUND: Final = 150
EVENTS: Final = 2_000


def main() -> None:
    """Print the memory at both ends; exit 1 over the bound."""
    sys.path.insert(0, str(ROOT))
    from tests.support.mailroom import REGION, mailroom, post_office
    from tests.support.ses_events import Sent, event

    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with (
        tempfile.TemporaryDirectory() as name,
        post_office() as office,
        mailroom(office) as room,
    ):
        folder = Path(name)
        copy_example(folder)
        add_readers(folder, READERS)
        room.put(*(event("Send", Sent(message_id=f"m{n}")) for n in range(EVENTS)))
        environ = {
            **room.environ, "AWS_REGION": REGION, "PATH": "/usr/bin:/bin",
            "NEWSLETTER_TRANSPORT__KIND": "ses",
        }  # fmt: skip
        process = subprocess.Popen(
            [COMMAND, "serve", "--with-events", "--port", "18463"], cwd=folder, env=environ,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            url = next(word for word in line.split() if word.startswith("http"))
            paths = links(folder)
            ask(url, paths[:10], 10)
            first = resident(process.pid)
            began = time.monotonic()
            with ThreadPoolExecutor(8) as pool:
                share = number // 8
                list(pool.map(lambda n: ask(url, paths[n * 200 :], share), range(8)))
            took = time.monotonic() - began
            after, most = resident(process.pid), resident(process.pid, "VmHWM")
            left = room.left()
        finally:
            process.terminate()
            process.wait()
    print(f"at first {first:.0f} MB; after {number:,} requests in {took:.0f} s {after:.0f} MB")
    print(
        f"the most {most:.0f} MB, bound {BOUND} MB; {EVENTS - left:,} of {EVENTS:,} events fetched"
    )
    what = f"serve --with-events after {number:,} requests"
    note(Figure(what=what, ours=most, unit="MB", bound=BOUND))
    sys.exit(most > BOUND)


def ask(url: str, paths: list[str], number: int) -> None:
    """So many requests on one connection after the other: pages, leaving, nonsense."""
    host = urlsplit(url).netloc
    connection = http.client.HTTPConnection(host, timeout=60)
    for n in range(number):
        path = paths[n % 200 % len(paths)]
        kinds = (
            ("GET", path),
            ("POST", path),
            ("GET", path.replace("/u/", "/p/")),
            ("GET", f"/x{n}"),
        )
        method, where = kinds[n % len(kinds)]
        body = b"List-Unsubscribe=One-Click" if method == "POST" else None
        try:
            connection.request(method, where, body)
            connection.getresponse().read()
        except (ConnectionError, http.client.HTTPException):
            connection.close()


def resident(process: int, which: str = "VmRSS") -> float:
    """Megabytes of a process, now or (VmHWM) at its highest."""
    text = Path(f"/proc/{process}/status").read_text("ascii")
    return int(next(row for row in text.splitlines() if row.startswith(which)).split()[1]) / 1024


if __name__ == "__main__":
    main()
