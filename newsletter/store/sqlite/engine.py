"""How SQLite is opened, and what its faults mean to people.

It answers with codes; here they become errors of the tree, so that no other file knows them.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc

from newsletter.errors import InputError, NewsletterError, PausedError, Place
from newsletter.project.disk import FREE_SOME, FULL
from newsletter.store.sqlite import read_only as looking
from newsletter.store.sqlite.integrity import DAMAGED, RESTORE, damaged

_SYNCHRONOUS_FULL: Final = 2
#: Kibibytes of pages kept by a connection.
_CACHE: Final = 8192
#: The same of one that writes very many rows: all that a step touches of the indexes of a million.
_LARGE_CACHE: Final = 65536
#: Pages in the write-ahead log (32 MB) after which they are copied into the file: in a long row of
#: transactions the same page is then copied once for many of them.
_LOG_PAGES: Final = 8000
#: SQLite lets a writer that waits look ever more rarely, in the end ten times a second; somebody
#: who writes again and again would keep it out for good. Begun anew after so many milliseconds it
#: looks every few.
_LOOK_MILLISECONDS: Final = 15
_SQLITE: Final = "sqlite:///"
_OPTIONS: Final = re.compile(r"\?\w+=")
#: What an extended result code of SQLite begins with.
_PRIMARY: Final = 0xFF

_BUSY: Final = "another program kept the store locked for {seconds:g} seconds"
_BUSY_HINT: Final = "close what else is writing to it, then run the same command again"

# Result codes of SQLite -> (kind, sentence, hint): an extended one, or else its primary one.
_FAULTS: Final[dict[int, tuple[type[NewsletterError], str, str]]] = {
    sqlite3.SQLITE_FULL: (PausedError, FULL, FREE_SOME),
    # No room for the index beside the write-ahead log.
    sqlite3.SQLITE_IOERR_SHMSIZE: (PausedError, FULL, FREE_SOME),
    sqlite3.SQLITE_IOERR: (
        PausedError,
        "the disk under the store failed",
        "see that the disk is there and not full, then run the same command again",
    ),
    sqlite3.SQLITE_BUSY: (PausedError, _BUSY, _BUSY_HINT),
    sqlite3.SQLITE_READONLY: (
        InputError,
        "the store cannot be written",
        "make the file and its folder writable for this user",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        InputError,
        "the store cannot be opened",
        "make the file and its folder readable and writable for this user",
    ),
    sqlite3.SQLITE_NOTADB: (
        InputError,
        "this file is not a SQLite database, or it is damaged",
        "set store.url to the newsletter's own file, or: newsletter db restore FILE",
    ),
    sqlite3.SQLITE_CORRUPT: (InputError, DAMAGED, RESTORE),
}


_QUOTING: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def file_of(url: str) -> Path:
    """The file of a `sqlite:///` URL under its one real name: absolute, without links on the way.

    Raises:
        InputError: another database, no file, or options; the URL is not repeated, for it may
            hold a password.
    """
    if url.startswith("postgresql:"):
        raise InputError(
            "this is done to a file, and store.url names a database on a server",
            hint="docs/postgresql.md tells how it is done there",
        )
    hint = f"write {_SQLITE}.newsletter/newsletter.db"
    if not url.startswith(_SQLITE):
        raise InputError("store.url names a database that is not supported", hint=hint)
    # Taken as it stands: a library would decode a % in the name of a folder.
    file = url.removeprefix(_SQLITE)
    if file in {"", ":memory:"} or _OPTIONS.search(file):
        raise InputError("store.url must name a file and nothing else", hint=hint)
    # Lock, log and departures lie beside the file. Beside a link to it they would be others.
    try:
        return Path(file).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            "the store cannot be opened",
            place=Place(file),
            cause="a link leads in a circle" if isinstance(error, RuntimeError) else None,
            hint="set store.url to the newsletter's own file",
        ) from error


def open_engine(path: Path, *, read_only: bool, create: bool, patience: float) -> sa.Engine:
    """Connections to one file, made as they are needed.

    Args:
        path: the file.
        read_only: whether nothing is written; SQLite's own files may lie beside it meanwhile.
        create: whether a missing file is made.
        patience: how many seconds another writer is waited for.
    """
    query = {"uri": "true", "mode": "rwc" if create else "rw"}
    arguments = {"timeout": patience}
    url = sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)
    # Parameters are people's addresses.
    if read_only:
        engine = sa.create_engine(
            url, hide_parameters=True, max_overflow=-1,
            creator=lambda: looking.connect(path, seconds=patience),
        )  # fmt: skip
    else:
        engine = sa.create_engine(
            url, hide_parameters=True, max_overflow=-1, connect_args=arguments,
            # Who has just written knows the pages; to any other connection they have changed.
            pool_use_lifo=True,
        )  # fmt: skip

    # Python's driver begins transactions late and half; SQLAlchemy's documented recipe is to
    # switch that off and say BEGIN ourselves.
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        if not read_only:
            _make_durable(connection)

    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            _begin_writing(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _begin_writing(connection: sa.Connection) -> None:
    """Wait for other writers as long as the connection says, looking every few milliseconds.

    Past SQLAlchemy, which would spend more on these few words than SQLite does: every mail that
    is sent begins two transactions.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    (patience,) = driver.execute("PRAGMA busy_timeout").fetchone()
    deadline = time.monotonic() + patience / 1000
    driver.execute(f"PRAGMA busy_timeout = {min(patience, _LOOK_MILLISECONDS)}")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                code = error.sqlite_errorcode
                if code & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    # As SQLAlchemy says it: whoever translates faults looks for that.
                    raise exc.OperationalError("BEGIN IMMEDIATE", None, error) from error
            else:
                return
    finally:
        driver.execute(f"PRAGMA busy_timeout = {patience}")


def _make_durable(connection: sqlite3.Connection) -> None:
    """A commit must be on the disk when it returns, or a power cut sends a mail twice."""
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    connection.execute("PRAGMA foreign_keys = 1")
    # What is deleted is overwritten: an erased address would stay readable in the file.
    connection.execute("PRAGMA secure_delete = 1")
    journal = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA synchronous = FULL")
    if sys.platform == "darwin":  # pragma: no cover
        # There FULL alone leaves the data in the drive's own cache.
        connection.execute("PRAGMA fullfsync = 1")
        connection.execute("PRAGMA checkpoint_fullfsync = 1")
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if journal != "wal" or synchronous != _SYNCHRONOUS_FULL:
        raise InputError(
            "the records would not be safe in this place",
            cause=f"journal_mode is {journal}, synchronous is {synchronous}",
            hint="keep the store on a local disk, not on a network folder",
        )


def with_more_memory(connection: sqlite3.Connection, _record: object) -> None:
    """Have a connection write each page once in a transaction, not once for each of its rows.

    Triggers may call the program (`departure_triggers`), so SQLite copies every page that a
    statement changes, to undo it alone: into a file unless it is told otherwise.
    """
    connection.execute(f"PRAGMA cache_size = -{_LARGE_CACHE}")
    connection.execute("PRAGMA temp_store = MEMORY")


def locked_too_long(path: Path, seconds: float) -> PausedError:
    """Somebody else wrote all the time."""
    return PausedError(_BUSY.format(seconds=seconds), place=Place(str(path)), hint=_BUSY_HINT)


def fault(
    error: BaseException | None, path: Path, *, opening: bool, seconds: float
) -> NewsletterError:
    """What an error of the driver means.

    Args:
        error: the driver's.
        path: the database.
        opening: whether the file was just being opened.
        seconds: how long another writer was waited for.
    """
    code = getattr(error, "sqlite_errorcode", None)
    place = Place(str(path))
    if code is None and isinstance(error, sqlite3.OperationalError):
        return damaged(path)  # the driver's own: a text that is not UTF-8, which it quotes
    if code is None or not (known := _FAULTS.get(code) or _FAULTS.get(code & _PRIMARY)):
        return NewsletterError(
            "the store refused a statement",
            place=place,
            cause=f"{type(error).__name__}: {error}",
            hint="this is a bug; please report it",
        )
    kind, message, hint = known
    # Who cannot even open it for another program has sent nothing that could be paused.
    if opening and code & _PRIMARY == sqlite3.SQLITE_BUSY:
        kind = InputError
    # Where the file is damaged, SQLite quotes names of its tables: they may be anything by then.
    cause = None if code & _PRIMARY in _QUOTING else str(error)
    return kind(message.format(seconds=seconds), place=place, cause=cause, hint=hint)
