"""One SQLite file as the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event

from newsletter.errors import InputError, NewsletterError, PausedError, Place
from newsletter.store.backend import SENDING_LOCK, Note
from newsletter.store.database import Database
from newsletter.store.folder.lock import holder, locked
from newsletter.store.folder.place import expect_same, identity
from newsletter.store.sqlite import departure_triggers, files, read_only, triggers
from newsletter.store.sqlite.engine import fault, locked_too_long, open_engine
from newsletter.store.sqlite.integrity import damaged, is_damaged
from newsletter.store.sqlite.scrub import Traces, scrub
from newsletter.store.tables import metadata

_BUSY_SECONDS: Final = 30


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

    def __init__(
        self, path: Path, *, read_only: bool, create: bool, patience: float | None = None
    ) -> None:
        self.path = path
        self.place = Place(str(path))
        self.patience = _BUSY_SECONDS if patience is None else patience
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
        metadata.create_all(connection)

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

    def expect_there(self) -> None:
        """Refuse to write once the file was moved, replaced or removed."""
        expect_same(self.path, self._opened)

    def alone(self, connection: sa.Connection) -> None:
        """SQLite has one writer in any case."""

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

    def scrub(self, database: Database, traces: Traces) -> bool:
        """Empty the log, and overwrite what is left in the file."""
        return scrub(database, traces)

    def _connected(self, *_: object) -> None:
        self._opened = self._opened or identity(self.path)

    def _lock_file(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{name}.lock")
