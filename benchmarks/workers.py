"""What several machines gain, what their database takes, and how soon a death is made up for.

    python benchmarks/workers.py [readers] [seconds]

All of it with records on a PostgreSQL server on this machine. An issue is frozen for a million, and
gone on with: whole commands, as in `scale.py`. Then as much is claimed and settled as the server
takes, by two processes that send nothing: one mail at a time, and fifty. Then `newsletter worker`
runs twice, and the one that leads is killed with -9, five times: how soon the other one leads, and
how long it sends nothing meanwhile; once more as if each were on a machine of its own, by the name
of its host (as root only). Last, one worker sends an issue through a mail server that
answers after 40 ms, and two send the next.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
from figures import Figure, Share, note
from scale import IMPORT, IMPORT_MEMORY, MEMORY, Cost, cost
from smtp import Sink
from world import COMMAND, copy_example, database, spent

#: Processes that claim, how many at a time, and with how many threads.
CLAIMERS: Final = 2
CLAIMS: Final = ((1, 16), (50, 4))
#: Seconds until the mail server has taken a mail, and connections of a worker.
LATENCY: Final = 0.04
CONNECTIONS: Final = 8
KILLS: Final = 5
KILLS_APART: Final = 1
PATIENCE: Final = 600.0
SMALL: Final = 4_000
URL: Final = "NEWSLETTER_STORE__URL"
AT_WORK: Final = "SELECT count(*) FROM leases WHERE name LIKE 'worker-%'"
LEADER: Final = "SELECT pid, token FROM leases WHERE name = 'sending' AND until > clock_timestamp()"
SINCE: Final = (
    "SELECT 1 FROM deliveries WHERE state = 'accepted' AND settled_at > '{moment}' LIMIT 1"
)
OTHER: Final = f"{LEADER} AND token <> '{{token}}'"


class SlowSink(Sink):
    """Takes its time for a mail."""

    def data_received(self, data: bytes) -> None:
        """Answer the end of a mail later."""
        write = self.transport.write
        if not self.taking:
            super().data_received(data)
            return
        self.end = (self.end + data)[-5:]
        if self.end == b"\r\n.\r\n":
            self.taking = False
            asyncio.get_running_loop().call_later(LATENCY, write, b"250 taken\r\n")


async def serve() -> None:
    """Say the port, and take mails until stdin ends."""
    server = await asyncio.get_running_loop().create_server(SlowSink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextlib.contextmanager
def sink() -> Iterator[dict[str, str]]:
    """The environment of whoever is to send there."""
    with subprocess.Popen(
        [sys.executable, __file__, "--sink"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        yield {
            "NEWSLETTER_TRANSPORT__KIND": "smtp",
            "NEWSLETTER_TRANSPORT__SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_TRANSPORT__SMTP__PORT": process.stdout.readline().strip(),
            "NEWSLETTER_TRANSPORT__SMTP__SECURITY": "none",
            "NEWSLETTER_TRANSPORT__CONCURRENCY": str(CONNECTIONS),
            "NEWSLETTER_SITE__PUBLIC_URL": "https://letters.example.org",
        }
        process.communicate("")


class Records:
    """The records, asked past the program.

    Args:
        url: where they are.
        schema: of their tables.
    """

    def __init__(self, url: str, schema: str) -> None:
        options = f"-c search_path={schema}"
        self._connection = psycopg.connect(url, autocommit=True, options=options)

    def ask(self, question: str) -> Any:
        """The first row of the answer, None for none."""
        return self._connection.execute(question).fetchone()

    def until(self, question: str, holds: Callable[[Any], bool]) -> float:
        """Ask until the answer is right; the seconds that took."""
        began = time.monotonic()
        while not holds(self.ask(question)):
            if time.monotonic() - began > PATIENCE:
                sys.exit(f"for ten minutes not what was expected: {question}")
            time.sleep(0.01)
        return time.monotonic() - began


def fill(folder: Path, environ: dict[str, str], readers: int) -> Cost:
    """The example newsletter, with a list, and what that took."""
    folder.mkdir()
    copy_example(folder)
    with (folder / "list.csv").open("w", encoding="utf-8") as stream:
        stream.write("email,name\n")
        stream.writelines(f"reader{n}@example.org,Reader {n}\n" for n in range(readers))
    took = cost(folder, environ, (COMMAND, *IMPORT))
    (folder / "list.csv").unlink()
    return took


def send(issue: int, *more: str) -> tuple[str, ...]:
    """The words of a send."""
    return (COMMAND, "send", "--issue", str(issue), "--confirm", str(issue), *more)


def begin(folder: Path, environ: dict[str, str]) -> tuple[Cost, Cost]:
    """What it takes to freeze an issue for all, and to go on with it."""
    words = send(74, "--limit", "1")
    return cost(folder, environ, words), cost(folder, environ, words)


def compare(few: tuple[Cost, Cost], many: tuple[Cost, Cost], readers: int) -> None:
    """Tell what many readers add to a command that sends one mail, and what all of it takes."""
    for step, bound, one, all_ in zip(("frozen", "resumed"), (20.0, 2.0), few, many, strict=True):
        what, added = f"{readers:,} recipients {step}", all_.seconds - one.seconds
        print(
            f"{what} in {added:.2f} s: the whole command takes {all_.seconds:.2f} s and "
            f"{all_.memory:.0f} MB, and {one.seconds:.2f} s for {SMALL:,}"
        )
        note(Figure(what=f"{what} on PostgreSQL", ours=added, unit="s", bound=bound))
        note(Figure(what=f"{what} on PostgreSQL", ours=all_.memory, unit="MB", bound=MEMORY))
        whole = f"{what} on PostgreSQL, the whole command"
        note(Share(of=whole, part=f"with {SMALL:,}", cost=one.seconds, unit="s"))
        note(Share(of=whole, part="what the others add", cost=added, unit="s"))


def claim(url: str, folder: str, most: int, threads: int, seconds: float) -> None:
    """Claim and settle as much as can be, under the lease of a worker; say how many."""
    from newsletter.delivery import Outcome, Result
    from newsletter.store import Store, runs

    accepted = Outcome(result=Result.ACCEPTED, message_id="0100-abc")
    done, now = [0] * threads, dt.datetime.now(dt.UTC)
    with Store.open(f"{url}&folder={folder}") as store, store.work(), store.marked(None, way="x"):
        [run] = runs.find_all(store)
        ends = time.monotonic() + seconds

        def work(number: int) -> None:
            settled: list[Any] = []
            while time.monotonic() < ends:
                taken = store.settle_and_claim(run, settled, most, now=now)
                done[number] += len(settled)
                settled = [(one, accepted) for one in taken]
            store.settle_and_claim(run, settled, 0, now=now)
            done[number] += len(settled)

        every = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        for one in every:
            one.start()
        for one in every:
            one.join()
        store.conclude(run)
    print(sum(done))


def exhaust(url: str, folder: Path, seconds: float) -> None:
    """Claim and settle with several processes, one at a time and many."""
    from newsletter.store import Store, runs

    with Store.open(f"{url}&folder={folder}/.newsletter") as store:
        [run] = runs.find_all(store)
        runs.share(store, run, "x")
        runs.resume(store, run, by_hand=True)
        for most, threads in CLAIMS:
            before = served(url)
            number = claimed(url, folder, most, threads, seconds)
            time.sleep(1)  # until the server knows what those took that have gone
            cpu = (served(url) - before) / number * 1000
            print(
                f"{most:3} at a time: {number / seconds:,.0f} claimed and settled a second, "
                f"{cpu:.2f} s of the server's CPU per 1,000"
            )
            what = f"claimed and settled on PostgreSQL, {most} at a time"
            note(Figure(what=what, ours=number / seconds, unit="mails/s"))
            note(Figure(what=what, ours=cpu, unit="s of the server's CPU per 1,000"))
        runs.share(store, run, "")


def claimed(url: str, folder: Path, most: int, threads: int, seconds: float) -> int:
    """How many several processes claim and settle in that time."""
    words = ["--claim", url, str(most), str(threads), str(seconds)]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, __file__, *words, f"{folder}/claimer{number}"],
                    stdout=subprocess.PIPE, text=True,
                )
            )
            for number in range(CLAIMERS)
        ]  # fmt: skip
        return sum(int(process.communicate()[0]) for process in processes)


def kill(records: Records, folder: Path, environ: dict[str, str], *, apart: bool) -> None:
    """Kill the one that leads, again and again.

    Args:
        records: whose run goes on with the first worker.
        folder: of the newsletter.
        environ: of the workers.
        apart: whether each is on a machine of its own, as far as it knows.
    """
    led, silent, names = list[float](), list[float](), iter(range(100))
    kills = KILLS_APART if apart else KILLS

    def start() -> subprocess.Popen[bytes]:
        words = [COMMAND, "worker"]
        if apart:
            named = f'hostname machine{next(names)} && exec "$0" worker'
            words = ["unshare", "--uts", "sh", "-c", named, COMMAND]
        return subprocess.Popen(
            words, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    at_work = {one.pid: one for one in (start(), start())}
    try:
        records.until(f"{AT_WORK} HAVING count(*) >= {len(at_work)}", bool)
        cost(folder, environ, send(74, "--detach"))
        for _ in range(kills):
            records.until(LEADER, lambda row: row and row[0] in at_work)
            pid, token = records.ask(LEADER)
            time.sleep(3)
            (killed,) = records.ask("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', "
                                    "'YYYY-MM-DD\"T\"HH24:MI:SS.USZ')")  # fmt: skip
            at_work[pid].kill()
            at_work.pop(pid).wait()
            led.append(records.until(OTHER.format(token=token), bool))
            records.until(SINCE.format(moment=killed), bool)
            silent.append(longest(records, killed))
            began = start()
            at_work[began.pid] = began
            records.until(f"{AT_WORK} HAVING count(*) >= {len(at_work)}", bool)
    finally:
        subprocess.run([COMMAND, "cancel", "--issue", "74"], cwd=folder, env=environ, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)  # fmt: skip
        for one in at_work.values():
            one.terminate()
            one.wait()
    where = "on another machine" if apart else "on the same machine"
    print(
        f"the leader killed: one {where} leads after {statistics.median(led):.2f} s "
        f"({', '.join(f'{one:.2f}' for one in sorted(led))}), and went on sending: at most "
        f"{max(silent):.2f} s between two mails"
    )
    median = statistics.median(led)
    note(Figure(what=f"a worker {where} leads after a kill", ours=median, unit="s", bound=75))
    what = f"longest silence of the worker {where} meanwhile"
    note(Figure(what=what, ours=max(silent), unit="s", bound=5))


def longest(records: Records, since: str) -> float:
    """The longest time without an accepted mail since a moment, in seconds."""
    (seconds,) = records.ask(
        "SELECT max(extract(epoch FROM at - before))::float8 FROM (SELECT settled_at::timestamptz "
        "AS at, lag(settled_at::timestamptz, 1, timestamptz "
        f"'{since}') OVER (ORDER BY settled_at) AS before FROM deliveries "
        f"WHERE state = 'accepted' AND settled_at > '{since}') AS mails"
    )
    return float(seconds)


def share(records: Records, folder: Path, environ: dict[str, str]) -> None:
    """An issue by one worker, and another by two."""
    rates: list[float] = []
    for issue, number in ((73, 1), (74, 2)):
        workers = [
            subprocess.Popen(
                [COMMAND, "worker"], cwd=folder, env=environ, stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(number)
        ]  # fmt: skip
        records.until(f"{AT_WORK} HAVING count(*) >= {number}", bool)
        before = sum(spent(one.pid) for one in workers)
        cost(folder, environ, send(issue, "--detach"))
        state = f"SELECT state FROM runs WHERE issue = {issue}"
        records.until(state, lambda row: row == ("finished",))
        cpu = sum(spent(one.pid) for one in workers) - before
        for one in workers:
            one.terminate()
            one.wait()
        mails, seconds = records.ask(
            "SELECT count(*), extract(epoch FROM max(settled_at)::timestamptz "
            "- min(claimed_at)::timestamptz)::float8 FROM deliveries "
            f"WHERE state = 'accepted' AND issue = {issue}"
        )
        rates.append(mails / seconds)
        each = cpu / mails * 1000
        print(f"{number} at work: {rates[-1]:.0f} mails/s, {each:.2f} s of CPU per 1,000")
        what = f"{number} at work through SMTP, {CONNECTIONS} connections each"
        note(Figure(what=what, ours=each, unit="s of CPU per 1,000"))
    alone, both = rates
    note(
        Figure(
            what="two workers through SMTP", ours=both, unit="mails/s", beside="one", theirs=alone,
            bound=1.5, at_least=True,
        )
    )  # fmt: skip
    print(f"two send {both / alone:.2f} times as many as one")


def served(url: str) -> float:
    """The same of a server's connections that have ended."""
    folder = Path(url.partition("host=")[2])
    pid = int((folder / "data/postmaster.pid").read_text("utf-8").split()[0])
    return spent(pid, by=slice(13, 15))


def main() -> None:
    """All of it, one after another."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--claim", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("readers", nargs="?", type=int, default=1_000_000)
    parser.add_argument("seconds", nargs="?", type=float, default=20.0)
    options, folder = parser.parse_args(), ""
    if options.sink:
        asyncio.run(serve())
        return
    if options.claim:
        url, most, threads, seconds, folder = options.claim
        claim(url, folder, int(most), int(threads), float(seconds))
        return
    with tempfile.TemporaryDirectory() as name, database() as url, sink() as way:
        place = Path(name)
        many, few = place / "many", place / "few"
        environ = os.environ | way | {URL: url}
        took, number = fill(many, environ, options.readers), f"{options.readers:,} readers"
        print(f"{number} imported in {took.seconds:.0f} s, {took.memory:.0f} MB")
        what = f"{number} imported into PostgreSQL"
        note(Figure(what=what, ours=took.seconds, unit="s"))
        note(Figure(what=what, ours=took.memory, unit="MB", bound=IMPORT_MEMORY))
        brief = environ | {URL: f"{url}&schema=brief"}
        fill(place / "brief", brief, SMALL)
        with psycopg.connect(url, autocommit=True) as connection:
            for words in ("VACUUM ANALYZE", "CHECKPOINT"):  # a list at rest, long after its import
                connection.execute(words)
        compare(begin(place / "brief", brief), begin(many, environ), options.readers)
        exhaust(url, many, options.seconds)
        records = Records(url, "newsletter")
        for apart in (False, *((True,) if os.geteuid() == 0 else ())):
            kill(records, many, environ, apart=apart)
        environ[URL] = f"{url}&schema=few"
        fill(few, environ, SMALL)
        share(Records(url, "few"), few, environ)


if __name__ == "__main__":
    main()
