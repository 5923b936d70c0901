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
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc

from newsletter.errors import InputError, NewsletterError, PausedError, Place
from newsletter.project.disk import FREE_SOME, FULL
from newsletter.store.damage import DAMAGED, RESTORE, UnreadableError, damaged, is_damaged
from newsletter.store.read_only import connect as connect_to_read

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


#: Put around a write transaction; the stack is closed when it is durable or undone.
_Around = Callable[[sa.Connection, ExitStack], AbstractContextManager[None]]


class Database:
    """One open database file.

    Args:
        path: the file.
        read_only: whether nothing is written; SQLite's own files may lie beside it meanwhile.
        create: whether a missing file is made.
        patience: how many seconds another writer is waited for, 30 unless it is given.
    """

    def __init__(
        self, path: Path, *, read_only: bool, create: bool, patience: float | None = None
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._patience = _BUSY_SECONDS if patience is None else patience
        self._engine = _engine(path, read_only=read_only, create=create, patience=self._patience)
        # SQLite lets waiting writers sleep and poll; threads of one process queue here instead:
        # for as long as it takes, unless whoever opened this is in a hurry.
        self._writer = threading.RLock()
        self._turn_seconds = -1 if patience is None else patience
        #: Put around every write transaction; see `departures.Departures.kept`.
        self.around: _Around = lambda _, __: nullcontext()

    @contextmanager
    def reading(self, *, opening: bool = False) -> Iterator[sa.Connection]:
        """A snapshot: what is read inside agrees with itself.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        with self._translated(opening=opening), self._engine.begin() as connection:
            try:
                yield connection
            except ValueError as error:  # only rows are read in here
                raise UnreadableError("a row cannot be read") from error

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
        with (
            self._turn(),
            self._translated(opening=opening),
            self._engine.connect() as plain,
            ExitStack() as until_durable,
        ):
            connection = plain.execution_options(writes=True)
            with connection.begin(), self.around(connection, until_durable):
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

    def expect_whole(self) -> None:
        """Look through the whole file; slow, so only where something is odd already.

        Raises:
            InputError: it is damaged.
        """
        if is_damaged(lambda: connect_to_read(self.path, seconds=_BUSY_SECONDS)):
            raise damaged(self.path)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer of this process at a time."""
        if not self._writer.acquire(timeout=self._turn_seconds):
            message = _BUSY.format(seconds=self._patience)
            raise PausedError(message, place=Place(str(self.path)), hint=_BUSY_HINT)
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _translated(self, *, opening: bool) -> Iterator[None]:
        try:
            yield
        except UnreadableError as error:
            raise damaged(self.path) from error
        except exc.DBAPIError as error:
            fault = self._fault(error.orig, opening=opening)
            if fault.exit_code == NewsletterError.exit_code:
                self.expect_whole()
            raise fault from error
        except Exception as error:
            # A fault of ours says what is wrong; a bug may be what damage looks like from here.
            if getattr(error, "exit_code", NewsletterError.exit_code) == NewsletterError.exit_code:
                self.expect_whole()
            raise

    def _fault(self, error: BaseException | None, *, opening: bool) -> NewsletterError:
        return _fault(error, self.path, opening=opening, seconds=self._patience)


def file_of(url: str) -> Path:
    """The file of a `sqlite:///` URL under its one real name: absolute, without links on the way.

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


def _engine(path: Path, *, read_only: bool, create: bool, patience: float) -> sa.Engine:
    query = {"uri": "true", "mode": "rwc" if create else "rw"}
    arguments = {"timeout": patience}
    url = sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)
    # Parameters are people's addresses.
    if read_only:
        engine = sa.create_engine(
            url, hide_parameters=True, max_overflow=-1,
            creator=lambda: connect_to_read(path, seconds=patience),
        )  # fmt: skip
    else:
        engine = sa.create_engine(
            url, hide_parameters=True, max_overflow=-1, connect_args=arguments
        )

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


def _fault(
    error: BaseException | None, path: Path, *, opening: bool, seconds: float = _BUSY_SECONDS
) -> NewsletterError:
    code = getattr(error, "sqlite_errorcode", None)
    place = Place(str(path))
    if code is None and isinstance(error, sqlite3.OperationalError):
        return damaged(path)  # the driver's own: a text that is not UTF-8, which it quotes
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
    # Where the file is damaged, SQLite quotes names of its tables: they may be anything by then.
    cause = None if code & _PRIMARY in _QUOTING else str(error)
    return kind(message.format(seconds=seconds), place=place, cause=cause, hint=hint)
