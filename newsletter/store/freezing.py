"""How a run begins: its content frozen at once, its recipients in batches, then let run.

Until it runs nothing can be claimed from it. If the process dies before, nothing has left, so the
next start freezes anew. Whoever joins meanwhile is in when the batches have not passed their row
yet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from newsletter.audience import Expression
from newsletter.delivery import Content, OccurrenceState, Run, RunState
from newsletter.errors import CancelledError, NewsletterError, RefusedError
from newsletter.schedule import Occurrence
from newsletter.store.batches import Batches
from newsletter.store.clicks import forget_links, freeze_links
from newsletter.store.database import Database
from newsletter.store.filling import ChangedError, Filling, expect_freezing
from newsletter.store.histories import PresentHistory
from newsletter.store.ratings import forget_labels, freeze_labels
from newsletter.store.runs import expect_not_cancelled, select_run
from newsletter.store.tables import deliveries, occurrences, runs

#: So often a list that changes while it is written down is written down anew.
_TRIES: Final = 3


def start(
    store: Database,
    content: Content,
    *,
    rehearsal: bool,
    transport: str,
    eligible: Expression,
    now: dt.datetime,
    expect: int | None = None,
    occurrence: Occurrence | None = None,
    stopped: Callable[[], bool] = lambda: False,
    anyway: bool = True,
) -> Run:
    """Freeze content and recipients, all queued, and let the run go.

    A run announced, cancelled or half frozen begins with this.

    Args:
        store: where.
        content: what is sent.
        rehearsal: the namespace.
        transport: its name.
        eligible: who gets it.
        now: with a time zone.
        expect: how many recipients there must be, None for any number.
        occurrence: the date a schedule begins it for, used up when it begins to run.
        stopped: asked until it begins to run whether it still shall.
        anyway: whether it begins though a person has cancelled it before; no schedule does that.

    Raises:
        RefusedError: the issue was begun already, or there are not `expect` recipients; or a
            schedule asks, and the date is used up; or a person has cancelled it, before or
            meanwhile. It is as not begun then.
        CancelledError: it was to stop; likewise.
    """
    return _Freeze(
        content=content,
        rehearsal=rehearsal,
        transport=transport,
        eligible=eligible,
        now=now,
        expect=expect,
        occurrence=occurrence,
        stopped=stopped,
        anyway=anyway,
    ).run(store)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Freeze:
    """What a run begins with, as `start` is told."""

    content: Content
    rehearsal: bool
    transport: str
    eligible: Expression
    now: dt.datetime
    expect: int | None = None
    occurrence: Occurrence | None = None
    stopped: Callable[[], bool]
    anyway: bool

    def run(self, store: Database) -> Run:
        with store.writing() as connection:
            before = self._enter(connection)
        batches = Batches(store)
        run = self._found(store)
        try:
            number = self._fill(store, run)
            with batches.writing() as connection:
                expect_freezing(connection, run)
                self._expect_wanted()
                self._expect_number(number)
                if self.occurrence is not None:
                    self._take(connection, self.occurrence)
                values = {
                    "state": RunState.RUNNING, "recipients": number, "started_at": self.now,
                    "server": PresentHistory(),
                }  # fmt: skip
                connection.execute(sa.update(runs).where(runs.c.id == run.id).values(values))
        except (RefusedError, CancelledError):
            _clear(batches, run)
            _give_up(store, run, before)
            raise
        return self._found(store)

    def _found(self, store: Database) -> Run:
        with store.reading() as connection:
            run = select_run(connection, self.content.issue, rehearsal=self.rehearsal)
        assert run is not None
        return run

    def _enter(self, connection: sa.Connection) -> Run | None:
        """Freeze the content; the run as it was before."""
        content = self.content
        before = select_run(connection, content.issue, rehearsal=self.rehearsal)
        row: dict[str, object] = {
            "transport": self.transport,
            "title": content.title,
            "envelope": content.frozen,
            "content_hash": content.content_hash,
            "source_hash": content.source_hash,
            "skipped_checks": " ".join(content.skipped_checks),
            "state": RunState.FREEZING,
            "pause": "",
            "reason": "",
        }
        if self.occurrence is not None:
            self._expect_free(connection, self.occurrence)
        if before is None:
            # When an issue was announced is kept until it runs: it may have to begin anew.
            row |= {"recipients": 0, "started_at": self.now}
            name = {"issue": content.issue, "rehearsal": self.rehearsal}
            connection.execute(sa.insert(runs).values(name | row))
            self._freeze_choices(connection)
            return None
        if before.begun:
            raise RefusedError(
                f"issue {content.issue} has been started already",
                hint="run the same command again; it goes on with what is left",
            )
        if self.occurrence is not None or not self.anyway:
            expect_not_cancelled(before)
        connection.execute(sa.update(runs).where(runs.c.id == before.id).values(row))
        self._freeze_choices(connection)
        return before

    def _freeze_choices(self, connection: sa.Connection) -> None:
        """Note where counted links lead, and what readers may say of the issue."""
        if not self.rehearsal:
            freeze_links(connection, self.content.issue, self.content.links)
            freeze_labels(connection, self.content.issue, self.content.ratings)

    def _fill(self, store: Database, run: Run) -> int:
        """Write down the recipients; says how many they are.

        Raises:
            NewsletterError: the list did not stay as it was.
        """
        for _ in range(_TRIES):
            _clear(Batches(store), run)
            try:
                return Filling(store, run, self.eligible, self._expect_wanted).fill()
            except ChangedError:
                continue
        raise NewsletterError(
            "the list changes all the time while the recipients are written down",
            hint="run the same command again when no other program changes it",
        )

    def _expect_wanted(self) -> None:
        if self.stopped():
            raise CancelledError("interrupted; nothing was sent, and nothing is begun")

    def _expect_number(self, number: int) -> None:
        if self.expect not in {None, number}:
            raise RefusedError(
                f"there are {number:,} recipients by now, not {self.expect:,}",
                hint="find out why before you send",
            )

    def _expect_free(self, connection: sa.Connection, occurrence: Occurrence) -> None:
        query = sa.select(occurrences.c.day).where(
            occurrences.c.day == occurrence.day.isoformat(),
            occurrences.c.rehearsal.is_(self.rehearsal),
        )
        if connection.execute(query).first() is not None:
            raise _used_up(occurrence)

    def _take(self, connection: sa.Connection, occurrence: Occurrence) -> None:
        """Use up a date, in the transaction that lets its run begin."""
        row = {
            "day": occurrence.day.isoformat(), "rehearsal": self.rehearsal, "at": occurrence.at,
            "state": OccurrenceState.TAKEN, "issue": self.content.issue, "reason": "",
            "noted_at": self.now,
        }  # fmt: skip
        try:
            connection.execute(sa.insert(occurrences).values(row))
        except sa.exc.IntegrityError as error:
            raise _used_up(occurrence) from error


def clear_rehearsal(store: Database, issue: int) -> int:
    """Forget the rehearsal of an issue, in steps; says how many deliveries that were.

    The statements name `rehearsal` themselves, and a delivery's flag is tied to its run's by a
    foreign key, so a real run cannot be reached from here. A crash leaves a run that is not begun.
    """
    this = sa.and_(runs.c.issue == issue, runs.c.rehearsal.is_(True))
    with store.writing() as connection:
        run = select_run(connection, issue, rehearsal=True)
        if run is None:
            return 0
        unmade = {"state": RunState.FREEZING, "recipients": 0, "finished_at": None}
        connection.execute(sa.update(runs).where(this).values(unmade))
    gone = _clear(Batches(store), run)
    with store.writing() as connection:
        connection.execute(sa.delete(runs).where(this))
    return gone


_SOME = (
    sa.select(deliveries.c.id)
    .where(deliveries.c.run_id == sa.bindparam("run"))
    .limit(sa.bindparam("most"))
)
_DROP = sa.delete(deliveries).where(deliveries.c.id.in_(_SOME))


def _clear(batches: Batches, run: Run) -> int:
    """Take away the recipients of a run that does not run."""
    gone = 0
    while True:
        with batches.writing() as connection:
            most = batches.rows
            number = connection.execute(_DROP, {"run": run.id, "most": most}).rowcount
        gone += number
        if number < most:
            return gone


def _give_up(store: Database, run: Run, before: Run | None) -> None:
    """Leave the run as it was before, unless a person has cancelled it meanwhile."""
    this = sa.and_(runs.c.id == run.id, runs.c.state == RunState.FREEZING)
    with store.writing() as connection:
        if not run.rehearsal:
            forget_links(connection, run.content.issue)
            forget_labels(connection, run.content.issue)
        if before is None or before.state is RunState.FREEZING:
            connection.execute(sa.delete(runs).where(this))
            return
        old = {
            "transport": before.transport, "title": before.content.title,
            "envelope": before.content.frozen, "content_hash": before.content.content_hash,
            "source_hash": before.content.source_hash,
            "skipped_checks": " ".join(before.content.skipped_checks), "state": before.state,
            "reason": before.reason,
        }  # fmt: skip
        connection.execute(sa.update(runs).where(this).values(old))


def _used_up(occurrence: Occurrence) -> RefusedError:
    return RefusedError(
        f"the date {occurrence.day} is used up already", hint="newsletter schedule shows it"
    )
