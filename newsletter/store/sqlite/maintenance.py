"""What is done to the whole file: its log emptied, the file written anew, tables rebuilt."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from newsletter.errors import NewsletterError, Place
from newsletter.store.database import Database

#: How often it is tried to empty the log, how long each waits for readers, and the pause between.
_LOG_TRIES: Final = 30
_LOG_MILLISECONDS: Final = 100
_LOG_PAUSE: Final = 0.1


def empty_log(database: Database) -> bool:
    """Copy the write-ahead log into the file and empty it: it holds pages as they were.

    Returns:
        false when another program kept it for reading.

    Raises:
        NewsletterError: whatever the database complains about, translated.
    """
    for _ in range(_LOG_TRIES):
        with database.writer:
            busy, *_ = _outside_transactions(database, "PRAGMA wal_checkpoint(TRUNCATE)")
        if not busy:
            return True
        time.sleep(_LOG_PAUSE)
    return False


def rewrite(database: Database) -> None:
    """Write the file anew without what was deleted before `secure_delete` was on.

    Nobody else can write meanwhile, and it takes a while: for upgrades only.

    Raises:
        NewsletterError: whatever the database complains about, translated.
    """
    with database.writer:
        _outside_transactions(database, "VACUUM")
        _outside_transactions(database, "PRAGMA wal_checkpoint(TRUNCATE)")


def _outside_transactions(database: Database, statement: str) -> tuple[int, ...]:
    plain = database.engine.raw_connection()
    try:
        cursor = plain.cursor()
        # While it waits for readers it keeps writers out, so it must not wait long.
        [patience] = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {min(patience, _LOG_MILLISECONDS)}")
        try:
            row: tuple[int, ...] = cursor.execute(statement).fetchone() or ()
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")
        cursor.close()
    except sqlite3.Error as error:
        raise database.backend.fault(error, opening=False) from error
    finally:
        plain.close()
    return row


@contextmanager
def rebuilding(database: Database) -> Iterator[sa.Connection]:
    """As `Database.writing`, for tables that others point at: foreign keys are checked at the end.

    SQLite copies a table to change it, and cannot switch the keys off inside a transaction
    (sqlite.org/lang_altertable.html, section 7).

    Raises:
        NewsletterError: a row would point at nothing; nothing was changed.
    """
    with database.writer, database.translated(opening=True), database.engine.connect() as plain:
        driver = plain.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys = 0")
        connection = plain.execution_options(writes=True)
        try:
            with connection.begin():
                yield connection
                _demand_keys(connection, database.path)
        finally:
            driver.execute("PRAGMA foreign_keys = 1")


def _demand_keys(connection: sa.Connection, path: Path) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise NewsletterError(
            "the upgrade would leave records that point at nothing",
            place=Place(str(path)),
            hint="nothing was changed; restore a backup, or report this",
        )
