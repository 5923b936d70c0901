"""One SQLite file as the store."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event

from newsletter.errors import InputError, LockedError, NewsletterError, PausedError, Place
from newsletter.project import private
from newsletter.project.disk import flush_path, unwritten
from newsletter.store.database import SENDING_LOCK, Database, Note
from newsletter.store.folder.lock import holder, locked
from newsletter.store.folder.place import expect_same, identity
from newsletter.store.hurry import Hurry
from newsletter.store.sqlite import departure_triggers, files, numbers, read_only, triggers
from newsletter.store.sqlite.engine import fault, locked_too_long, open_engine, with_more_memory
from newsletter.store.sqlite.integrity import damaged, is_damaged
from newsletter.store.sqlite.scrub import scrub
from newsletter.store.traces import Traces

_BUSY_SECONDS: Final = 30
#: Seconds; who writes now will have written then.
_ALONE_SECONDS: Final = 2.0


class SqliteBackend:
    """A database file; the locks beside it are the kernel's, so it is one machine's.

    Args:
        path: the file.
        read_only: whether nothing is written.
        create: whether a missing file is made.
        patience: how many seconds another writer is waited for, 30 unless it is given.
    """

    schema: None = None
    on_server = False
    connections = 0

    @property
    def unmark(self) -> str:
        """The file that says that the records were moved is taken away."""
        return f"remove {self._mark}"

    def __init__(
        self, path: Path, *, read_only: bool, create: bool, patience: float | None = None
    ) -> None:
        self.path = path
        self.place = Place(str(path))
        self.patience = _BUSY_SECONDS if patience is None else patience
        self.hurry = Hurry()
        self.engine = open_engine(path, read_only=read_only, create=create, patience=self.patience)
        #: Raises where the file of the lock for sending, which this process holds, is gone.
        self._expect_held: Callable[[], None] = lambda: None
        #: What is open, by device and inode; known with the first connection.
        self._opened: tuple[int, int] | None = None
        event.listen(self.engine, "connect", self._connected)

    def close(self) -> None:
        """Give the file back."""
        self.engine.dispose()

    def fault(self, error: BaseException | None, *, opening: bool) -> NewsletterError:
        """What an error of the driver means."""
        return fault(error, self.path, opening=opening, seconds=self.patience)

    def damaged(self) -> InputError:
        """The fault of a file that cannot be read."""
        return damaged(self.path)

    def expect_whole(self) -> None:
        """Look through the whole file; slow, so only where something is odd already.

        Raises:
            InputError: it is damaged.
        """
        if is_damaged(lambda: read_only.connect(self.path, seconds=_BUSY_SECONDS)):
            raise damaged(self.path)

    def locked_too_long(self) -> PausedError:
        """The fault of another program that wrote all the time."""
        return locked_too_long(self.path, self.patience)

    def create(self, connection: sa.Connection) -> None:
        """Make the tables."""
        from newsletter.store.every_table import metadata  # noqa: PLC0415  # once in a store's life

        metadata.create_all(connection)

    def reshape(self, connection: sa.Connection) -> None:
        """An upgrade makes what SQLite has."""

    def create_guards(self, connection: sa.Connection) -> None:
        """Make all guards."""
        triggers.create(connection)

    def deviations(self, connection: sa.Connection) -> tuple[str, ...]:
        """The names of guards that are not as they should be."""
        return triggers.deviations(connection)

    def drop_guards(self, connection: sa.Connection) -> None:
        """Take away all triggers."""
        triggers.drop(connection)

    @contextmanager
    def lock(self, name: str, doing: str) -> Iterator[None]:
        """Hold a lock in a file beside the database, given back when the process dies.

        Raises:
            LockedError: held already, by the process and machine the message names.
            InputError: the place knows no locks.
        """
        with locked(self._lock_file(name), doing) as expect_held:
            if name != SENDING_LOCK:
                yield
                return
            self._expect_held = expect_held
            try:
                yield
            finally:
                self._expect_held = lambda: None

    def holder(self, name: str) -> str:
        """Who holds a lock, "" when nobody does."""
        return holder(self._lock_file(name))

    def expect_held(self, connection: sa.Connection) -> None:  # noqa: ARG002  # a file tells
        """The kernel takes no lock away, but another file may have come to its place."""
        self._expect_held()

    def leads(self) -> bool:
        """Nobody helps."""
        return True

    def claimer(self) -> str:
        """Who holds the lock for sending is the only one."""
        return ""

    def may_hand_over(self) -> bool:
        """Nobody else sends while this process lives."""
        return True

    def under_way(self, connection: sa.Connection) -> frozenset[str]:  # noqa: ARG002  # a file's lock
        """Nobody else sends."""
        return frozenset()

    def workers(self, connection: sa.Connection) -> dict[str, str]:  # noqa: ARG002  # as above
        """Other machines have no file in common."""
        return {}

    def leader(self, connection: sa.Connection) -> dict[str, str]:  # noqa: ARG002  # as above
        """Whoever sends is alone."""
        return {}

    def take_places(self, account: str, number: int, full: float) -> tuple[float, float]:  # noqa: ARG002
        """Whoever sends is alone, and keeps its pace itself."""
        return 0.0, full

    def cut_pace(self, account: str) -> None:
        """As above."""

    def ahead(self, connection: sa.Connection, now: dt.datetime) -> dt.timedelta:  # noqa: ARG002
        """A file has no clock of its own."""
        return dt.timedelta()

    def expect_there(self) -> None:
        """Refuse to write once the file was moved, replaced or removed."""
        expect_same(self.path, self._opened)

    def watch(self, connection: sa.Connection, note: Note) -> None:
        """Have a connection tell who leaves, whichever statement it is."""
        departure_triggers.watch(connection, note)

    def departed(self, connection: sa.Connection, note: Note) -> None:
        """All was told by `watch`."""

    def departures_file(self, name: str) -> Path:
        """The list beside the file."""
        return self.path.with_name(f"left-{name}.log")

    def counted(self, connection: sa.Connection) -> int:
        """How many lines the file knows."""
        return departure_triggers.counted(connection)

    def count(self, connection: sa.Connection, number: int) -> None:
        """Have the file know so many lines."""
        departure_triggers.count(connection, number)

    def copy_to(self, path: Path) -> str:
        """Copy the file with its log."""
        return files.copy(self.path, path)

    def highest(self, connection: sa.Connection, table: sa.Table) -> int:
        """The highest number that a table has ever given."""
        return numbers.highest(connection, table)

    def number_from(self, connection: sa.Connection, table: sa.Table, highest: int) -> None:
        """Have a table give only higher numbers, where it never gives one twice."""
        numbers.number_from(connection, table, highest)

    def moved(self, connection: sa.Connection) -> str:  # noqa: ARG002  # a file tells
        """What a file beside the database says of where the records are now."""
        return self.moved_to

    @property
    def moved_to(self) -> str:
        """The same, also where the database is missing or damaged."""
        try:
            return self._mark.read_text("utf-8").strip()
        except FileNotFoundError:
            return ""

    def mark(self, words: str) -> None:
        """Write, or take away, the file beside the database."""
        if not words:
            self._mark.unlink(missing_ok=True)
            return
        try:
            private_file = os.open(self._mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, private.FILE)
            with os.fdopen(private_file, "w", encoding="utf-8") as stream:
                stream.write(f"{words}\n")
            flush_path(self._mark)
            flush_path(self._mark.parent)
        except OSError as error:
            raise unwritten(
                self._mark, error, "it cannot be written down that the records have moved",
                hint="make it a folder that this user can write",
            ) from error  # fmt: skip

    def expect_many_rows(self) -> None:
        """Give connections more memory: the one that is kept open, and those from now on."""
        if not event.contains(self.engine, "connect", with_more_memory):
            event.listen(self.engine, "connect", with_more_memory)
            with self.engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert isinstance(driver, sqlite3.Connection)
                with_more_memory(driver, connection)

    def expect_alone(self) -> None:
        """Fold the log into the file, which nobody else may have open for that."""
        self.engine.dispose()
        if not files.fold_log(self.path, patience=_ALONE_SECONDS):
            raise LockedError(
                "another program has these records open",
                place=self.place,
                hint="end what uses them, such as newsletter serve; nothing was changed",
            )

    def scrub(self, database: Database, traces: Traces) -> bool:
        """Empty the log, and overwrite what is left in the file."""
        return scrub(database, traces)

    def _connected(self, *_: object) -> None:
        self._opened = self._opened or identity(self.path)

    @property
    def _mark(self) -> Path:
        return self.path.with_name(f"{self.path.name}.moved")

    def _lock_file(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{name}.lock")
