"""Whole database files: copied while in use, made one with their logs, read through."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final

#: The disk had no room, or gave out.
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_PRIMARY: Final = 0xFF

#: What reading or writing one may raise.
Error = sqlite3.Error

#: What a file and its log are called.
LOG: Final = "-wal"
BESIDE: Final = (LOG, "-shm")


def copy(source: Path, target: Path) -> str:
    """Copy what is committed in a database, its write-ahead log included, into one file.

    Copying the file by hand would miss the log, or catch a page half written. All pages go in one
    step: in several, every claim of a sender would begin it anew.

    Returns:
        what is wrong with the copy, "" when nothing is.

    Raises:
        Error: see `is_full`.
    """
    with (
        contextlib.closing(sqlite3.connect(source)) as original,
        contextlib.closing(sqlite3.connect(target)) as made,
    ):
        original.backup(made)
        return _one_whole_file(made)


def make_whole(path: Path) -> str:
    """Fold its log into a database file and read all of it; what is wrong, "" when nothing is."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return _one_whole_file(connection)
    except sqlite3.Error as error:
        # Not its words: where a file is damaged, they may quote anything.
        return type(error).__name__


def give_log(path: Path) -> None:
    """Have a file that is whole write ahead, as the records do; it takes no log along."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()


def fold_log(path: Path, *, patience: float) -> bool:
    """Fold the log into the file, which nobody else may have open; false when somebody has.

    A damaged file stays as it is, its log beside it.

    Args:
        path: the database.
        patience: seconds to wait for others.
    """
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=patience)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorcode", 0) & _PRIMARY != sqlite3.SQLITE_BUSY
    return True


def is_full(error: Error) -> bool:
    """Whether the disk had no room, or gave out."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _FULL


def insert_rows(path: Path, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Add whole rows to a table of a file that nobody else uses."""
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  # a table of ours


def drop_letters(path: Path) -> None:
    """Have no letter sent that is queued in a file nobody else uses: it may have been since."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        made = "SELECT 1 FROM sqlite_master WHERE name = 'letters'"
        if connection.execute(made).fetchone():
            why = "these records were restored, and it may have been sent"
            update = "UPDATE letters SET state = 'dropped', reason = ? WHERE state = 'queued'"
            connection.execute(update, (why,))


def _one_whole_file(connection: sqlite3.Connection) -> str:
    connection.execute("PRAGMA journal_mode = DELETE")
    found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if found == "ok" else found
