"""What a mail through SMTP costs the processor, and how many leave in a second.

    python benchmarks/smtp.py [--rounds N] [--against COMMAND] [--connections N]

`newsletter send` hands issue 74 to a mail server on this machine that takes whatever comes: 2,000
mails, then 10,000, with a durable record for each. What the larger run costs more than the smaller
is the cost of a mail without that of starting. Another checkout's `newsletter` may be given to run
in turn with this one; the ratios are then those of the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from figures import Figure, note
from world import COMMAND, copy_example, import_readers

FEW: Final = 2_000
MANY: Final = 10_000
#: Kilobytes of a mail: text is put behind the letter until it is as large.
SIZE: Final = 60


class Sink(asyncio.Protocol):
    """Takes every mail, and keeps none."""

    transport: asyncio.Transport

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
                self.transport.write(b"250 taken\r\n")
            return
        verb = data[:4].upper()
        self.taking, self.end = verb == b"DATA", b""
        answers = {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}
        self.transport.write(answers.get(verb, b"250 ok\r\n"))


async def serve() -> None:
    """Say the port, and take mails until stdin ends."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def send(command: str, number: int, port: int, connections: int) -> dict[str, float]:
    """Processor and wall seconds of one `newsletter send` to so many people."""
    environ = os.environ | {
        "NEWSLETTER_TRANSPORT__KIND": "smtp",
        "NEWSLETTER_TRANSPORT__SMTP__HOST": "127.0.0.1",
        "NEWSLETTER_TRANSPORT__SMTP__PORT": str(port),
        "NEWSLETTER_TRANSPORT__SMTP__SECURITY": "none",
        "NEWSLETTER_TRANSPORT__CONCURRENCY": str(connections),
        "NEWSLETTER_SITE__PUBLIC_URL": "https://letters.example.org",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_example(folder)
        enlarge(folder)
        import_readers(folder, number, command)
        began = time.monotonic()
        process = subprocess.Popen(
            [command, "send", "--issue", "74", "--confirm", "74"], cwd=folder, env=environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        words = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} send ended with {process.returncode}:\n{words}")
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


def compare(commands: dict[str, str], rounds: int, connections: int) -> None:
    """Print a line for each, and their ratio to the last."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    with subprocess.Popen(
        [sys.executable, __file__, "--sink"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as sink:  # fmt: skip
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        for _ in range(rounds):
            for name, command in commands.items():
                few, many = (send(command, n, port, connections) for n in (FEW, MANY))
                found[name].append(
                    {
                        "cpu": (many["cpu"] - few["cpu"]) / (MANY - FEW) * 1000,
                        "rate": (MANY - FEW) / (many["wall"] - few["wall"]),
                        "memory": many["memory"],
                    }
                )
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
    if len(medians) > 1:
        ours, theirs = medians.values()
        for key, unit, bound in (("rate", "mails/s", 1.6), ("cpu", "s of CPU per 1,000", 0.65)):
            note(
                Figure(
                    what=f"SMTP, {size}", ours=ours[key], unit=unit, beside="an earlier version",
                    theirs=theirs[key], bound=bound, at_least=key == "rate",
                )
            )  # fmt: skip
        print(
            f"processor {ours['cpu'] / theirs['cpu']:.2f}, rate {ours['rate'] / theirs['rate']:.2f}"
        )


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--against", help="another checkout's command")
    options = parser.parse_args()
    if options.sink:
        asyncio.run(serve())
        return
    commands = {"this": COMMAND} | ({"other": options.against} if options.against else {})
    compare(commands, options.rounds, options.connections)


if __name__ == "__main__":
    main()
