"""The door to the records: read in a snapshot, written in one transaction at a time.

What is SQLite's about it is in `sqlite/engine.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import exc

from newsletter.errors import NewsletterError
from newsletter.store.folder.place import expect_same, identity
from newsletter.store.sqlite import read_only
from newsletter.store.sqlite.engine import fault, locked_too_long, open_engine
from newsletter.store.sqlite.integrity import damaged, is_damaged

_BUSY_SECONDS: Final = 30

#: Put around a write transaction; the stack is closed when it is durable or undone.
_Around = Callable[[sa.Connection, ExitStack], AbstractContextManager[None]]


class UnreadableError(ValueError):
    """A value in the records that the program cannot have written."""


class Database:
    """One open database file.

    Args:
        path: the file.
        read_only: whether nothing is written.
        create: whether a missing file is made.
        patience: how many seconds another writer is waited for, 30 unless it is given.
    """

    def __init__(
        self, path: Path, *, read_only: bool, create: bool, patience: float | None = None
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.patience = _BUSY_SECONDS if patience is None else patience
        self.engine = open_engine(path, read_only=read_only, create=create, patience=self.patience)
        #: What is open, by device and inode; known with the first connection.
        self._opened: tuple[int, int] | None = None
        # A database lets waiting writers sleep and poll; threads of one process queue here instead:
        # for as long as it takes, unless whoever opened this is in a hurry.
        self.writer = threading.RLock()
        self._turn_seconds = -1 if patience is None else patience
        #: Put around every write transaction; see `departures.Departures.kept`.
        self.around: _Around = lambda _, __: nullcontext()

    @contextmanager
    def reading(self, *, opening: bool = False) -> Iterator[sa.Connection]:
        """A snapshot: what is read inside agrees with itself.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        with self.translated(opening=opening), self.engine.begin() as connection:
            self._opened = self._opened or identity(self.path)
            try:
                yield connection
            except ValueError as error:  # only rows are read in here
                raise UnreadableError("a row cannot be read") from error

    @contextmanager
    def writing(self, *, opening: bool = False) -> Iterator[sa.Connection]:
        """One write transaction, durable when the block has ended, undone when it raised.

        It keeps every other writer waiting, so it must be short: what concerns many people at once
        goes through `batches.Batches`.

        Args:
            opening: whether the file is just being opened, for the words of an error.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        if self.read_only:
            raise NewsletterError("the store was opened for reading only")
        with (
            self._turn(),
            self.translated(opening=opening),
            self.engine.connect() as plain,
            ExitStack() as until_durable,
        ):
            self._opened = self._opened or identity(self.path)
            expect_same(self.path, self._opened)
            connection = plain.execution_options(writes=True)
            with connection.begin(), self.around(connection, until_durable):
                yield connection

    def close(self) -> None:
        """Give the file back. Closing twice does no harm."""
        self.engine.dispose()

    def expect_whole(self) -> None:
        """Look through the whole file; slow, so only where something is odd already.

        Raises:
            InputError: it is damaged.
        """
        if is_damaged(lambda: read_only.connect(self.path, seconds=_BUSY_SECONDS)):
            raise damaged(self.path)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer of this process at a time."""
        if not self.writer.acquire(timeout=self._turn_seconds):
            raise locked_too_long(self.path, self.patience)
        try:
            yield
        finally:
            self.writer.release()

    @contextmanager
    def translated(self, *, opening: bool) -> Iterator[None]:
        """Turn what the database complains about into errors of the tree."""
        try:
            yield
        except UnreadableError as error:
            raise damaged(self.path) from error
        except exc.DBAPIError as error:
            found = fault(error.orig, self.path, opening=opening, seconds=self.patience)
            if found.exit_code == NewsletterError.exit_code:
                self.expect_whole()
            raise found from error
        except Exception as error:
            # A fault of ours says what is wrong; a bug may be what damage looks like from here.
            if getattr(error, "exit_code", NewsletterError.exit_code) == NewsletterError.exit_code:
                self.expect_whole()
            raise
