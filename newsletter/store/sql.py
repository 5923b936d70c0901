"""The Store: what the program asks of its records.

Each method is one transaction. What concerns everybody on the list or in a run is a row of short
ones (`steps.py`), so that nobody waits: after a crash the same command goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from newsletter.audience import AudienceCounts, Expression, Status
from newsletter.audience.roster import Added, Reject, Row
from newsletter.delivery import Content, Counts, Delivery, Outcome, Pause, Run, RunState, State
from newsletter.errors import NewsletterError
from newsletter.schedule import Occurrence
from newsletter.store import deliveries, events, people, runs
from newsletter.store.backup import backup, keep, renew
from newsletter.store.calendar import Calendar
from newsletter.store.claims import Claims
from newsletter.store.database import Database
from newsletter.store.deliveries import Doubt, Settled
from newsletter.store.departures import Departures, attach
from newsletter.store.feedback import Feedback, settle
from newsletter.store.freezing import Freeze, clear_rehearsal
from newsletter.store.group import Writer
from newsletter.store.importing import Import, unfinished
from newsletter.store.keys import Keys
from newsletter.store.lock import holder, locked
from newsletter.store.members import Members
from newsletter.store.people import Evidence
from newsletter.store.schema import open_database
from newsletter.store.steps import Steps


class Store:
    """The records of one newsletter; safe to share between threads.

    What came back from the provider is in `feedback`, single people are in `members`, what signs
    links is in `keys`, how far runs have come is in `claims`, what is written down of those who
    left in `departures`.

    Every method raises what the database's faults mean: PausedError for a full disk or a lock
    held too long, InputError for a file that cannot be used.
    """

    def __init__(self, database: Database, departures: Departures) -> None:
        self._database = database
        self._writer = Writer(database)
        self.claims = Claims(database, self._writer)
        self.feedback = Feedback(database)
        self.members = Members(database)
        self.keys = Keys(database)
        self.departures = departures

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = True,
        read_only: bool = False,
        patience: float | None = None,
    ) -> Store:
        """Open the store at a `sqlite:///` URL.

        Args:
            url: where it is; a relative path is relative to the working directory.
            create: make a missing store, its folder, and its signing keys.
            read_only: change not one byte of its folder; nothing is made, no method may write.
            patience: how many seconds another writer is waited for, 30 unless it is given.

        Raises:
            InputError: missing and not to be made, damaged, not a store of this program, of an
                older version (hint: newsletter db upgrade) or of a newer one, its folder not
                writable, locked by another program, or a database that is not supported.
        """
        database = open_database(url, create=create, read_only=read_only, patience=patience)
        try:
            return cls(database, attach(database, clock=lambda: dt.datetime.now(dt.UTC)))
        except BaseException:
            database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back. Closing twice does no harm."""
        self._database.close()

    @property
    def folder(self) -> Path:
        """The folder the database is in."""
        return self._database.path.parent

    def lock(self, name: str = "sending") -> AbstractContextManager[None]:
        """Hold a lock of the whole store, across processes, for the length of a `with`.

        It lies in a file beside the database and is given back when the process dies.

        Raises:
            LockedError: held already, by the process and machine the message names.
            InputError: the place knows no locks.
        """
        if self._database.read_only:
            raise NewsletterError("the store was opened for reading only")
        path = self._database.path
        return locked(path.with_name(f"{path.name}.{name}.lock"))

    def sender(self) -> str:
        """Who holds the lock for sending, "" when nobody does."""
        path = self._database.path
        return holder(path.with_name(f"{path.name}.sending.lock"))

    def calendar(self, *, rehearsal: bool) -> Calendar:
        """The schedule's records, of real runs or of rehearsals."""
        return Calendar(self._database, rehearsal=rehearsal)

    # --- people ------------------------------------------------------------------------------

    def add(
        self,
        rows: Iterable[Row | Reject],
        *,
        source: str,
        now: dt.datetime,
        file_name: str = "",
        file_hash: str = "",
    ) -> Added:
        """Add people, or update those who are known; `add_list` tells the arguments."""
        job = Import(source=source, now=now, file_name=file_name, file_hash=file_hash)
        self.add_list(rows, job)
        return job.added

    def add_list(
        self,
        rows: Iterable[Row | Reject],
        job: Import,
        told: Callable[[Iterable[Reject]], None] = lambda _: None,
    ) -> None:
        """Add people, or update those who are known; when reading `rows` raises, nobody.

        A known person keeps what the row leaves empty; their tags grow. Whoever has
        unsubscribed or is suppressed stays so, and is counted as kept out. A row that says its
        person has left is believed. A long list takes many transactions; what stops it in the
        middle leaves what `job` counts, and the same list goes on there.

        Args:
            rows: read as they are needed.
            job: what is known of the list; counts what became of its rows.
            told: gets the rejected rows, when all others are in the records.

        Raises:
            LockedError: a long list, and another import is going on.
        """
        job.write(self._database, rows, told)

    def unfinished_import(self) -> tuple[str, int] | None:
        """A list that is in the records only in part: `importing.unfinished`."""
        return unfinished(self._database)

    def imported_hash(self, file_name: str) -> str | None:
        """SHA-256 (hex) of the file of this name when it was last imported, or None."""
        with self._database.reading() as connection:
            return people.imported_hash(connection, file_name)

    def unsubscribe(
        self, handle: str, *, source: str, now: dt.datetime, evidence: Evidence | None = None
    ) -> bool:
        """Note, durably, that the person with this handle leaves; see `Departures.leave`.

        Returns:
            whether the person is known. A handle that nobody has is kept: whoever turns out to
            have it stays out.
        """
        return self.departures.leave(handle, evidence or Evidence(source=source), now=now)

    def suppress(self, canonical: str, *, reason: str, now: dt.datetime) -> bool:
        """Never mail this canonical address again; false when that was so already."""
        with self._database.writing() as connection:
            key = people.keys(connection, "addresses").popitem()[1]
            hashed = people.address_hash(canonical, key)
            return people.suppress(connection, hashed, reason=reason, now=now)

    def subscriber_count(self) -> int:
        """How many people there are, whatever their status."""
        return sum(self.count_by_status().values())

    def count_by_status(self) -> dict[Status, int]:
        """How many people there are in each status."""
        with self._database.reading() as connection:
            return people.count_by_status(connection)

    def audience(self, eligible: Expression) -> AudienceCounts:
        """How many `eligible` holds for, and why it does not for the others."""
        with self._database.reading() as connection:
            return people.audience(connection, eligible)

    # --- runs --------------------------------------------------------------------------------

    def run(self, issue: int, *, rehearsal: bool) -> Run | None:
        """The run of an issue, or None."""
        with self._database.reading() as connection:
            return runs.find(connection, issue, rehearsal=rehearsal)

    def runs(self) -> tuple[Run, ...]:
        """All runs, oldest first; their frozen issues are left out (b"")."""
        with self._database.reading() as connection:
            return runs.everything(connection)

    def start_run(
        self,
        content: Content,
        *,
        rehearsal: bool,
        transport: str,
        eligible: Expression,
        now: dt.datetime,
        expect: int | None = None,
        occurrence: Occurrence | None = None,
    ) -> Run:
        """Freeze content and recipients, all queued; `freezing.Freeze` tells the arguments.

        Raises:
            RefusedError: the issue was begun in this namespace already, or there are not `expect`
                recipients; or a schedule asks, and its date is used up; or the issue is cancelled.
                Nothing is frozen then.
        """
        return Freeze(
            content=content,
            rehearsal=rehearsal,
            transport=transport,
            eligible=eligible,
            now=now,
            expect=expect,
            occurrence=occurrence,
        ).run(self._database)

    def resume(self, run: Run, *, by_hand: bool) -> None:
        """Let a begun run go on.

        Raises:
            RefusedError: a person has cancelled it, and it is not a person who asks.
        """
        with self._database.writing() as connection:
            runs.resume(connection, run, by_hand=by_hand)

    def clear_rehearsal(self, issue: int) -> int:
        """Forget the rehearsal of an issue, never a real run; says how many deliveries that was."""
        return clear_rehearsal(self._database, issue)

    def recover(self, run: Run, *, now: dt.datetime) -> int:
        """Call this under the lock, before draining: nothing can be in flight then.

        What is still claimed becomes unknown, unless an event shows that it was accepted; what was
        deferred is queued again.

        Returns:
            how many became unknown.
        """
        lost = deliveries.recover(Steps(self._database), run, now)
        with self._database.reading() as connection:
            doubtful = events.doubtful(connection)
        return lost - min(lost, settle(self._database, doubtful))

    def requeue(self, run: Run, *, tries: int) -> int:
        """Queue again what was deferred and was tried less than `tries` times; how many."""
        return deliveries.requeue(Steps(self._database), run, tries=tries)

    def retry(self, run: Run, *, now: dt.datetime) -> int:
        """Queue again what was refused or deferred; how many. The run is paused until it is sent.

        These are proven not accepted, so nobody gets the issue twice.
        """
        return deliveries.retry(Steps(self._database), run, _reopening(run, now))

    def risk(self, run: Run, *, now: dt.datetime) -> int:
        """Queue again what is unknown, each once at most; how many. A person answers for it."""
        return deliveries.risk(Steps(self._database), run, _reopening(run, now))

    def assume(self, run: Run, *, now: dt.datetime) -> int:
        """Take what is unknown as sent, finally; how many. A person answers for it."""
        return deliveries.assume(Steps(self._database), run, now)

    def doubtful(self, run: Run, *, most: int) -> tuple[Doubt, ...]:
        """Deliveries that are unknown, in the order of the recipients, at most so many."""
        with self._database.reading() as connection:
            return deliveries.doubtful(connection, run, most)

    def riskable(self, run: Run) -> int:
        """How many unknown deliveries were not queued again before."""
        with self._database.reading() as connection:
            return deliveries.riskable(connection, run)

    def rate(self, run: Run) -> float | None:
        """Mails accepted a second, over the last two hundred; None when there are too few."""
        with self._database.reading() as connection:
            return runs.rate(connection, run)

    def backup(self, target: Path) -> int:
        """Copy the records as they are now into a new file; senders and readers go on meanwhile.

        Returns:
            its size in bytes.

        Raises:
            InputError: the file exists, or its folder cannot be written.
            PausedError: the disk is full; nothing is left behind.
        """
        return backup(self._database.path, target)

    def keep_backup(self, *, now: dt.datetime) -> Path:
        """Back up into the folder beside the records, where the newest five stay: `backup.keep`."""
        return keep(self._database.path, now=now)

    def renew_backups(self, *, now: dt.datetime) -> int:
        """Put one new backup in the place of those beside the records: `backup.renew`."""
        return renew(self._database.path, now=now)

    def claim(self, run: Run, *, now: dt.datetime) -> Delivery | None:
        """Take the next queued delivery, durably; None when none is left.

        Whoever may no longer be mailed is skipped here. Threads that ask at the same time share a
        commit.
        """
        taken = self._writer.claim(run.id, 1, now=now)
        return taken[0] if taken else None

    def settle(self, run: Run, delivery: Delivery, outcome: Outcome, *, now: dt.datetime) -> None:
        """Record what became of a claimed delivery, durably.

        Raises:
            NewsletterError: it is not claimed with this attempt (a bug); nothing was changed.
        """
        self._writer.settle(Settled(run=run.id, delivery=delivery, outcome=outcome, now=now))

    def counts(self, run: Run) -> Counts:
        """Deliveries by state.

        Raises:
            NewsletterError: they do not add up to the frozen number of recipients.
        """
        with self._database.reading() as connection:
            return runs.counts(connection, run)

    def first_accepted(self, *, since: dt.datetime) -> dt.datetime | None:
        """When the first mail was accepted for real, of any issue, since a moment."""
        with self._database.reading() as connection:
            return runs.first_accepted(connection, since)

    def reasons(self, run: Run) -> dict[tuple[State, str], int]:
        """How many deliveries there are of each state and reason, where a reason was given."""
        with self._database.reading() as connection:
            return runs.reasons(connection, run)

    def set_run_state(
        self,
        run: Run,
        state: RunState,
        now: dt.datetime,
        *,
        pause: Pause | None = None,
        reason: str = "",
    ) -> None:
        """Note how a run stands, and when it is paused, why; what is cancelled stays so then.

        Raises:
            NewsletterError: it would be called finished with deliveries left (a bug).
        """
        with self._database.writing() as connection:
            runs.set_state(connection, run, state, now, pause=pause, reason=reason)


def _reopening(run: Run, now: dt.datetime) -> Callable[[sa.Connection], None]:
    def reopen(connection: sa.Connection) -> None:
        reason = "some were queued again"
        runs.set_state(connection, run, RunState.PAUSED, now, pause=Pause.RETRY, reason=reason)

    return reopen
