"""Deliveries: claimed, settled, queued again.

A row's state changes only here, and only along the arrows drawn in `newsletter.delivery`; triggers
in the database refuse every other. `claim` and `settle` are statements: `group_commit.py` puts
those of many threads into one transaction.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.audience import MAILABLE, Status, Subscriber, Suppressed
from newsletter.delivery import Delivery, Pause, Run, RunState, State
from newsletter.store import events, feedback
from newsletter.store.batches import Batches
from newsletter.store.database import Database
from newsletter.store.eligibility import clause
from newsletter.store.rows import plain, update_rows
from newsletter.store.runs import claimable, update_state
from newsletter.store.tables import deliveries, moment_text, runs, subscribers

#: Lets a run go on that has deliveries to send again.
Reopen = Callable[[sa.Connection], None]

#: How many recipients are read at once.
_PART: Final = 1000
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
        # Asked once per statement: nothing is claimed before a run runs, nor once it is cancelled,
        # nor in another way than it was begun, nor where the records may have forgotten some.
        sa.exists(
            sa.select(runs.c.id).where(
                runs.c.id == sa.bindparam("run"),
                claimable(),
                sa.or_(
                    sa.bindparam("leads", type_=sa.Boolean),
                    sa.and_(runs.c.way != "", runs.c.way == sa.bindparam("way")),
                ),
            )
        ),
    )
    .order_by(deliveries.c.position)
    .limit(sa.bindparam("most"))
    # Processes that claim at once take different ones; SQLite has one writer, and no such word.
    .with_for_update(of=deliveries, skip_locked=True)
)
# Moments are text in these.
_PLAIN: Final = plain(deliveries)
_THIS: Final = sa.update(_PLAIN).where(_PLAIN.c.id == sa.bindparam("this"))
_SKIP: Final = _THIS.values(
    state=State.SKIPPED.value, reason=sa.bindparam("why"), settled_at=sa.bindparam("now")
)
_CLAIM: Final = _THIS.values(
    state=State.CLAIMED.value,
    attempt=sa.bindparam("try"),
    worker=sa.bindparam("by"),
    reason="",
    claimed_at=sa.bindparam("now"),
    settled_at=None,
)


class Doubt(NamedTuple):
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


def claim(
    connection: sa.Connection,
    run: int,
    most: int,
    now: dt.datetime,
    *,
    worker: str = "",
    way: str | None = None,
) -> tuple[Delivery, ...]:
    """Take the next queued deliveries, at most so many; fewer only when no more may be claimed.

    Whoever may no longer be mailed is skipped. Each person is read here, as they are now.

    Args:
        connection: inside a transaction.
        run: the row of the run.
        most: how many.
        now: with a time zone.
        worker: under which lease.
        way: how its mails would leave from here; None for who leads it, and says how.
    """
    asked = {"run": run, "leads": way is None, "way": way or ""}
    taken: list[Delivery] = []
    moment = moment_text(now)
    while len(taken) < most:
        rows: Sequence[Any] = connection.execute(_NEXT, asked | {"most": most - len(taken)}).all()
        if not rows:
            break
        left = [row for row in rows if not row.mailable]
        mailable = [_delivery(row, worker) for row in rows if row.mailable]
        if left:
            skipped = [{"this": r.delivery_id, "why": _why_not(r), "now": moment} for r in left]
            update_rows(connection, _SKIP, skipped)
        if mailable:
            claimed = [
                {"this": d.id, "try": d.attempt, "by": worker, "now": moment} for d in mailable
            ]
            update_rows(connection, _CLAIM, claimed)
        taken += mailable
    return tuple(taken)


def recover(store: Database, run: Run, *, now: dt.datetime) -> int:
    """Call this under the lock, before draining: nothing can be in flight then.

    What is still claimed becomes unknown, unless an event shows that it was accepted; what was
    deferred is queued again.

    Returns:
        how many became unknown.
    """
    lost = give_up_claims(store, run, now)
    with store.reading() as connection:
        shown = events.doubtful(connection)
    return lost - min(lost, feedback.settle(store, shown))


def give_up_claims(store: Database, run: Run, now: dt.datetime) -> int:
    """Settle what a dead process left claimed, queue what was put off; counts the former."""
    lost = sweep(store, run, now=now)
    requeue(store, run)
    return lost


def sweep(store: Database, run: Run, *, now: dt.datetime) -> int:
    """Call unknown what was claimed by somebody who has nothing under way any more; how many."""
    claimed = deliveries.c.run_id == run.id, deliveries.c.state == State.CLAIMED
    by = sa.select(deliveries.c.worker).where(*claimed)
    # In one snapshot: who has just begun to work would be missing among the living otherwise.
    with store.reading() as connection:
        alive = store.backend.under_way(connection)
        dead = set(connection.execute(by).scalars()) - alive
    if not dead:
        return 0
    values = {"state": State.UNKNOWN, "reason": ENDED, "settled_at": now}
    return _move(Batches(store), run, State.CLAIMED, values, deliveries.c.worker.in_(dead))


def requeue(store: Database, run: Run) -> int:
    """Queue again what was deferred; how many."""
    return _move(Batches(store), run, State.DEFERRED, _AGAIN)


def retry(store: Database, run: Run, *, now: dt.datetime) -> int:
    """Queue again what was refused or deferred; how many. The run is paused until it is sent.

    These are proven not accepted, so nobody gets the issue twice.
    """
    batches, reopen = Batches(store), _reopening(run, now)
    return sum(
        _move(batches, run, state, _AGAIN, reopen=reopen)
        for state in (State.REFUSED, State.DEFERRED)
    )


def risk(store: Database, run: Run, *, now: dt.datetime) -> int:
    """Queue again what is unknown, each once at most; how many. A person answers for it."""
    once = deliveries.c.risked == 0
    return _move(
        Batches(store), run, State.UNKNOWN, _AGAIN | {"risked": 1}, once,
        reopen=_reopening(run, now),
    )  # fmt: skip


def assume(store: Database, run: Run, *, now: dt.datetime) -> int:
    """Take what is unknown as sent, finally; how many. A person answers for it."""
    values = {"state": State.ASSUMED, "settled_at": now}
    return _move(Batches(store), run, State.UNKNOWN, values)


def _reopening(run: Run, now: dt.datetime) -> Reopen:
    def reopen(connection: sa.Connection) -> None:
        reason = "some were queued again"
        update_state(connection, run, RunState.PAUSED, now, pause=Pause.RETRY, reason=reason)

    return reopen


def _move(
    batches: Batches,
    run: Run,
    state: State,
    values: Mapping[str, object],
    *which: sa.ColumnElement[bool],
    reopen: Reopen = lambda _: None,
) -> int:
    """Change deliveries of a run in one state, in the order of the recipients; says how many.

    `reopen` is called in every transaction that changes some: a run that goes on no more must not
    be left with deliveries to send.
    """
    mine = (deliveries.c.run_id == run.id, deliveries.c.state == state, *which)
    number = last = 0
    while True:
        part = (*mine, deliveries.c.position > last)
        places = sa.select(deliveries.c.position).where(*part).order_by(deliveries.c.position)
        upto = batches.look(
            sa.select(sa.func.max(places.limit(batches.rows).subquery().c.position))
        )
        if upto is None:
            return number
        with batches.writing() as connection:
            these = sa.update(deliveries).where(*part, deliveries.c.position <= upto)
            changed = connection.execute(these.values(values)).rowcount
            if changed:
                reopen(connection)
        number, last = number + changed, upto


def doubtful(store: Database, run: Run, *, most: int) -> tuple[Doubt, ...]:
    """Deliveries that are unknown, in the order of the recipients, at most so many."""
    query = (
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
    with store.reading() as connection:
        rows = connection.execute(query)
        return tuple(Doubt(**row._mapping) for row in rows)  # noqa: SLF001  # its public name


def count_unknown(store: Database, run: Run, *, before: dt.datetime) -> int:
    """How many deliveries are unknown whose last attempt began before a moment."""
    query = sa.select(sa.func.count()).where(
        deliveries.c.run_id == run.id,
        deliveries.c.state == State.UNKNOWN,
        deliveries.c.claimed_at < before,
    )
    with store.reading() as connection:
        return connection.execute(query).scalar_one()


class Recipient(NamedTuple):
    """One person of a run, and what became of the mail to them.

    Attributes:
        name: as it is on record now; like the address "" when the person is erased.
        at: when it came to that, UTC; None before the first attempt.
    """

    position: int
    name: str
    address: str
    state: State
    reason: str
    attempt: int
    at: dt.datetime | None


def recipients(store: Database, run: Run, *, state: State | None = None) -> Iterator[Recipient]:
    """Those whose delivery is in a state, None for everybody, in their order."""
    mine = [deliveries.c.run_id == run.id]
    if state:
        mine.append(deliveries.c.state == state)
    query = (
        sa.select(
            deliveries.c.position,
            sa.func.coalesce(subscribers.c.name, "").label("name"),
            sa.func.coalesce(subscribers.c.email, "").label("address"),
            deliveries.c.state,
            deliveries.c.reason,
            deliveries.c.attempt,
            sa.func.coalesce(deliveries.c.settled_at, deliveries.c.claimed_at).label("at"),
        )
        .select_from(
            deliveries.outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        )
        .where(*mine)
        .order_by(deliveries.c.position)
        .limit(_PART)
    )
    last = 0
    with store.reading() as connection:
        while rows := connection.execute(query.where(deliveries.c.position > last)).all():
            for row in rows:
                found = dict(row._mapping)  # noqa: SLF001  # its public name
                yield Recipient(**found | {"state": State(row.state)})
            last = rows[-1].position


def riskable(store: Database, run: Run) -> int:
    """How many unknown deliveries were not queued again before."""
    query = sa.select(sa.func.count()).where(
        deliveries.c.run_id == run.id,
        deliveries.c.state == State.UNKNOWN,
        deliveries.c.risked == 0,
    )
    with store.reading() as connection:
        return connection.execute(query).scalar_one()


_AGAIN: Final[dict[str, object]] = {"state": State.QUEUED, "settled_at": None}


def _delivery(row: sa.Row[Any], worker: str = "") -> Delivery:
    person = Subscriber(
        id=row.id,
        handle=row.handle,
        address=row.email,
        name=row.name,
        status=Status(row.status),
        fields=json.loads(row.fields),
    )
    return Delivery(
        id=row.delivery_id,
        position=row.position,
        attempt=row.attempt + 1,
        subscriber=person,
        worker=worker,
    )


def _why_not(row: sa.Row[Any]) -> str:
    if row.id is None:
        return "erased"
    return "suppressed" if row.suppressed else str(row.status)
