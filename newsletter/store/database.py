"""The door to the records, and what a database has to offer behind it.

Read in a snapshot, written in one transaction at a time. What SQLite and PostgreSQL do differently
is behind `Backend`; they have a room each.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from newsletter import clocks
from newsletter.errors import InputError, NewsletterError, PausedError, Place, UnreachableError
from newsletter.store.hurry import Hurry
from newsletter.store.traces import Traces

#: The lock that whoever sends holds.
SENDING_LOCK: Final = "sending"
#: The one that each worker holds, beside others.
WORKER_LOCK: Final = "worker-"

#: Outcomes wait so long for a server that is away; seconds.
PATIENCE: Final = 600.0
_LONGEST_WAIT: Final = 5.0

T = TypeVar("T")
#: Hears the kind of a departure, or the reason of a suppression, and the hash it is about.
Note = Callable[[str, str], None]


class Backend(Protocol):
    """One database that is open.

    Attributes:
        engine: its connections. A transaction is a snapshot for reading unless its connection has
            the execution option `writes`, and keeps other writers out then unless it has `shared`.
        place: how messages name it; never with a password.
        path: the database's file; where it is on a server, the name that files of this machine
            which belong to it begin with.
        patience: how many seconds another writer is waited for.
        schema: the schema of its tables, None where there are none.
        unmark: what a person does to have records count that were moved, after "or".
        on_server: whether other machines may use it as well; it looks after its disk itself.
        connections: how many were made to a server, and how often the server behind a pooler had
            begun anew; after a new one it may be another server.
        hurry: whether this process is to stop, and waits no longer than that allows for a server.
    """

    @property
    def engine(self) -> sa.Engine: ...  # noqa: D102
    @property
    def place(self) -> Place: ...  # noqa: D102
    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def patience(self) -> float: ...  # noqa: D102
    @property
    def schema(self) -> str | None: ...  # noqa: D102
    @property
    def unmark(self) -> str: ...  # noqa: D102
    @property
    def on_server(self) -> bool: ...  # noqa: D102
    @property
    def connections(self) -> int: ...  # noqa: D102
    @property
    def hurry(self) -> Hurry: ...  # noqa: D102

    def close(self) -> None:
        """Give all connections back. Closing twice does no harm."""

    def fault(self, error: BaseException | None, *, opening: bool) -> NewsletterError:
        """What an error of the driver means.

        Args:
            error: the driver's.
            opening: whether the database was just being opened.
        """

    def damaged(self) -> InputError:
        """The fault of records that cannot be read."""

    def expect_whole(self) -> None:
        """Look through all records where a fault is odd; slow.

        Raises:
            InputError: they are damaged.
        """

    def locked_too_long(self) -> PausedError:
        """The fault of another writer who wrote all the time."""

    def create(self, connection: sa.Connection) -> None:
        """Make the tables, in an empty database; the guards come later."""

    def reshape(self, connection: sa.Connection) -> None:
        """Give what an upgrade has made the types that `create` gives."""

    def create_guards(self, connection: sa.Connection) -> None:
        """Make all guards, in a store that has none."""

    def deviations(self, connection: sa.Connection) -> tuple[str, ...]:
        """The names of guards that it lacks, has in another form, or has too many, sorted."""

    def drop_guards(self, connection: sa.Connection) -> None:
        """Take away whatever guards a store has, of this version or another."""

    def lock(self, name: str, doing: str) -> AbstractContextManager[None]:
        """Hold a lock of the whole store, on all machines, for the length of a `with`.

        Args:
            name: of the lock.
            doing: what its holder does, for who is turned away.

        Raises:
            LockedError: held already; the message names by whom.
        """

    def holder(self, name: str) -> str:
        """Who holds a lock, "" when nobody does."""

    def expect_held(self, connection: sa.Connection) -> None:
        """Refuse to claim once another process may hold the lock for sending as well.

        Raises:
            PausedError: this process held it, and may not hold it any more.
        """

    def leads(self) -> bool:
        """Whether this process is not only a worker, who follows the one that holds the lock."""

    def claimer(self) -> str:
        """By whom this process claims, as it is written down with each; "" where it is alone."""

    def may_hand_over(self) -> bool:
        """Whether nobody else can have given up what this process has claimed."""

    def under_way(self, connection: sa.Connection) -> frozenset[str]:
        """By whom what is claimed may be under way; nobody where this process is alone."""

    def workers(self, connection: sa.Connection) -> Mapping[str, str]:
        """Which workers there are, as "pid 7 on host", by what their claims are written down by."""

    def leader(self, connection: sa.Connection) -> Mapping[str, str]:
        """As `workers`, who holds the lock for sending and is none of them."""

    def take_places(self, account: str, number: int, full: float) -> tuple[float, float]:
        """Take places in the pace of an account that several machines share, one after another.

        Args:
            account: its name.
            number: how many places.
            full: mails a second that it takes.

        Returns:
            the seconds until the first of them, and the mails a second now.

        Raises:
            UnreachableError: the server is away.
        """

    def cut_pace(self, account: str) -> None:
        """The provider refused for speed: half the pace, and nothing for a second.

        Raises:
            UnreachableError: the server is away.
        """

    def ahead(self, connection: sa.Connection, now: dt.datetime) -> dt.timedelta:
        """How far a moment by this machine is ahead of the database's clock; 0 without one."""

    def expect_there(self) -> None:
        """Refuse to write where another database, or none, has come to the place.

        Raises:
            PausedError: it is no longer what was opened.
        """

    def watch(self, connection: sa.Connection, note: Note) -> None:
        """Have a connection tell who leaves while statements run; once is enough for each."""

    def departed(self, connection: sa.Connection, note: Note) -> None:
        """Tell who has left in this transaction, as far as `watch` did not."""

    def departures_file(self, name: str) -> Path:
        """This machine's list of departures from the records of this name."""

    def counted(self, connection: sa.Connection) -> int:
        """How many lines of this machine's list of departures the database knows."""

    def count(self, connection: sa.Connection, number: int) -> None:
        """Have the database know so many lines, from the end of this transaction."""

    def copy_to(self, path: Path) -> str:
        """Copy all that is committed, as of one moment, into an empty file: a SQLite database.

        Returns:
            what is wrong with the copy, "" when nothing is.

        Raises:
            files.Error: the copy cannot be written, see `store.sqlite.files`.
        """

    def highest(self, connection: sa.Connection, table: sa.Table) -> int:
        """The highest number that a table has ever given to a row, 0 before the first."""

    def number_from(self, connection: sa.Connection, table: sa.Table, highest: int) -> None:
        """Have a table give only numbers that are higher."""

    def moved(self, connection: sa.Connection) -> str:
        """What `mark` was told, "" for records that count."""

    def mark(self, words: str) -> None:
        """Have nobody open the records to write any more; "" takes that back.

        Args:
            words: why, after "these records".
        """

    def expect_many_rows(self) -> None:
        """Have connections from now on fit to write very many rows."""

    def expect_alone(self) -> None:
        """Refuse to go on while another program has the records open.

        Raises:
            LockedError: one has.
            InputError: there is a pooler before the server, so that nobody can tell.
        """

    def scrub(self, database: Database, traces: Traces) -> bool:
        """Leave nothing of an erased person in the database's own files, as far as it can.

        Returns:
            false when another program kept old pages.
        """


#: Put around a write transaction; the stack is closed when it is durable or undone.
_Around = Callable[[sa.Connection, ExitStack], AbstractContextManager[None]]


class UnreadableError(ValueError):
    """A value in the records that the program cannot have written."""


class NotAloneError(Exception):
    """What is to be written first is not for a transaction that others share."""


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

    def now(self, connection: sa.Connection) -> dt.datetime:
        """What time it is in UTC, by the database's clock where it has one of its own."""
        here = clocks.now()
        return here - self.backend.ahead(connection, here)

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
            shared: whether others may do the same at the same time, as claims of deliveries may,
                each of its own; SQLite has one writer in any case.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        if self.read_only:
            raise NewsletterError("the store was opened for reading only")
        shared = shared and self.backend.on_server
        with ExitStack() as held:
            while True:
                try:
                    found = held.enter_context(self._transaction(opening=opening, shared=shared))
                    break
                except NotAloneError:
                    with self._transaction(opening=opening, shared=False):
                        pass  # which writes it
            yield found

    @contextmanager
    def _transaction(self, *, opening: bool, shared: bool) -> Iterator[sa.Connection]:
        with (
            nullcontext() if shared else self._turn(),
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

    def when_back(
        self, work: Callable[[], T], *, faults: type[PausedError] = UnreachableError
    ) -> T:
        """Do what may be done twice, again and again while the records are away.

        That is for ten minutes, and half a minute once this process is to stop.

        Args:
            work: is done.
            faults: what may pass.

        Raises:
            UnreachableError: they still are away.
            PausedError: another of `faults` has not passed.
        """
        end, wait = time.monotonic() + PATIENCE, 0.1
        while True:
            try:
                return work()
            except faults:
                if self.backend.hurry.is_over() or time.monotonic() + wait > end:
                    raise
                time.sleep(wait)
                wait = min(_LONGEST_WAIT, 2 * wait)

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
        except (exc.DBAPIError, exc.TimeoutError) as error:  # or all connections are in use
            found = self.backend.fault(getattr(error, "orig", error), opening=opening)
            if found.exit_code == NewsletterError.exit_code:
                self.backend.expect_whole()
            raise found from error
        except Exception as error:
            # A fault of ours says what is wrong; a bug may be what damage looks like from here.
            if getattr(error, "exit_code", NewsletterError.exit_code) == NewsletterError.exit_code:
                self.backend.expect_whole()
            raise
