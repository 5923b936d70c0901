"""The door to the database file: how it is opened, and what its faults mean to people.

SQLite answers with codes; here they become errors of the tree, so that no other file knows them.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc

from newsletter.errors import InputError, NewsletterError, PausedError, Place
from newsletter.store.disk import FREE_SOME, FULL

_BUSY_SECONDS: Final = 30
_SYNCHRONOUS_FULL: Final = 2
#: Kibibytes of pages kept by a connection.
_CACHE: Final = 8192
#: Pages in the write-ahead log (32 MB) after which they are copied into the file: in a long row of
#: transactions the same page is then copied once for many of them.
_LOG_PAGES: Final = 8000
#: How often it is tried to empty the log, how long each waits for readers, and the pause between.
_LOG_TRIES: Final = 30
_LOG_MILLISECONDS: Final = 100
_LOG_PAUSE: Final = 0.1
#: SQLite lets a writer that waits look ever more rarely, in the end ten times a second; somebody
#: who writes again and again would keep it out for good. Begun anew after so many milliseconds it
#: looks every few.
_LOOK_MILLISECONDS: Final = 15
_SQLITE: Final = "sqlite:///"
_OPTIONS: Final = re.compile(r"\?\w+=")
#: What an extended result code of SQLite begins with.
_PRIMARY: Final = 0xFF

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
    sqlite3.SQLITE_BUSY: (
        PausedError,
        f"another program kept the store locked for {_BUSY_SECONDS} seconds",
        "close what else is writing to it, then run the same command again",
    ),
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
        "this file is not a SQLite database",
        "set store.url to the newsletter's own file, or restore a backup",
    ),
    sqlite3.SQLITE_CORRUPT: (
        InputError,
        "the store is damaged",
        "restore a backup; keep this file, for it tells who was sent what",
    ),
}


_Around = Callable[[sa.Connection], AbstractContextManager[None]]


class Database:
    """One open database file.

    Args:
        path: the file.
        read_only: whether not one byte of its folder may change.
        create: whether a missing file is made.
    """

    def __init__(self, path: Path, *, read_only: bool, create: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._engine = _engine(path, read_only=read_only, create=create)
        # SQLite lets waiting writers sleep and poll; threads of one process queue here instead.
        self._writer = threading.RLock()
        #: Put around what every write transaction does.
        self.around: Callable[[sa.Connection], AbstractContextManager[None]] = lambda _: (
            nullcontext()
        )

    @contextmanager
    def reading(self, *, opening: bool = False) -> Iterator[sa.Connection]:
        """A snapshot: what is read inside agrees with itself.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        with self._translated(opening=opening), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, *, opening: bool = False) -> Iterator[sa.Connection]:
        """One write transaction, durable when the block has ended, undone when it raised.

        It keeps every other writer waiting, so it must be short: what concerns many people at once
        goes through `steps.Steps`.

        Args:
            opening: whether the file is just being opened, for the words of an error.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        if self.read_only:
            raise NewsletterError("the store was opened for reading only")
        with self._writer, self._translated(opening=opening), self._engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin(), self.around(connection):
                yield connection

    def empty_log(self) -> bool:
        """Copy the write-ahead log into the file and empty it: it holds pages as they were.

        Returns:
            false when another program kept it for reading.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        for _ in range(_LOG_TRIES):
            with self._writer:
                busy, *_ = self._outside_transactions("PRAGMA wal_checkpoint(TRUNCATE)")
            if not busy:
                return True
            time.sleep(_LOG_PAUSE)
        return False

    def rewrite(self) -> None:
        """Write the file anew without what was deleted before `secure_delete` was on.

        Nobody else can write meanwhile, and it takes a while: for upgrades only.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        with self._writer:
            self._outside_transactions("VACUUM")
            self._outside_transactions("PRAGMA wal_checkpoint(TRUNCATE)")

    def _outside_transactions(self, statement: str) -> tuple[int, ...]:
        plain = self._engine.raw_connection()
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
            raise _fault(error, self.path, opening=False) from error
        finally:
            plain.close()
        return row

    @contextmanager
    def rebuilding(self) -> Iterator[sa.Connection]:
        """As `writing`, for tables that others point at: foreign keys are checked at the end.

        SQLite copies a table to change it, and cannot switch the keys off inside a transaction
        (sqlite.org/lang_altertable.html, section 7).

        Raises:
            NewsletterError: a row would point at nothing; nothing was changed.
        """
        with self._writer, self._translated(opening=True), self._engine.connect() as plain:
            driver = plain.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys = 0")
            connection = plain.execution_options(writes=True)
            try:
                with connection.begin():
                    yield connection
                    _demand_keys(connection, self.path)
            finally:
                driver.execute("PRAGMA foreign_keys = 1")

    def close(self) -> None:
        """Give the file back; SQLite then folds its write-ahead log into it."""
        self._engine.dispose()

    @contextmanager
    def _translated(self, *, opening: bool) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise _fault(error.orig, self.path, opening=opening) from error


def file_of(url: str) -> Path:
    """The file of a `sqlite:///` URL.

    Raises:
        InputError: another database, no file, or options; the URL is not repeated, for it may
            hold a password.
    """
    hint = f"write {_SQLITE}.newsletter/newsletter.db"
    if url.startswith("postgresql"):
        raise InputError(
            "PostgreSQL is not supported yet", hint=f"keep the records in SQLite: {hint}"
        )
    if not url.startswith(_SQLITE):
        raise InputError("store.url names a database that is not supported", hint=hint)
    # Taken as it stands: a library would decode a % in the name of a folder.
    file = url.removeprefix(_SQLITE)
    if file in {"", ":memory:"} or _OPTIONS.search(file):
        raise InputError("store.url must name a file and nothing else", hint=hint)
    return Path(file)


def _engine(path: Path, *, read_only: bool, create: bool) -> sa.Engine:
    query = _read_only_options(path) if read_only else {"mode": "rwc" if create else "rw"}
    engine = sa.create_engine(
        sa.URL.create(
            "sqlite", database=f"file:{quote(str(path.absolute()))}", query={"uri": "true"} | query
        ),
        connect_args={"timeout": _BUSY_SECONDS},
        hide_parameters=True,  # they are people's addresses
        max_overflow=-1,
    )

    # Python's driver begins transactions late and half; SQLAlchemy's documented recipe is to
    # switch that off and say BEGIN ourselves.
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        if read_only:
            connection.execute("PRAGMA query_only = 1")
        else:
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
    """Wait for other writers as long as the connection says, looking every few milliseconds."""
    patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    deadline = time.monotonic() + patience / 1000
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {min(patience, _LOOK_MILLISECONDS)}")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except exc.OperationalError as error:
                code = getattr(error.orig, "sqlite_errorcode", 0)
                if code & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
            else:
                return
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")


def _read_only_options(path: Path) -> dict[str, str]:
    """How to look without touching: SQLite otherwise makes -wal and -shm files for a reader."""
    log = path.with_name(path.name + "-wal")
    if not log.exists() or not log.stat().st_size:
        # Nobody has written since the last fold, so the file alone is the whole truth.
        return {"immutable": "1"}
    if not path.with_name(path.name + "-shm").exists():
        raise InputError(
            "a process died while it had the store open, and its traces are incomplete",
            place=Place(str(path)),
            hint="newsletter db upgrade puts it in order",
        )
    return {"mode": "ro", "readonly_shm": "1"}


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


def _demand_keys(connection: sa.Connection, path: Path) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise NewsletterError(
            "the upgrade would leave records that point at nothing",
            place=Place(str(path)),
            hint="nothing was changed; restore a backup, or report this",
        )


def _fault(error: BaseException | None, path: Path, *, opening: bool) -> NewsletterError:
    code = getattr(error, "sqlite_errorcode", None)
    place = Place(str(path))
    if code is None or not (fault := _FAULTS.get(code) or _FAULTS.get(code & _PRIMARY)):
        return NewsletterError(
            "the store refused a statement",
            place=place,
            cause=f"{type(error).__name__}: {error}",
            hint="this is a bug; please report it",
        )
    kind, message, hint = fault
    # Who cannot even open it for another program has sent nothing that could be paused.
    if opening and code & _PRIMARY == sqlite3.SQLITE_BUSY:
        kind = InputError
    return kind(message, place=place, cause=str(error), hint=hint)
