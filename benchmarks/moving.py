"""What it costs to move the records of a million to PostgreSQL, and back into a file.

    python benchmarks/moving.py [readers]

Three issues are frozen for all of them, so that there is a row of the records for each mail, and
some mails of each have left. Then `newsletter db copy` moves everything to a PostgreSQL server of
its own on this machine, and a second one moves it back into a new file; each compares what it wrote
with what it read. Beside that the first file and the last are read here, table by table. Wherever
the records were, a real send is refused afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from figures import Figure, note
from scale import IMPORT, MEMORY, cost
from world import COMMAND, FakeSes, copy_example, database

#: Begun for all, and a few mails of each sent.
ISSUES: Final = ("72", "73", "74")
URL: Final = "NEWSLETTER_STORE__URL"
REFUSED: Final = 8
#: What a file says of itself alone: how it was made, and what only a file needs.
OWN: Final = ("sqlite_", "alembic_version", "departures")


def main() -> None:
    """Print a line for each way."""
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with (
        tempfile.TemporaryDirectory() as name,
        database() as server,
        FakeSes("--no-signatures") as ses,
    ):
        folder, here = Path(name), ses.environ
        there = here | {URL: server}
        fill(folder, here, readers)
        first, last = folder / ".newsletter/newsletter.db", folder / ".newsletter/back.db"
        before = hashes(first)
        print(f"{'':12} {'seconds':>8} {'CPU':>8} {'memory':>9}")
        for way, environ, to in (
            ("to PostgreSQL", here, server),
            ("to a file", there, f"sqlite:///{last}"),
        ):
            took = cost(folder, environ, (COMMAND, "db", "copy", "--to", to))
            print(f"{way:14} {took.seconds:6.0f} s {took.cpu:6.0f} s {took.memory:6.0f} MB")
            what = f"{readers:,} readers and {len(ISSUES)} issues {way}"
            note(Figure(what=what, ours=took.seconds, unit="s"))
            note(Figure(what=what, ours=took.memory, unit="MB", bound=MEMORY))
            refuse(folder, environ)
        print("where the records were, a send is refused")
        after = hashes(last)
        rows = sum(number for number, _ in before.values())
        same = sum(before[table] == after.get(table) for table in before)
        print(f"{same} of {len(before)} tables with {rows:,} rows are the same after both ways")
        note(Figure(what="tables that differ after both ways", ours=len(before) - same, bound=0))


def fill(folder: Path, environ: dict[str, str], readers: int) -> None:
    """A list, and issues on their way to all of it."""
    copy_example(folder)
    text = "---\ntitle: Before the others\n---\nHello {{ name }}, this came first.\n"
    (folder / f"issues/0{ISSUES[0]}-before.md").write_text(text, "utf-8")
    with (folder / "list.csv").open("w", encoding="utf-8") as stream:
        stream.write("email,name\n")
        stream.writelines(f"reader{n}@example.org,Reader {n}\n" for n in range(readers))
    cost(folder, environ, (COMMAND, *IMPORT))
    for issue in ISSUES:
        words = ("send", "--issue", issue, "--confirm", issue, "--limit", "20")
        cost(folder, environ, (COMMAND, *words))


def refuse(folder: Path, environ: dict[str, str]) -> None:
    """See that nothing leaves from records that were moved."""
    words = (COMMAND, "send", "--issue", ISSUES[-1], "--confirm", ISSUES[-1])
    sent = subprocess.run(
        words, cwd=folder, env=os.environ | environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if sent.returncode != REFUSED:
        sys.exit(f"a send from there ended with {sent.returncode}:\n{sent.stderr}")


def hashes(file: Path) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and a hash of them in the order of their keys."""
    # While another program has it open, nothing is moved.
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        names = connection.execute("select name from sqlite_master where type = 'table'")
        tables = [name for (name,) in names if not name.startswith(OWN)]
        return {table: _hash(connection, table) for table in tables}


def _hash(connection: sqlite3.Connection, table: str) -> tuple[int, str]:
    columns = connection.execute(f"pragma table_info({table})").fetchall()
    keys = ", ".join(f'"{name}"' for _, name, *_, key in sorted(columns, key=lambda c: c[5]) if key)
    number, digest = 0, hashlib.sha256()
    for row in connection.execute(f'select * from "{table}" order by {keys or 1}'):
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
        number += 1
    return number, digest.hexdigest()


if __name__ == "__main__":
    main()
