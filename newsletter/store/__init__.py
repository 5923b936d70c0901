"""The records: rows of one database, and what lies beside it on this machine.

    database        read in a snapshot, written in one transaction at a time
    tables          the tables, every_table all of them; schema makes, checks and upgrades them,
                    revisions tells which they are
    copies          all rows in another database; copying moves a store there for good
    batches         work on very many rows as a row of short transactions
    group_commit    claims and outcomes of many threads in one transaction, each a commit_job

    subscribers     people; upsert adds them, imports lists of them by way of staging; abandoning
                    clears the stage, imported knows the lists that were imported
    list_size       how long the list is, and how it changed
    suppressions    addresses that are never mailed
    consents        who agreed or left; retention forgets them
    signups         who asks for the newsletter; confirmations lets them in, letters mails them,
                    limits bounds it
    signing_keys    what signs links and names addresses
    runs            issues on their way; freezing begins them
    deliveries      one mail each; claims tells how far they have come, doubting what a backup may
                    have forgotten, shares who sent how many and how fast
    histories       which server a run is on, and whether that one may have forgotten some
    events          what the provider reported; event_owners finds the delivery,
                    feedback records them, stats counts them
    history         the list over time, and issue by issue what became of them
    calendar        the dates of the schedule

    processes       which of this machine still run
    folder/         locks, backups, who left: files beside the database
    sqlite/         what only SQLite knows
    migrations/     older stores

A function that takes a `Store` is one transaction (or says that it is many); one that takes a
connection is part of its caller's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from newsletter import clocks
from newsletter.delivery import Delivery, Outcome, Run
from newsletter.errors import InputError, NewsletterError
from newsletter.project.high_water import HighWaterMark
from newsletter.store.database import SENDING_LOCK, WORKER_LOCK, Backend, Database
from newsletter.store.folder.departures import Departures, attach
from newsletter.store.folder.lock import SENDING
from newsletter.store.schema import open_database

if TYPE_CHECKING:
    from newsletter.store.feedback import Feedback
    from newsletter.store.group_commit import GroupCommit

__all__ = ["Store"]


class Store(Database):
    """The opened records of one newsletter; safe to share between threads.

    Whatever it is handed to raises what the database's faults mean: PausedError for a full disk or
    a lock held too long, InputError for a file that cannot be used.

    Attributes:
        departures: what is written down beside the database of those who left.
    """

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = True,
        read_only: bool = False,
        patience: float | None = None,
    ) -> Self:
        """Open the store at a `sqlite:///` or `postgresql://` URL.

        Args:
            url: where it is, as `project.records.store_url` writes it; the relative path of a file
                is relative to the working directory.
            create: make a missing store, its folder, and its signing keys.
            read_only: change not one byte of its folder; nothing is made, no method may write.
            patience: how many seconds another writer is waited for, 30 unless it is given.

        Raises:
            InputError: missing and not to be made, damaged, not a store of this program, of an
                older version (hint: newsletter db upgrade) or of a newer one, its folder not
                writable, locked by another program, or a database that is not supported.
        """
        store = open_database(cls, url, create=create, read_only=read_only, patience=patience)
        try:
            store.departures = attach(store, clock=lambda: dt.datetime.now(dt.UTC))
        except BaseException:
            store.close()
            raise
        return store

    def __init__(self, backend: Backend, *, read_only: bool, hurried: bool = False) -> None:
        super().__init__(backend, read_only=read_only, hurried=hurried)
        self.departures: Departures

    # Who only looks loads neither of these two.
    @cached_property
    def feedback(self) -> Feedback:
        """What came back from the provider."""
        from newsletter.store.feedback import Feedback  # noqa: PLC0415

        return Feedback(self)

    @cached_property
    def _group_commit(self) -> GroupCommit:
        from newsletter.store.group_commit import GroupCommit  # noqa: PLC0415

        return GroupCommit(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The folder for files of this machine: the one a database file is in."""
        return self.path.parent

    def lock(self, name: str = SENDING_LOCK) -> AbstractContextManager[None]:
        """Hold a lock of the whole store, across processes, for the length of a `with`.

        It is given back when the process dies. Nothing is claimed any more once another process may
        hold the lock for sending as well.

        Raises:
            LockedError: held already, by the process and machine the message names.
            InputError: the place knows no locks.
        """
        if self.read_only:
            raise NewsletterError("the store was opened for reading only")
        return self.backend.lock(name, SENDING)

    def sender(self) -> str:
        """Who holds the lock for sending, "" when nobody does."""
        return self.backend.holder(SENDING_LOCK)

    def settle_and_claim(
        self, run: Run, settled: Sequence[tuple[Delivery, Outcome]], most: int, *, now: dt.datetime
    ) -> tuple[Delivery, ...]:
        """Record what became of claimed deliveries, and take the next; durable when this returns.

        All of it is one transaction, which threads that ask at the same time share. Whoever may no
        longer be mailed is skipped.

        Args:
            run: theirs.
            settled: what was claimed with its outcome.
            most: how many to take at most; fewer when no more are queued.
            now: with a time zone.

        Raises:
            PausedError: another run may have taken over; the outcomes are on record, unless it has
                settled them as unknown.
            NewsletterError: one of `settled` is not claimed with its attempt (a bug), and none of
                it is recorded; or nothing could be claimed.
        """
        return self._group_commit.settle_and_claim(run.id, settled, most, now=now)

    def conclude(self, run: Run) -> None:
        """Give back what of a run was claimed unheard; call this when nothing more is claimed.

        Raises:
            UnreachableError: the records are on a server that is away.
        """
        self._group_commit.conclude(run.id)

    def unrecorded(self) -> tuple[tuple[Delivery, Outcome], ...]:
        """What became of deliveries and could not be recorded since this was asked last.

        They stay claimed, and become unknown.
        """
        found, self._group_commit.unrecorded = self._group_commit.unrecorded, []
        return tuple((one.delivery, one.outcome) for one in found)

    def may_hand_over(self) -> bool:
        """Whether nobody else can have given up what was claimed here; asked before mails leave."""
        return self.backend.may_hand_over()

    def work(self) -> AbstractContextManager[None]:
        """Be one of several that claim, for the length of a `with`; others see it.

        Raises:
            InputError: the records are in a file, which one process at a time sends from.
        """
        if not self.backend.on_server:
            raise InputError(
                "workers share their records on a server, and these are in a file",
                place=self.backend.place,
                hint="newsletter send needs no worker; for several machines see docs/scale.md",
            )
        return self.backend.lock(WORKER_LOCK, SENDING)

    def expect_held(self) -> None:
        """Refuse to go on once this process is no longer one of those that send.

        Raises:
            PausedError: a lease of it has ended.
        """
        with self.reading() as connection:
            self.backend.expect_held(connection)

    def expect_remembered(self) -> None:
        """Refuse to go on where the records have forgotten what this process did, and tell all.

        Whoever was told once goes on; nothing is claimed until a person has decided.

        Raises:
            ForgottenError: they have, or another server that took over may have.
            PausedError: a lease of this process has ended.
        """
        self._group_commit.look()

    def clock(self) -> Callable[[], dt.datetime]:
        """Tells the time by which what several machines write of a send can be compared, in UTC.

        That is the server's, wherever their own clocks are, and though one of these is set right
        meanwhile; this machine's where the records are in a file.

        Raises:
            UnreachableError: the records are on a server that is away.
        """
        if not self.backend.on_server:
            return clocks.now
        with self.reading() as connection:
            asked, began = clocks.seconds(), self.now(connection)
        return lambda: began + dt.timedelta(seconds=clocks.seconds() - asked)

    def workers(self) -> Mapping[str, str]:
        """Which workers there are, as "pid 7 on host", by what their claims are written down by."""
        with self.reading() as connection:
            return self.backend.workers(connection)

    def marked(self, mark: HighWaterMark | None, *, way: str = "") -> AbstractContextManager[None]:
        """Inside the block no claim returns before the mark on the disk has risen to it.

        Args:
            mark: of the run; None for rehearsals, which have no file.
            way: how mails leave from here. Who does not lead the run claims nothing of it where
                they are to leave in another one.
        """
        return self._group_commit.begun(mark, way)
