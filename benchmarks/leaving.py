"""How long a reader who leaves must wait beside a send and an import, against a quiet store.

    python benchmarks/leaving.py [seconds] [rows]

Twenty readers a second press the button in their mail, each on a connection of their own, while
`newsletter send` keeps 200 mails a second and `newsletter subscribers import` brings in a list of
200,000 rows; then as many when neither is going on. `newsletter serve` answers both. Whoever got
200 must be on record as unsubscribed, nobody may be claimed after that, and the send must not
pause.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from figures import Figure, note
from world import COMMAND, FakeSes, add_readers, copy_example

LEAVE: Final = 20
PACE: Final = 200
#: Deliveries that were claimed after their person had been told that they left.
LATE: Final = """
    select count(*) from deliveries join consents using (address_hash)
    where consents.event = 'unsubscribed' and deliveries.claimed_at > consents.at
"""


def main() -> None:
    """Print a line for each half, and their ratio."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    number = PACE * seconds + 2 * LEAVE * seconds
    with (
        tempfile.TemporaryDirectory() as name,
        FakeSes("--latency", "0.04", "--jitter", "0.02") as ses,
    ):
        folder = Path(name)
        copy_example(folder)
        add_readers(folder, number)
        environ = ses.environ | {
            "NEWSLETTER_TRANSPORT__SES__MAX_RATE": str(PACE),
            "NEWSLETTER_SITE__PUBLIC_URL": "https://letters.example.org",
        }
        paths = links(folder)
        many = LEAVE * seconds
        with serving(folder, environ) as url, sending(folder, environ) as process:
            while not ses.accepted():
                time.sleep(0.1)
            before = ses.accepted()
            begun = time.monotonic()
            with importing(folder, rows) as coming:
                busy = leave(url, paths[-many:])
                sent = ses.accepted() - before
                pace = sent / (time.monotonic() - begun)
                both = [each.poll() is None for each in (process, coming)]
                ended = process.wait(), coming.wait()
            quiet = leave(url, paths[-2 * many : -many])
        left = ask(folder, "select count(*) from subscribers where status = 'unsubscribed'")
        late = ask(folder, LATE)
        pauses = ask(folder, "select state, pause, reason from runs")
    print(f"{'':20} {'answers':>8} {'median':>9} {'p99':>9} {'most':>9}")
    for title, took in (("quiet", quiet), (f"beside {pace:.0f} mails/s", busy)):
        p99 = statistics.quantiles(took, n=100)[98]
        print(
            f"{title:20} {len(took):8,} {statistics.median(took) * 1000:6.1f} ms "
            f"{p99 * 1000:6.1f} ms {max(took) * 1000:6.1f} ms"
        )
    slowest, calm = (statistics.quantiles(took, n=100)[98] * 1000 for took in (busy, quiet))
    print(f"p99 beside both is {slowest / calm:.1f} times as long")
    note(
        Figure(what="leaving during a send and an import, p99", ours=slowest, unit="ms", bound=500)
    )
    note(Figure(what="leaving with nothing beside, p99", ours=calm, unit="ms"))
    note(Figure(what="claimed after they had left", ours=late[0][0], bound=0))
    for what, running in zip(("send", "import"), both, strict=True):
        if not running:
            print(f"the {what} ended before the readers did")
    print(f"exit codes of send and import: {ended[0]}, {ended[1]}; the run: {pauses[0]}")
    print(f"claimed after they had left: {late[0][0]:,}")
    print(f"answered 200: {len(busy) + len(quiet):,}; on record as unsubscribed: {left[0][0]:,}")
    print("bounds: p99 under 500 ms, both numbers equal, exit codes 0, nobody claimed late")


def links(folder: Path) -> list[str]:
    """The path of everybody's link, oldest reader first."""
    from newsletter.audience.tokens import Key, make_token

    secret = "select id, secret from signing_keys where purpose = 'links'"
    [(number, bytes_)] = ask(folder, secret)
    handles = ask(folder, "select handle from subscribers order by id")
    return [f"/u/{make_token(handle, Key(number, bytes_))}" for (handle,) in handles]


def ask(folder: Path, question: str) -> list[tuple[Any, ...]]:
    """What the records say."""
    with contextlib.closing(sqlite3.connect(folder / ".newsletter/newsletter.db")) as connection:
        return connection.execute(question).fetchall()


@contextlib.contextmanager
def serving(folder: Path, environ: dict[str, str]) -> Iterator[str]:
    """The public pages; their address."""
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", "18462"], cwd=folder, env=environ,
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    found = re.search(r"http://[\d.:]+", process.stderr.readline())
    assert found is not None
    try:
        yield found[0]
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def sending(folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A send that goes on by itself."""
    process = subprocess.Popen(
        [COMMAND, "send", "--issue", "74", "--confirm", "74"], cwd=folder, env=environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def importing(folder: Path, rows: int) -> Iterator[subprocess.Popen[str]]:
    """An import of other people that goes on by itself."""
    with (folder / "more.csv").open("w", encoding="utf-8") as stream:
        stream.write("email,name\n")
        stream.writelines(f"other{n}@example.net,Other {n}\n" for n in range(rows))
    process = subprocess.Popen(
        [COMMAND, "subscribers", "import", "more.csv", "--consent-source", "invented"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def leave(url: str, paths: list[str]) -> list[float]:
    """Leave at a steady rate; how long each answer took, all of them 200."""

    def one(path: str) -> float:
        begun = time.monotonic()
        request = urllib.request.Request(url + path, data=b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200
            answer.read()
        return time.monotonic() - begun

    begun = time.monotonic()
    with ThreadPoolExecutor(32) as pool:
        waiting = []
        for number, path in enumerate(paths):
            time.sleep(max(0.0, begun + number / LEAVE - time.monotonic()))
            waiting.append(pool.submit(one, path))
        return [each.result() for each in waiting]


if __name__ == "__main__":
    main()
