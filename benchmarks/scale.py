"""What a list of a million costs: time and memory of whole commands, beside a list of a thousand.

    python benchmarks/scale.py [readers]

"plan" freezes content and recipients and sends one mail, "resume" goes on with one more, "status"
counts; each is the whole command as a person waits for it, its start included. "send" hands over
2,000 mails. Memory is the largest a process got. What the import takes of the processor is compared
with looking at the same addresses with email-validator alone, and with `sqlite3 .import`, which
checks nothing; all three run one after another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from figures import Figure, Share, note
from world import COMMAND, FakeSes, copy_example

SMALL: Final = 1_000
CONFIRM: Final = ("send", "--issue", "74", "--confirm", "74")
#: Name, words, what must not be exceeded in seconds with a million.
IMPORT: Final = ("subscribers", "import", "list.csv", "--consent-source", "invented")
STEPS: Final = (
    ("import", IMPORT, None),
    ("plan", (*CONFIRM, "--limit", "1"), 20.0),
    ("resume", (*CONFIRM, "--limit", "1"), 2.0),
    ("send", (*CONFIRM, "--limit", "2000"), None),
    ("status", ("status",), 1.0),
    ("status --json", ("status", "--issue", "74", "--json"), 1.0),
)
MEMORY: Final = 200
IMPORT_MEMORY: Final = 256
#: How many times as much of the processor as email-validator alone.
IMPORT_BOUND: Final = 1.5
VALIDATOR: Final = """
import csv
from email_validator import validate_email
for row in csv.DictReader(open("list.csv")):
    validate_email(row["email"], check_deliverability=False, test_environment=True, strict=True)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall seconds, seconds of the processor and peak memory in MB of one command."""

    seconds: float
    cpu: float
    memory: float


def cost(folder: Path, environ: dict[str, str], words: tuple[str, ...]) -> Cost:
    """Run one command and see what it took."""
    began = time.monotonic()
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            words, cwd=folder, env=environ, stdin=subprocess.DEVNULL,
            stdout=said, stderr=said,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 6}:
        sys.exit((folder / "said").read_text("utf-8"))
    per_megabyte = 1024**2 if sys.platform == "darwin" else 1024
    return Cost(
        time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / per_megabyte
    )


def costs(readers: int, environ: dict[str, str]) -> dict[str, Cost]:
    """What each step takes with so many readers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_example(folder)
        with (folder / "list.csv").open("w", encoding="utf-8") as stream:
            stream.write("email,name\n")
            stream.writelines(f"reader{n}@example.org,Reader {n}\n" for n in range(readers))
        found = {}
        for step, words, _ in STEPS:
            found[step] = cost(folder, environ, (COMMAND, *words))
        found["email-validator"] = cost(folder, environ, (sys.executable, "-c", VALIDATOR))
        if shutil.which("sqlite3"):
            plain = ("sqlite3", "plain.db", ".mode csv", ".import list.csv people")
            found["sqlite3 .import"] = cost(folder, environ, plain)
        return found


def main() -> None:
    """Print a line for each step."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with FakeSes("--no-signatures") as ses:
        small, large = costs(SMALL, ses.environ), costs(many, ses.environ)
    print(f"{'':14} {SMALL:>10,} {many:>12,} {'times':>7} {'bound':>7} {'memory':>9}")
    for step, _, bound in STEPS:
        less, more = small[step], large[step]
        limit = f"{bound:.0f} s" if bound else ""
        print(
            f"{step:14} {less.seconds:8.2f} s {more.seconds:10.2f} s "
            f"{more.seconds / less.seconds:7.1f} {limit:>7} {more.memory:6.0f} MB"
        )
        memory = IMPORT_MEMORY if step == "import" else MEMORY
        what = f"{step} with {many:,} readers"
        note(Figure(what=what, ours=more.seconds, unit="s", bound=bound))
        note(Figure(what=what, ours=more.memory, unit="MB", bound=memory))
        if step == "resume":
            parts = {f"with {SMALL:,} readers": less.seconds}
            parts["what the others add"] = more.seconds - less.seconds
            for part, seconds in parts.items():
                note(Share(of=what, part=part, cost=seconds, unit="s"))
    print(f"bound of the memory: {MEMORY} MB; of the import's: {IMPORT_MEMORY} MB")
    for other in ("email-validator", "sqlite3 .import"):
        if other in large:
            mine, its = large["import"].cpu, large[other].cpu
            limited = IMPORT_BOUND if other == "email-validator" else None
            most = f"   (bound: {limited})" if limited else ""
            print(f"import {mine:.1f} s CPU, {other} {its:.1f} s: {mine / its:.2f} times{most}")
            note(
                Figure(
                    what=f"import of {many:,} rows", ours=mine, unit="s of CPU",
                    beside=other, theirs=its, bound=limited,
                )
            )  # fmt: skip


if __name__ == "__main__":
    main()
