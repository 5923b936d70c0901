"""What only the database itself tells or does, for tests that are about something else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.raw_records import raw


def everything(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the store in a folder, to be compared with what it is later."""
    with raw(folder / "newsletter.db") as connection:
        names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        return {name: connection.execute(f'select * from "{name}"').fetchall() for (name,) in names}


def untold(folder: Path, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of a store in a folder that neither a command nor the store tells anybody."""
    with raw(folder / "newsletter.db") as connection:
        return connection.execute(f"select {', '.join(columns)} from {table}").fetchall()


def spoil(path: Path, name: str) -> None:
    """Damage a file where its database keeps the first rows of a table or an index."""
    with raw(path) as connection:
        (size,) = connection.execute("pragma page_size").fetchone()
        question = "select rootpage from sqlite_master where name = ?"
        (page,) = connection.execute(question, (name,)).fetchone()
    with path.open("r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * 64)


@contextlib.contextmanager
def another_writes(path: Path | str) -> Iterator[None]:
    """Another program is in the middle of writing, for the length of the block."""
    with raw(path) as connection:
        connection.execute("begin immediate")
        yield
        connection.execute("rollback")


@contextlib.contextmanager
def another_reads(path: Path | str) -> Iterator[None]:
    """Another program is in the middle of reading."""
    with raw(path) as connection:
        connection.execute("begin")
        connection.execute("select count(*) from subscribers").fetchall()
        yield
