"""Whether SQLite and one database file are as this program needs them; nothing is changed."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Final

from newsletter.store.database import Database
from newsletter.store.sqlite.files import LOG

#: The first with RETURNING.
_OLDEST: Final = (3, 35, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was seen of a database file.

    Attributes:
        whole: whether SQLite's own check finds no fault in it.
        journal: how transactions become durable; "wal" in every file of this program.
        log: bytes of the write-ahead log.
    """

    whole: bool
    journal: str
    log: int


def version() -> str:
    """Of the library that Python uses."""
    return sqlite3.sqlite_version


def lacking() -> str:
    """What SQLite cannot do that is needed, in a sentence; "" for nothing."""
    if sqlite3.sqlite_version_info < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        return f"SQLite {sqlite3.sqlite_version} is older than {oldest}"
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("SELECT value FROM json_each('[1]')").fetchone()
    except sqlite3.OperationalError:
        return f"SQLite {sqlite3.sqlite_version} was built without JSON"
    return ""


def inspect(database: Database) -> Inspection:
    """Look through a whole file; a large one takes some seconds.

    Raises:
        NewsletterError: whatever the database complains about, translated.
    """
    with database.reading() as connection:
        checked = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        journal = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
    log = database.path.with_name(database.path.name + LOG)
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        size = 0
    return Inspection(whole=checked == "ok", journal=journal, log=size)
