"""Runs and deliveries, statement by statement; `sql.Store` says where transactions begin and end.

A delivery's row changes only here, and only along the arrows drawn in `newsletter.outbox`.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import MAILABLE, Expression, Status, Subscriber, Suppressed
from newsletter.errors import NewsletterError, RefusedError
from newsletter.outbox import (
    Content,
    Counts,
    Delivery,
    Outcome,
    Run,
    RunState,
    State,
    is_finished,
    next_state,
)
from newsletter.store.eligibility import clause
from newsletter.store.tables import deliveries, runs, subscribers, tags

#: Why a row that was claimed when its process died is unknown.
ENDED: Final = "the process ended during the attempt"

# The statements every single delivery goes through, built once: building costs more than running.
_NEXT: Final = (
    sa.select(
        deliveries.c.id.label("delivery_id"),
        deliveries.c.position,
        deliveries.c.attempt,
        subscribers,
        # NULL (the person was erased) is neither.
        sa.case((clause(MAILABLE), 1), else_=0).label("mailable"),
        sa.case((clause(Suppressed()), 1), else_=0).label("suppressed"),
    )
    .select_from(deliveries.outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id))
    .where(deliveries.c.run_id == sa.bindparam("run"), deliveries.c.state == State.QUEUED)
    .order_by(deliveries.c.position)
    .limit(1)
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
_TAGS: Final = sa.select(tags.c.tag).where(tags.c.subscriber_id == sa.bindparam("person"))
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


def find(connection: sa.Connection, issue: int, *, rehearsal: bool) -> Run | None:
    """The run of an issue, or None."""
    query = sa.select(runs).where(runs.c.issue == issue, runs.c.rehearsal.is_(rehearsal))
    row = connection.execute(query).one_or_none()
    return None if row is None else _run(row, row.envelope)


def everything(connection: sa.Connection) -> tuple[Run, ...]:
    """All runs, oldest first, without their envelopes (b"")."""
    columns = [column for column in runs.c if column is not runs.c.envelope]
    rows = connection.execute(sa.select(*columns).order_by(runs.c.id))
    return tuple(_run(row, b"") for row in rows)


def start(
    connection: sa.Connection,
    content: Content,
    *,
    rehearsal: bool,
    transport: str,
    eligible: Expression,
    now: dt.datetime,
) -> Run:
    """Freeze content and recipients: the run's row and one queued row per person."""
    row = {
        "issue": content.issue,
        "rehearsal": rehearsal,
        "transport": transport,
        "title": content.title,
        "envelope": content.envelope,
        "content_hash": content.content_hash,
        "source_hash": content.source_hash,
        "skipped_checks": " ".join(content.skipped_checks),
        "state": RunState.RUNNING,
        "recipients": 0,
        "started_at": now,
    }
    try:
        connection.execute(sa.insert(runs).values(row))
    except sa.exc.IntegrityError as error:
        raise RefusedError(
            f"issue {content.issue} has been started already",
            hint="run the same command again; it goes on with what is left",
        ) from error
    run = find(connection, content.issue, rehearsal=rehearsal)
    assert run is not None
    frozen = connection.execute(_freeze(run, eligible)).rowcount
    connection.execute(sa.update(runs).where(runs.c.id == run.id).values(recipients=frozen))
    return run


def _freeze(run: Run, eligible: Expression) -> sa.Insert:
    people = sa.select(
        sa.literal(run.id),
        sa.literal(run.content.issue),
        sa.literal(run.rehearsal),
        subscribers.c.id,
        subscribers.c.address_hash,
        sa.func.row_number().over(order_by=subscribers.c.id),
        sa.literal(State.QUEUED.value),
    ).where(clause(eligible))
    columns = ["run_id", "issue", "rehearsal", "subscriber_id", "address_hash"]
    return sa.insert(deliveries).from_select([*columns, "position", "state"], people)


def clear_rehearsal(connection: sa.Connection, issue: int) -> int:
    """Forget the rehearsal of an issue; says how many deliveries that were.

    The statements name `rehearsal` themselves, and a delivery's flag is tied to its run's by a
    foreign key, so a real run cannot be reached from here.
    """
    gone = connection.execute(
        sa.delete(deliveries).where(deliveries.c.issue == issue, deliveries.c.rehearsal.is_(True))
    ).rowcount
    connection.execute(sa.delete(runs).where(runs.c.issue == issue, runs.c.rehearsal.is_(True)))
    return gone


def recover(connection: sa.Connection, run: Run, now: dt.datetime) -> int:
    """Settle what a dead process left claimed, queue what was put off; counts the former."""
    lost = connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.run_id == run.id, deliveries.c.state == State.CLAIMED)
        .values(state=State.UNKNOWN, reason=ENDED, settled_at=now)
    ).rowcount
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.run_id == run.id, deliveries.c.state == State.DEFERRED)
        .values(state=State.QUEUED, settled_at=None)
    )
    return lost


def requeue(connection: sa.Connection, run: Run, *, tries: int) -> int:
    """Queue what was put off and was tried less than `tries` times; says how much that was."""
    return connection.execute(
        sa.update(deliveries)
        .where(
            deliveries.c.run_id == run.id,
            deliveries.c.state == State.DEFERRED,
            deliveries.c.attempt < tries,
        )
        .values(state=State.QUEUED, settled_at=None)
    ).rowcount


def next_queued(connection: sa.Connection, run: Run) -> sa.Row[Any] | None:
    """The first queued delivery with its person as they are now, and whether to mail them."""
    return connection.execute(_NEXT, {"run": run.id}).one_or_none()


def take(connection: sa.Connection, row: sa.Row[Any], now: dt.datetime) -> Delivery | None:
    """Claim the row `next_queued` found, or skip it when the person may not be mailed (None)."""
    if not row.mailable:
        connection.execute(_SKIP, {"this": row.delivery_id, "why": _why_not(row), "now": now})
        return None
    attempt = row.attempt + 1
    connection.execute(_CLAIM, {"this": row.delivery_id, "try": attempt, "now": now})
    person = Subscriber(
        id=row.id,
        handle=row.handle,
        address=row.email,
        name=row.name,
        status=Status(row.status),
        fields=json.loads(row.fields),
        tags=frozenset(connection.execute(_TAGS, {"person": row.id}).scalars()),
    )
    return Delivery(id=row.delivery_id, position=row.position, attempt=attempt, subscriber=person)


def settle(
    connection: sa.Connection, run: Run, delivery: Delivery, outcome: Outcome, now: dt.datetime
) -> None:
    """Record what became of a claimed delivery.

    Raises:
        NewsletterError: the row is not claimed with this attempt: a bug, and nothing changed.
    """
    state = next_state(outcome)
    changed = connection.execute(
        _SETTLE,
        {
            "this": delivery.id,
            "run": run.id,
            "try": delivery.attempt,
            "to": state.value,
            "message": outcome.message_id,
            "why": outcome.reason,
            "now": None if state is State.QUEUED else now,
        },
    ).rowcount
    if changed != 1:
        raise NewsletterError(
            f"delivery {delivery.id}, attempt {delivery.attempt}, is not claimed",
            hint="this is a bug; please report it",
        )


def counts(connection: sa.Connection, run: Run) -> Counts:
    """Deliveries by state.

    Raises:
        NewsletterError: they do not add up to the frozen number: rows were lost or made.
    """
    rows = connection.execute(
        sa.select(deliveries.c.state, sa.func.count())
        .where(deliveries.c.run_id == run.id)
        .group_by(deliveries.c.state)
    )
    found = Counts(by_state={State(state): number for state, number in rows})
    frozen = connection.execute(sa.select(runs.c.recipients).where(runs.c.id == run.id)).scalar()
    if found.total != frozen:
        raise NewsletterError(
            f"issue {run.content.issue} was frozen with {frozen} recipients, "
            f"but {found.total} are on record",
            hint="send nothing more; restore a backup or report this",
        )
    return found


def reasons(connection: sa.Connection, run: Run) -> dict[tuple[State, str], int]:
    """How many deliveries there are of each state and reason, where a reason was given."""
    rows = connection.execute(
        sa.select(deliveries.c.state, deliveries.c.reason, sa.func.count())
        .where(deliveries.c.run_id == run.id, deliveries.c.reason != "")
        .group_by(deliveries.c.state, deliveries.c.reason)
        .order_by(deliveries.c.state, deliveries.c.reason)
    )
    return {(State(state), reason): number for state, reason, number in rows}


def set_state(connection: sa.Connection, run: Run, state: RunState, now: dt.datetime) -> None:
    """Note how a run stands.

    Raises:
        NewsletterError: it would be called finished with deliveries left: a bug.
    """
    finished = state is RunState.FINISHED
    if finished and not is_finished(counts(connection, run)):
        raise NewsletterError(
            f"issue {run.content.issue} still has deliveries to send",
            hint="this is a bug; please report it",
        )
    connection.execute(
        sa.update(runs)
        .where(runs.c.id == run.id)
        .values(state=state, finished_at=now if finished else None)
    )


def _why_not(row: sa.Row[Any]) -> str:
    if row.id is None:
        return "erased"
    return "suppressed" if row.suppressed else str(row.status)


def _run(row: sa.Row[Any], envelope: bytes) -> Run:
    return Run(
        id=row.id,
        content=Content(
            issue=row.issue,
            title=row.title,
            envelope=envelope,
            content_hash=row.content_hash,
            source_hash=row.source_hash,
            skipped_checks=tuple(row.skipped_checks.split()),
        ),
        rehearsal=row.rehearsal,
        transport=row.transport,
        state=RunState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
