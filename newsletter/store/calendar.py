"""The schedule's records: dates used up, runs announced and cancelled, what the owner was told.

Each method is one transaction. A date is taken together with the start of its run, in
`freezing.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from newsletter.delivery import OccurrenceState, Run, RunState
from newsletter.schedule import Occurrence
from newsletter.schedule.decision import Ledger
from newsletter.store import runs
from newsletter.store.database import Database
from newsletter.store.tables import clock, notices, occurrences
from newsletter.store.tables import runs as table

#: How often it is tried to tell the owner one thing.
TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One date of the schedule that is used up.

    Attributes:
        occurrence: the date.
        state: how.
        issue: the issue that was begun, or would have been; None where there was none.
        reason: why it was missed, "" otherwise.
    """

    occurrence: Occurrence
    state: OccurrenceState
    issue: int | None
    reason: str


class Calendar:
    """What the records say of the schedule, in one namespace: real, or rehearsals."""

    def __init__(self, store: Database, *, rehearsal: bool) -> None:
        self._store = store
        self._rehearsal = rehearsal

    def used(self) -> tuple[Used, ...]:
        """The dates that are used up, oldest first."""
        with self._store.reading() as connection:
            return _used(connection, self._rehearsal)

    def ledger(self) -> Ledger:
        """What earlier triggers have left behind; announcements are in the runs."""
        with self._store.reading() as connection:
            row = connection.execute(
                sa.select(clock).where(clock.c.rehearsal.is_(self._rehearsal))
            ).one_or_none()
            used = _used(connection, self._rehearsal)
        return Ledger(
            since=row.since if row else None,
            seen=row.seen if row else None,
            used=frozenset(one.occurrence.day for one in used),
        )

    def ahead(self, now: dt.datetime) -> dt.timedelta:
        """How far a moment by this machine is ahead of the records' own clock, if they have one."""
        with self._store.reading() as connection:
            return self._store.backend.ahead(connection, now)

    def saw(self, now: dt.datetime) -> None:
        """Note that a trigger came."""
        with self._store.writing() as connection:
            this = clock.c.rehearsal.is_(self._rehearsal)
            seen = connection.execute(sa.select(clock.c.seen).where(this)).scalar()
            if seen is None:
                row = {"rehearsal": self._rehearsal, "since": now, "seen": now}
                connection.execute(sa.insert(clock).values(row))
            elif now > seen:
                connection.execute(sa.update(clock).where(this).values(seen=now))

    def trust(self, now: dt.datetime) -> int:
        """Take `now` as right though it was later once; says how many dates are open again.

        Dates still ahead that were noted as missed while the clock was wrong are ahead again.
        """
        with self._store.writing() as connection:
            this = clock.c.rehearsal.is_(self._rehearsal)
            connection.execute(sa.update(clock).where(this).values(seen=now))
            connection.execute(sa.update(clock).where(this, clock.c.since > now).values(since=now))
            return connection.execute(
                sa.delete(occurrences).where(
                    occurrences.c.rehearsal.is_(self._rehearsal),
                    occurrences.c.state == OccurrenceState.MISSED,
                    occurrences.c.at > now,
                )
            ).rowcount

    def note(self, found: Iterable[Used], *, now: dt.datetime) -> tuple[Used, ...]:
        """Note dates as used up; returns those that nobody had noted before."""
        noted = []
        with self._store.writing() as connection:
            known = {one.occurrence.day for one in _used(connection, self._rehearsal)}
            for one in found:
                if one.occurrence.day not in known:
                    connection.execute(
                        sa.insert(occurrences).values(_row(one, self._rehearsal, now))
                    )
                    noted.append(one)
        return tuple(noted)

    def announce(self, issue: int, *, title: str, source_hash: str, now: dt.datetime) -> Run | None:
        """Note that an issue is announced as it is.

        Returns:
            the run; None when a person has cancelled it, it is begun, or another trigger, on
            whatever machine, has just announced the same version.
        """
        values = {"title": title, "source_hash": source_hash, "started_at": now}
        with self._store.writing() as connection:
            run = runs.select_run(connection, issue, rehearsal=self._rehearsal)
            if run is None:
                self._insert(connection, issue, RunState.ANNOUNCED, now)
                run = runs.select_run(connection, issue, rehearsal=self._rehearsal)
            if run is None or run.begun or run.state is RunState.CANCELLED:
                return None
            if run.content.source_hash == source_hash:
                return None
            connection.execute(sa.update(table).where(table.c.id == run.id).values(values))
            return runs.select_run(connection, issue, rehearsal=self._rehearsal)

    def cancel(self, issue: int, *, now: dt.datetime) -> Run | None:
        """Cancel an issue, begun or not; no delivery is claimed once this has returned.

        Returns:
            the run as it was before, None when there was none. A finished one stays finished, and
            one that is cancelled already as it was cancelled first.
        """
        with self._store.writing() as connection:
            run = runs.select_run(connection, issue, rehearsal=self._rehearsal)
            if run is None:
                self._insert(connection, issue, RunState.CANCELLED, now)
            if run is None or run.state not in {RunState.FINISHED, RunState.CANCELLED}:
                # Nothing else tells when that was, and whoever sends it after all wants to know.
                reason = f"a person cancelled it on {now:%Y-%m-%d at %H:%M} UTC"
                values = {"state": RunState.CANCELLED, "pause": "", "reason": reason}
                this = table.c.issue == issue, table.c.rehearsal.is_(self._rehearsal)
                connection.execute(sa.update(table).where(*this).values(values))
        return run

    def is_cancelled(self, issue: int) -> bool:
        """Whether a person has cancelled an issue; quick, for asking again and again."""
        state = sa.select(table.c.state).where(
            table.c.issue == issue, table.c.rehearsal.is_(self._rehearsal)
        )
        with self._store.reading() as connection:
            return connection.execute(state).scalar() == RunState.CANCELLED

    def _insert(
        self, connection: sa.Connection, issue: int, state: RunState, now: dt.datetime
    ) -> None:
        runs.insert_empty(connection, issue, rehearsal=self._rehearsal, state=state, now=now)

    # --- what the owner was told ----------------------------------------------------------------

    def is_told(self, topic: str) -> bool:
        """Whether the owner was told, or it was tried often enough."""
        with self._store.reading() as connection:
            return _is_done(_notice(connection, self._topic(topic)))

    def begin_notice(self, topic: str, *, now: dt.datetime) -> bool:
        """Note that the owner is about to be told; false when that is done, or given up."""
        topic = self._topic(topic)
        with self._store.writing() as connection:
            row = _notice(connection, topic)
            if _is_done(row):
                return False
            if row is None:
                first = {"topic": topic, "tries": 1, "told": False, "at": now}
                connection.execute(sa.insert(notices).values(first))
            else:
                again = {"tries": row.tries + 1, "at": now}
                connection.execute(sa.update(notices).where(notices.c.topic == topic).values(again))
            return True

    def told(self, topic: str) -> None:
        """Note that the owner was told."""
        with self._store.writing() as connection:
            this = notices.c.topic == self._topic(topic)
            connection.execute(sa.update(notices).where(this).values(told=True))

    def _topic(self, topic: str) -> str:
        return f"rehearsal {topic}" if self._rehearsal else topic


def _notice(connection: sa.Connection, topic: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(notices).where(notices.c.topic == topic)).one_or_none()


def _is_done(row: sa.Row[Any] | None) -> bool:
    return row is not None and (row.told or row.tries >= TRIES)


def _used(connection: sa.Connection, rehearsal: bool) -> tuple[Used, ...]:  # noqa: FBT001  # as stored
    rows = connection.execute(
        sa.select(occurrences)
        .where(occurrences.c.rehearsal.is_(rehearsal))
        .order_by(occurrences.c.day)
    )
    return tuple(
        Used(
            occurrence=Occurrence(day=dt.date.fromisoformat(row.day), at=row.at),
            state=OccurrenceState(row.state),
            issue=row.issue,
            reason=row.reason,
        )
        for row in rows
    )


def _row(one: Used, rehearsal: bool, now: dt.datetime) -> dict[str, object]:  # noqa: FBT001  # as stored
    return {
        "day": one.occurrence.day.isoformat(),
        "rehearsal": rehearsal,
        "at": one.occurrence.at,
        "state": one.state,
        "issue": one.issue,
        "reason": one.reason,
        "noted_at": now,
    }
