"""Deliveries, statement by statement: claimed, settled, queued again.

A row's state changes only here, and only along the arrows drawn in `newsletter.outbox`; triggers
in the database refuse every other. `group.Writer` and `sql.Store` say where transactions begin and
end.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import MAILABLE, Status, Subscriber, Suppressed
from newsletter.errors import NewsletterError
from newsletter.outbox import Delivery, Outcome, Run, RunState, State, next_state
from newsletter.store.eligibility import clause
from newsletter.store.tables import deliveries, runs, subscribers

#: Why a row that was claimed when its process died is unknown.
ENDED: Final = "the process ended during the attempt"

# The statements every single delivery goes through, built once: building costs more than running.
_NEXT: Final = (
    sa.select(
        deliveries.c.id.label("delivery_id"),
        deliveries.c.position,
        deliveries.c.attempt,
        subscribers.c.id,
        subscribers.c.handle,
        subscribers.c.email,
        subscribers.c.name,
        subscribers.c.status,
        subscribers.c.fields,
        # NULL (the person was erased) is neither.
        sa.case((clause(MAILABLE), 1), else_=0).label("mailable"),
        sa.case((clause(Suppressed()), 1), else_=0).label("suppressed"),
    )
    .select_from(deliveries.outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id))
    .where(
        deliveries.c.run_id == sa.bindparam("run"),
        deliveries.c.state == State.QUEUED,
        # Asked once per statement: nothing is claimed from the moment a person cancels.
        sa.select(runs.c.state).where(runs.c.id == sa.bindparam("run")).scalar_subquery()
        != RunState.CANCELLED,
    )
    .order_by(deliveries.c.position)
    .limit(sa.bindparam("most"))
)
_THIS: Final = sa.update(deliveries).where(deliveries.c.id == sa.bindparam("this"))
_SKIP: Final = _THIS.values(
    state=State.SKIPPED, reason=sa.bindparam("why"), settled_at=sa.bindparam("now")
)
_CLAIM: Final = _THIS.values(
    state=State.CLAIMED,
    attempt=sa.bindparam("try"),
    reason="",
    claimed_at=sa.bindparam("now"),
    settled_at=None,
)
_SETTLE: Final = _THIS.where(
    deliveries.c.run_id == sa.bindparam("run"),
    deliveries.c.state == State.CLAIMED,
    deliveries.c.attempt == sa.bindparam("try"),
).values(
    state=sa.bindparam("to"),
    message_id=sa.bindparam("message"),
    reason=sa.bindparam("why"),
    settled_at=sa.bindparam("now"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A claimed delivery and what became of it.

    Attributes:
        run: the row of its run.
        now: with a time zone.
    """

    run: int
    delivery: Delivery
    outcome: Outcome
    now: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One delivery whose outcome nobody knows.

    Attributes:
        address: where the mail went, "" when the person is erased.
        claimed_at: UTC.
        risked: how often a person had it sent again before, once at most.
    """

    position: int
    attempt: int
    address: str
    reason: str
    claimed_at: dt.datetime
    risked: int


def claim(connection: sa.Connection, run: int, most: int, now: dt.datetime) -> tuple[Delivery, ...]:
    """Take the next queued deliveries, at most so many; fewer only when no more are queued.

    Whoever may no longer be mailed is skipped. Each person is read here, as they are now.
    """
    taken: list[Delivery] = []
    while len(taken) < most:
        rows: Sequence[Any] = connection.execute(
            _NEXT, {"run": run, "most": most - len(taken)}
        ).all()
        if not rows:
            break
        left = [row for row in rows if not row.mailable]
        mailable = [_delivery(row) for row in rows if row.mailable]
        if left:
            skipped = [{"this": r.delivery_id, "why": _why_not(r), "now": now} for r in left]
            connection.execute(_SKIP, skipped)
        if mailable:
            claimed = [{"this": d.id, "try": d.attempt, "now": now} for d in mailable]
            connection.execute(_CLAIM, claimed)
        taken += mailable
    return tuple(taken)


def settle(connection: sa.Connection, settled: Sequence[Settled]) -> None:
    """Record what became of claimed deliveries.

    Raises:
        NewsletterError: one of them is not claimed with its attempt: a bug. The caller undoes the
            transaction.
    """
    if not settled:
        return
    changed = connection.execute(_SETTLE, [_row(one) for one in settled]).rowcount
    if changed != len(settled):
        named = ", ".join(f"{one.delivery.id} (attempt {one.delivery.attempt})" for one in settled)
        raise NewsletterError(
            f"not all of these deliveries are claimed: {named}",
            hint="this is a bug; please report it",
        )


def recover(connection: sa.Connection, run: Run, now: dt.datetime) -> int:
    """Settle what a dead process left claimed, queue what was put off; counts the former."""
    lost = connection.execute(
        _of(run, State.CLAIMED).values(state=State.UNKNOWN, reason=ENDED, settled_at=now)
    ).rowcount
    connection.execute(_of(run, State.DEFERRED).values(_AGAIN))
    return lost


def requeue(connection: sa.Connection, run: Run, *, tries: int) -> int:
    """Queue what was put off and was tried less than `tries` times; says how much that was."""
    short = _of(run, State.DEFERRED).where(deliveries.c.attempt < tries)
    return connection.execute(short.values(_AGAIN)).rowcount


def retry(connection: sa.Connection, run: Run) -> int:
    """Queue again what was refused or put off: proven not accepted, so nobody gets it twice."""
    proven = _of(run, State.REFUSED, State.DEFERRED)
    return connection.execute(proven.values(_AGAIN)).rowcount


def risk(connection: sa.Connection, run: Run) -> int:
    """Queue again what is unknown and was not queued like this before; says how much that was."""
    doubtful = _of(run, State.UNKNOWN).where(deliveries.c.risked == 0)
    return connection.execute(doubtful.values(_AGAIN | {"risked": 1})).rowcount


def assume(connection: sa.Connection, run: Run, now: dt.datetime) -> int:
    """Take what is unknown as sent; says how much that was."""
    return connection.execute(
        _of(run, State.UNKNOWN).values(state=State.ASSUMED, settled_at=now)
    ).rowcount


def doubtful(connection: sa.Connection, run: Run, most: int) -> tuple[Doubt, ...]:
    """Deliveries that are unknown, in the order of the recipients, at most so many."""
    rows = connection.execute(
        sa.select(
            deliveries.c.position,
            deliveries.c.attempt,
            sa.func.coalesce(subscribers.c.email, "").label("address"),
            deliveries.c.reason,
            deliveries.c.claimed_at,
            deliveries.c.risked,
        )
        .select_from(
            deliveries.outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        )
        .where(deliveries.c.run_id == run.id, deliveries.c.state == State.UNKNOWN)
        .order_by(deliveries.c.position)
        .limit(most)
    )
    return tuple(Doubt(**row._mapping) for row in rows)  # noqa: SLF001  # its public name


def riskable(connection: sa.Connection, run: Run) -> int:
    """How many unknown deliveries were not queued again before."""
    query = sa.select(sa.func.count()).where(
        deliveries.c.run_id == run.id,
        deliveries.c.state == State.UNKNOWN,
        deliveries.c.risked == 0,
    )
    return connection.execute(query).scalar_one()


_AGAIN: Final = {"state": State.QUEUED, "settled_at": None}


def _of(run: Run, *states: State) -> sa.Update:
    return sa.update(deliveries).where(
        deliveries.c.run_id == run.id, deliveries.c.state.in_(states)
    )


def _delivery(row: sa.Row[Any]) -> Delivery:
    person = Subscriber(
        id=row.id,
        handle=row.handle,
        address=row.email,
        name=row.name,
        status=Status(row.status),
        fields=json.loads(row.fields),
    )
    return Delivery(
        id=row.delivery_id, position=row.position, attempt=row.attempt + 1, subscriber=person
    )


def _row(one: Settled) -> dict[str, object]:
    state, outcome = next_state(one.outcome), one.outcome
    return {
        "this": one.delivery.id,
        "run": one.run,
        "try": one.delivery.attempt,
        "to": state.value,
        "message": outcome.message_id,
        "why": outcome.reason,
        "now": None if state is State.QUEUED else one.now,
    }


def _why_not(row: sa.Row[Any]) -> str:
    if row.id is None:
        return "erased"
    return "suppressed" if row.suppressed else str(row.status)
