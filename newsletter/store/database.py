"""The door to the records: read in a snapshot, written in one transaction at a time.

What SQLite and PostgreSQL do differently is behind `backend.Backend`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import sqlalchemy as sa
from sqlalchemy import exc

from newsletter.errors import NewsletterError
from newsletter.store.backend import Backend

#: Put around a write transaction; the stack is closed when it is durable or undone.
_Around = Callable[[sa.Connection, ExitStack], AbstractContextManager[None]]


class UnreadableError(ValueError):
    """A value in the records that the program cannot have written."""


class Database:
    """One open database.

    Args:
        backend: SQLite's or PostgreSQL's.
        read_only: whether nothing is written.
        hurried: whether threads of this process wait for each other no longer than for others.
    """

    def __init__(self, backend: Backend, *, read_only: bool, hurried: bool = False) -> None:
        self.backend = backend
        self.path = backend.path
        self.read_only = read_only
        self.engine = backend.engine
        # A database lets waiting writers sleep and poll; threads of one process queue here instead:
        # for as long as it takes, unless whoever opened this is in a hurry.
        self.writer = threading.RLock()
        self._turn_seconds = backend.patience if hurried else -1
        #: Put around every write transaction; see `departures.Departures.kept`.
        self.around: _Around = lambda _, __: nullcontext()

    @contextmanager
    def reading(self, *, opening: bool = False) -> Iterator[sa.Connection]:
        """A snapshot: what is read inside agrees with itself.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        with self.translated(opening=opening), self.engine.begin() as connection:
            try:
                yield connection
            except ValueError as error:  # only rows are read in here
                raise UnreadableError("a row cannot be read") from error

    @contextmanager
    def writing(self, *, opening: bool = False, shared: bool = False) -> Iterator[sa.Connection]:
        """One write transaction, durable when the block has ended, undone when it raised.

        It keeps every other writer waiting, so it must be short: what concerns many people at once
        goes through `batches.Batches`.

        Args:
            opening: whether the database is just being opened, for the words of an error.
            shared: whether other processes may do the same at the same time, as claims of
                deliveries may, each of its own; SQLite has one writer in any case.

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
            self.backend.expect_there()
            connection = plain.execution_options(writes=True, shared=shared)
            with connection.begin(), self.around(connection, until_durable):
                yield connection

    def close(self) -> None:
        """Give the database back. Closing twice does no harm."""
        self.backend.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer of this process at a time."""
        if not self.writer.acquire(timeout=self._turn_seconds):
            raise self.backend.locked_too_long()
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
            raise self.backend.damaged() from error
        except exc.DBAPIError as error:
            found = self.backend.fault(error.orig, opening=opening)
            if found.exit_code == NewsletterError.exit_code:
                self.backend.expect_whole()
            raise found from error
        except Exception as error:
            # A fault of ours says what is wrong; a bug may be what damage looks like from here.
            if getattr(error, "exit_code", NewsletterError.exit_code) == NewsletterError.exit_code:
                self.backend.expect_whole()
            raise
