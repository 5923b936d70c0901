"""What a mail through SMTP costs the processor, and how many leave in a second.

    python benchmarks/smtp.py [--rounds N] [--against COMMAND] [--listmonk PATH]
        [--connections N] [--profile]

`newsletter send` hands issue 74 to a mail server on this machine that takes whatever comes: 2,000
mails, then 10,000, with a durable record for each. What the larger run costs more than the smaller
is the cost of a mail without that of starting. Another checkout's `newsletter` may be given to run
in turn with this one, and listmonk's binary; the ratios are then those of the medians. `--profile`
sends once more with the parts of a mail's way under a clock, and does the least of it alone: the
same words with the server on one connection, and the same changes of rows in a database of nothing
else.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from figures import Figure, Share, note
from shares import Place, Timers
from world import COMMAND, copy_example, import_readers, run

FEW: Final = 2_000
MANY: Final = 10_000
#: Kilobytes of a mail: text is put behind the letter until it is as large.
SIZE: Final = 60
#: Mails that share a commit, in what is done alone: about as many as on ten connections.
TOGETHER: Final = 5


class Sink(asyncio.Protocol):
    """Takes every mail, and keeps none; says to STAT how many it took."""

    transport: asyncio.Transport
    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.taking, self.end = transport, False, b""
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer a command, or look for the end of a mail."""
        if self.taking:
            self.end = (self.end + data)[-5:]
            if self.end == b"\r\n.\r\n":
                self.taking = False
                Sink.taken += 1
                self.transport.write(b"250 taken\r\n")
            return
        verb = data[:4].upper()
        self.taking, self.end = verb == b"DATA", b""
        stat = f"250 {Sink.taken}\r\n".encode()
        answers = {b"STAT": stat, b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}
        self.transport.write(answers.get(verb, b"250 ok\r\n"))


async def serve() -> None:
    """Say the port, and take mails until stdin ends."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def environment(port: int, connections: int) -> dict[str, str]:
    """One in which `newsletter` sends to the sink."""
    return os.environ | {
        "NEWSLETTER_TRANSPORT__KIND": "smtp",
        "NEWSLETTER_TRANSPORT__SMTP__HOST": "127.0.0.1",
        "NEWSLETTER_TRANSPORT__SMTP__PORT": str(port),
        "NEWSLETTER_TRANSPORT__SMTP__SECURITY": "none",
        "NEWSLETTER_TRANSPORT__CONCURRENCY": str(connections),
        "NEWSLETTER_SITE__PUBLIC_URL": "https://letters.example.org",
    }


def send(words: list[str], number: int, port: int, connections: int) -> dict[str, float]:
    """Processor and wall seconds of one `newsletter send` to so many people.

    Args:
        words: what runs `newsletter`; the last is the command that made the list.
        number: how many people.
        port: of the sink.
        connections: how many.
    """
    environ = environment(port, connections)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_example(folder)
        enlarge(folder)
        import_readers(folder, number, words[-1])
        began = time.monotonic()
        process = subprocess.Popen(
            [*words, "send", "--issue", "74", "--confirm", "74"], cwd=folder, env=environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        said = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{words[-1]} send ended with {process.returncode}:\n{said}")
    return {
        "wall": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
    }


def enlarge(folder: Path) -> None:
    """Put paragraphs behind issue 74 until its mail has its size."""
    (issue,) = (folder / "issues").glob("074-*.md")
    text = issue.read_text("utf-8")
    for number in range(60):
        text += f"\n\nParagraph {number} of an invented letter, written to be long enough.\n"
    issue.write_text(text, "utf-8")


def letter() -> str:
    """The HTML of the larger issue 74."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_example(folder)
        enlarge(folder)
        run(folder, "build", "--issue", "74")
        return (folder / "build/074.html").read_text("utf-8")


#: Sends to so many people through a port with so many connections; what that cost.
Contender = Callable[[int, int, int], dict[str, float]]
#: The bounds for an earlier version of ours, by what is compared.
BOUNDS: Final = {"rate": ("mails/s", 1.6), "cpu": ("s of CPU per 1,000", 0.65)}


def contenders(against: str | None, listmonk: str | None) -> dict[str, Contender]:
    """Who sends in turn, by name; this checkout first."""
    found: dict[str, Contender] = {"this": functools.partial(send, [COMMAND])}
    if against:
        found["other"] = functools.partial(send, [against])
    if listmonk:
        import listmonk as rival  # its driver is an extra's

        print(f"listmonk {rival.version(listmonk)}", flush=True)
        found["listmonk"] = functools.partial(rival.send, listmonk, letter())
    return found


def compare(
    who: dict[str, Contender], rounds: int, connections: int, *, profiled: bool = False
) -> None:
    """Print a line for each, and the ratio of ours to theirs; and where the time of ours goes."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in who}
    with subprocess.Popen(
        [sys.executable, __file__, "--sink"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as sink:  # fmt: skip
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        for _ in range(rounds):
            for name, contender in who.items():
                few, many = (contender(n, port, connections) for n in (FEW, MANY))
                found[name].append(
                    {
                        "cpu": (many["cpu"] - few["cpu"]) / (MANY - FEW) * 1000,
                        "rate": (MANY - FEW) / (many["wall"] - few["wall"]),
                        "memory": many["memory"],
                    }
                )
        if profiled:
            profile(port, connections)
        sink.communicate("")
    print(f"{'':12} {'mails/s':>9} {'CPU-s per 1,000':>16} {'MB':>6}   all rounds' CPU")
    medians: dict[str, Any] = {
        name: {key: statistics.median(r[key] for r in rows) for key in rows[0]}
        for name, rows in found.items()
    }
    for name, row in medians.items():
        spread = " ".join(f"{r['cpu']:.2f}" for r in found[name])
        print(
            f"{name:12} {row['rate']:9.0f} {row['cpu']:16.3f} {row['memory']:6.0f}   {spread}",
            flush=True,
        )
    mine = medians["this"]
    size = f"{SIZE} KB, {connections} connections"
    if len(medians) == 1:
        note(Figure(what=f"SMTP, {size}", ours=mine["rate"], unit="mails/s"))
        note(Figure(what=f"SMTP, {size}", ours=mine["cpu"], unit="s of CPU per 1,000"))
    note(Figure(what=f"SMTP, {MANY:,} mails", ours=mine["memory"], unit="MB", bound=200))
    for name, theirs in list(medians.items())[1:]:
        earlier = name == "other"
        for key, (unit, bound) in BOUNDS.items():
            note(
                Figure(
                    what=f"SMTP, {size}", ours=mine[key], unit=unit, theirs=theirs[key],
                    beside="an earlier version" if earlier else name,
                    bound=bound if earlier else None, at_least=key == "rate",
                )
            )  # fmt: skip
        cpu, rate = (mine[key] / theirs[key] for key in ("cpu", "rate"))
        print(f"beside {name}: processor {cpu:.2f}, rate {rate:.2f}")


def places() -> dict[str, list[Place]]:
    """The parts of a mail's way, and which functions they are."""
    from sqlalchemy.engine.default import DefaultDialect  # in the sending process

    import newsletter.smtp.dots
    from newsletter.delivery.deliver import SingleOutlet
    from newsletter.project.high_water import HighWaterMark
    from newsletter.sending.drain import _Drain
    from newsletter.smtp.session import Session
    from newsletter.store import Store, deliveries, settling
    from newsletter.store.group_commit import GroupCommit

    return {
        "threads: pace, log, breaker": [(_Drain, "_deliver")],
        "making the mail": [(SingleOutlet, "compose"), (newsletter.smtp.dots, "doubled")],
        "talking with the server": [(newsletter.smtp.SmtpTransport, "deliver")],
        "sending and receiving bytes": [(Session, "_write"), (Session, "_read")],
        "looking whether it has spoken": [(Session, "_heard")],
        "waiting for one's turn to commit": [(Store, "settle_and_claim")],
        "around a transaction": [(GroupCommit, "_transact")],
        "recording outcomes": [(settling, "settle")],
        "claiming": [(deliveries, "claim")],
        "commit, flushed": [(DefaultDialect, "do_commit")],
        "raising the ledger's mark, flushed": [(HighWaterMark, "flush")],
    }


def timed_send(file: str, words: list[str]) -> None:
    """`newsletter` with its parts under a clock; what they took goes into a file, as JSON."""
    from newsletter.cli import app

    timers = Timers(places())
    sys.argv = ["newsletter", *words]
    try:
        app.run_and_exit()
    finally:
        Path(file).write_text(json.dumps(timers.seconds()), "utf-8")


def profile(port: int, connections: int) -> None:
    """Note where the time of a mail goes, and the least of it."""
    of, unit = f"SMTP, {SIZE} KB, {connections} connections", "µs a mail"
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as file:
        send([sys.executable, __file__, "--timed", file.name, COMMAND], MANY, port, connections)
        found: dict[str, float] = json.load(file)
    for part, seconds in sorted(found.items(), key=lambda pair: -pair[1]):
        note(Share(of=of, part=part, cost=seconds / MANY * 1e6, unit=unit))
    for part, least in (
        ("the same words with the server, one connection, no records", talk),
        (f"two changes of a row for each, {TOGETHER} mails a flushed commit", record),
    ):
        began = time.process_time()
        least(port)
        cost = (time.process_time() - began) / FEW * 1e6
        note(Share(of=of, part=part, cost=cost, unit=unit, floor=True))


def talk(port: int) -> None:
    """Hand over mails on one connection, as plainly as it can be done."""
    letter = b"Subject: a\r\n\r\n" + b"All work and no play.\r\n" * (SIZE * 1000 // 23)
    said = (b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b@example.org>\r\n", b"DATA\r\n")
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.recv(4096)
        for _ in range(FEW):
            for words in said:
                server.sendall(words)
                server.recv(4096)
            server.sendall(letter)
            server.sendall(b".\r\n")
            server.recv(4096)


def record(_: int) -> None:
    """Claim and settle rows, each claim and each outcome on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/least.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE mails (id INTEGER PRIMARY KEY, state TEXT)")
        for first in range(0, FEW, TOGETHER):
            numbers = [(n,) for n in range(first, first + TOGETHER)]
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO mails VALUES (?, 'claimed')", numbers)
            before = [(n - TOGETHER,) for (n,) in numbers]
            database.executemany("UPDATE mails SET state = 'accepted' WHERE id = ?", before)
            database.execute("COMMIT")
        database.close()


def main() -> None:
    """Read the options."""
    if sys.argv[1:2] == ["--timed"]:
        file, _, *words = sys.argv[2:]
        timed_send(file, words)
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--against", help="another checkout's command")
    parser.add_argument("--listmonk", help="the path of its binary")
    parser.add_argument("--profile", action="store_true", help="say where a mail's time goes")
    options = parser.parse_args()
    if options.sink:
        asyncio.run(serve())
        return
    who = contenders(options.against, options.listmonk)
    compare(who, options.rounds, options.connections, profiled=options.profile)


if __name__ == "__main__":
    main()
