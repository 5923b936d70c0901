"""How a run begins: its content frozen at once, its recipients in steps, then let run.

Until it runs nothing can be claimed from it. If the process dies before, nothing has left, so the
next start freezes anew. Whoever joins meanwhile is in when the steps have not passed their row yet.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from newsletter.audience import Expression
from newsletter.delivery import Content, OccurrenceState, Run, RunState, State
from newsletter.errors import NewsletterError, RefusedError
from newsletter.schedule import Occurrence
from newsletter.store import runs as statements
from newsletter.store.database import Database
from newsletter.store.eligibility import clause
from newsletter.store.steps import Steps
from newsletter.store.tables import deliveries, occurrences, runs, subscribers


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """What a run begins with.

    Attributes:
        content: what is sent.
        rehearsal: the namespace.
        transport: its name.
        eligible: who gets it.
        now: with a time zone.
        expect: how many recipients there must be, None for any number.
        occurrence: the date a schedule begins it for, used up when it begins to run.
    """

    content: Content
    rehearsal: bool
    transport: str
    eligible: Expression
    now: dt.datetime
    expect: int | None = None
    occurrence: Occurrence | None = None

    def run(self, database: Database) -> Run:
        """Freeze, and let it run; a run announced, cancelled or half frozen begins with this.

        Raises:
            RefusedError: the issue was begun already, or there are not `expect` recipients; or a
                schedule asks, and the date is used up; or a person has cancelled it, before or
                meanwhile. It is as not begun then.
        """
        with database.writing() as connection:
            before = self._enter(connection)
        steps = Steps(database)
        run = self._found(database)
        try:
            _clear(steps, run)
            number = self._fill(database, steps, run)
            with steps.writing() as connection:
                _expect_freezing(connection, run)
                self._expect_number(number)
                if self.occurrence is not None:
                    self._take(connection, self.occurrence)
                values = {"state": RunState.RUNNING, "recipients": number, "started_at": self.now}
                connection.execute(sa.update(runs).where(runs.c.id == run.id).values(values))
        except RefusedError:
            _clear(steps, run)
            _give_up(database, run, before)
            raise
        return self._found(database)

    def _found(self, database: Database) -> Run:
        with database.reading() as connection:
            run = statements.find(connection, self.content.issue, rehearsal=self.rehearsal)
        assert run is not None
        return run

    def _enter(self, connection: sa.Connection) -> Run | None:
        """Freeze the content; the run as it was before."""
        content = self.content
        before = statements.find(connection, content.issue, rehearsal=self.rehearsal)
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
            return None
        if before.begun:
            raise RefusedError(
                f"issue {content.issue} has been started already",
                hint="run the same command again; it goes on with what is left",
            )
        if self.occurrence is not None:
            statements.expect_not_cancelled(before)
        connection.execute(sa.update(runs).where(runs.c.id == before.id).values(row))
        return before

    def _fill(self, database: Database, steps: Steps, run: Run) -> int:
        """Write down the recipients in the order of their rows; says how many they are."""
        number = last = 0
        while True:
            with database.reading() as connection:
                upto = connection.execute(_END, {"last": last, "most": steps.rows}).scalar()
            if upto is None:
                return number
            with steps.writing() as connection:
                _expect_freezing(connection, run)
                part = sa.and_(subscribers.c.id > last, subscribers.c.id <= upto)
                number += connection.execute(_freeze(run, self.eligible, part, number)).rowcount
            last = upto

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


def _freeze(run: Run, eligible: Expression, part: sa.ColumnElement[bool], number: int) -> sa.Insert:
    """Write down whoever is eligible in a part of the people, after so many recipients."""
    # Erased and added again since the first step: the same address, in another row.
    there = sa.exists().where(
        deliveries.c.issue == run.content.issue,
        deliveries.c.address_hash == subscribers.c.address_hash,
        deliveries.c.rehearsal.is_(run.rehearsal),
    )
    people = sa.select(
        sa.literal(run.id),
        sa.literal(run.content.issue),
        sa.literal(run.rehearsal),
        subscribers.c.id,
        subscribers.c.address_hash,
        number + sa.func.row_number().over(order_by=subscribers.c.id),
        sa.literal(State.QUEUED.value),
    ).where(part, clause(eligible), ~there)
    columns = ["run_id", "issue", "rehearsal", "subscriber_id", "address_hash"]
    return sa.insert(deliveries).from_select([*columns, "position", "state"], people)


def clear_rehearsal(database: Database, issue: int) -> int:
    """Forget the rehearsal of an issue, in steps; says how many deliveries that were.

    The statements name `rehearsal` themselves, and a delivery's flag is tied to its run's by a
    foreign key, so a real run cannot be reached from here. A crash leaves a run that is not begun.
    """
    this = sa.and_(runs.c.issue == issue, runs.c.rehearsal.is_(True))
    with database.writing() as connection:
        run = statements.find(connection, issue, rehearsal=True)
        if run is None:
            return 0
        unmade = {"state": RunState.FREEZING, "recipients": 0, "finished_at": None}
        connection.execute(sa.update(runs).where(this).values(unmade))
    gone = _clear(Steps(database), run)
    with database.writing() as connection:
        connection.execute(sa.delete(runs).where(this))
    return gone


#: The last row of so many people.
_END = sa.select(
    sa.func.max(
        sa.select(subscribers.c.id)
        .where(subscribers.c.id > sa.bindparam("last"))
        .order_by(subscribers.c.id)
        .limit(sa.bindparam("most"))
        .subquery()
        .c.id
    )
)
_SOME = (
    sa.select(deliveries.c.id)
    .where(deliveries.c.run_id == sa.bindparam("run"))
    .limit(sa.bindparam("most"))
)
_DROP = sa.delete(deliveries).where(deliveries.c.id.in_(_SOME))


def _clear(steps: Steps, run: Run) -> int:
    """Take away the recipients of a run that does not run."""
    gone = 0
    while True:
        with steps.writing() as connection:
            most = steps.rows
            number = connection.execute(_DROP, {"run": run.id, "most": most}).rowcount
        gone += number
        if number < most:
            return gone


def _give_up(database: Database, run: Run, before: Run | None) -> None:
    """Leave the run as it was before, unless a person has cancelled it meanwhile."""
    this = sa.and_(runs.c.id == run.id, runs.c.state == RunState.FREEZING)
    with database.writing() as connection:
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


def _expect_freezing(connection: sa.Connection, run: Run) -> None:
    now = statements.find(connection, run.content.issue, rehearsal=run.rehearsal)
    if now is not None and now.state is RunState.FREEZING:
        return
    if now is not None:
        statements.expect_not_cancelled(now)
    raise NewsletterError(
        f"issue {run.content.issue} was changed by another program while it began",
        hint="run the same command again",
    )


def _used_up(occurrence: Occurrence) -> RefusedError:
    return RefusedError(
        f"the date {occurrence.day} is used up already", hint="newsletter schedule shows it"
    )
