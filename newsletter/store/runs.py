"""Runs, statement by statement: begun, counted, paused, finished.

`sql.Store` says where transactions begin and end; single deliveries are in `deliveries.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import Expression
from newsletter.errors import NewsletterError, RefusedError
from newsletter.outbox import (
    Content,
    Counts,
    OccurrenceState,
    Pause,
    Run,
    RunState,
    State,
    is_finished,
)
from newsletter.schedule import Occurrence
from newsletter.store.damage import UnreadableError
from newsletter.store.eligibility import clause
from newsletter.store.tables import deliveries, occurrences, runs, subscribers

#: What a rate is told from.
_LAST: Final = 200


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
    expect: int | None = None,
    occurrence: Occurrence | None = None,
) -> Run:
    """Freeze content and recipients: the run's row and one queued row per person.

    A run that was announced, or cancelled before it began, begins with what is given here.

    Args:
        connection: inside a transaction.
        content: what is sent.
        rehearsal: the namespace.
        transport: its name.
        eligible: who gets it.
        now: with a time zone.
        expect: how many recipients there must be, None for any number.
        occurrence: the date a schedule begins it for, used up in the same transaction.

    Raises:
        RefusedError: the issue was begun already, or there are not `expect` recipients; or a
            schedule asks, and a person has cancelled it, or the date is used up.
    """
    name = {"issue": content.issue, "rehearsal": rehearsal}
    row = {
        "transport": transport,
        "title": content.title,
        "envelope": content.envelope,
        "content_hash": content.content_hash,
        "source_hash": content.source_hash,
        "skipped_checks": " ".join(content.skipped_checks),
        "state": RunState.RUNNING,
        "recipients": 0,
        "started_at": now,
        "pause": "",
        "reason": "",
    }
    waiting = find(connection, content.issue, rehearsal=rehearsal)
    if waiting is None:
        connection.execute(sa.insert(runs).values(name | row))
    elif waiting.begun:
        raise RefusedError(
            f"issue {content.issue} has been started already",
            hint="run the same command again; it goes on with what is left",
        )
    else:
        if occurrence is not None:
            _expect_not_cancelled(waiting)
        connection.execute(sa.update(runs).where(runs.c.id == waiting.id).values(row))
    if occurrence is not None:
        _take(connection, occurrence, content.issue, rehearsal=rehearsal, now=now)
    run = find(connection, content.issue, rehearsal=rehearsal)
    assert run is not None
    frozen = connection.execute(_freeze(run, eligible)).rowcount
    if expect not in {None, frozen}:
        raise RefusedError(
            f"there are {frozen:,} recipients by now, not {expect:,}",
            hint="find out why before sending",
        )
    connection.execute(sa.update(runs).where(runs.c.id == run.id).values(recipients=frozen))
    return run


def _expect_not_cancelled(run: Run) -> None:
    if run.state is RunState.CANCELLED:
        number = run.content.issue
        raise RefusedError(
            f"issue {number} was cancelled by a person",
            hint=f"a person lets it go on: newsletter send --issue {number}",
        )


def _take(
    connection: sa.Connection,
    occurrence: Occurrence,
    issue: int,
    *,
    rehearsal: bool,
    now: dt.datetime,
) -> None:
    """Use up a date, in the transaction that begins its run."""
    row = {
        "day": occurrence.day.isoformat(), "rehearsal": rehearsal, "at": occurrence.at,
        "state": OccurrenceState.TAKEN, "issue": issue, "reason": "", "noted_at": now,
    }  # fmt: skip
    try:
        connection.execute(sa.insert(occurrences).values(row))
    except sa.exc.IntegrityError as error:
        raise RefusedError(
            f"the date {occurrence.day} is used up already", hint="newsletter schedule shows it"
        ) from error


def insert_empty(
    connection: sa.Connection, issue: int, *, rehearsal: bool, state: RunState, now: dt.datetime
) -> None:
    """A run that is not begun: announced or cancelled, nothing frozen."""
    row = {
        "issue": issue, "rehearsal": rehearsal, "transport": "", "title": "", "envelope": b"",
        "content_hash": "", "source_hash": "", "skipped_checks": "", "state": state,
        "recipients": 0, "started_at": now,
    }  # fmt: skip
    connection.execute(sa.insert(runs).values(row))


def resume(connection: sa.Connection, run: Run, *, by_hand: bool) -> None:
    """Let a begun run go on.

    Raises:
        RefusedError: a person has cancelled it, and it is not a person who asks.
    """
    now = find(connection, run.content.issue, rehearsal=run.rehearsal)
    assert now is not None
    if not by_hand:
        _expect_not_cancelled(now)
    values = {"state": RunState.RUNNING, "pause": "", "reason": ""}
    connection.execute(sa.update(runs).where(runs.c.id == run.id).values(values))


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


def first_accepted(connection: sa.Connection, since: dt.datetime) -> dt.datetime | None:
    """When the first mail was accepted for real since a moment."""
    query = sa.select(sa.func.min(deliveries.c.settled_at)).where(
        deliveries.c.state == State.ACCEPTED,
        deliveries.c.rehearsal.is_(False),
        deliveries.c.settled_at >= since,
    )
    return connection.execute(query).scalar()


def rate(connection: sa.Connection, run: Run) -> float | None:
    """Mails accepted a second over the last of them, None when they are too few to tell."""
    last = (
        sa.select(deliveries.c.settled_at)
        .where(deliveries.c.run_id == run.id, deliveries.c.state == State.ACCEPTED)
        .order_by(deliveries.c.position.desc())
        .limit(_LAST)
    )
    moments = sorted(connection.execute(last).scalars())
    seconds = (moments[-1] - moments[0]).total_seconds() if moments else 0.0
    return (len(moments) - 1) / seconds if seconds else None


def reasons(connection: sa.Connection, run: Run) -> dict[tuple[State, str], int]:
    """How many deliveries there are of each state and reason, where a reason was given."""
    rows = connection.execute(
        sa.select(deliveries.c.state, deliveries.c.reason, sa.func.count())
        .where(deliveries.c.run_id == run.id, deliveries.c.reason != "")
        .group_by(deliveries.c.state, deliveries.c.reason)
        .order_by(deliveries.c.state, deliveries.c.reason)
    )
    return {(State(state), reason): number for state, reason, number in rows}


def set_state(
    connection: sa.Connection,
    run: Run,
    state: RunState,
    now: dt.datetime,
    *,
    pause: Pause | None,
    reason: str,
) -> None:
    """Note how a run stands; what a person has cancelled does not become paused.

    Raises:
        NewsletterError: it would be called finished with deliveries left: a bug.
    """
    finished = state is RunState.FINISHED
    if finished and not is_finished(counts(connection, run)):
        raise NewsletterError(
            f"issue {run.content.issue} still has deliveries to send",
            hint="this is a bug; please report it",
        )
    this = runs.c.id == run.id
    if state is RunState.PAUSED:
        this = sa.and_(this, runs.c.state != RunState.CANCELLED)
    connection.execute(
        sa.update(runs)
        .where(this)
        .values(
            state=state, finished_at=now if finished else None, pause=pause or "", reason=reason
        )
    )


def _run(row: sa.Row[Any], envelope: bytes) -> Run:
    if envelope and hashlib.sha256(envelope).hexdigest() != row.content_hash:
        raise UnreadableError("the frozen letter is not the one that was frozen")
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
        pause=Pause(row.pause) if row.pause else None,
        reason=row.reason,
        started_at=row.started_at,
        finished_at=row.finished_at,
        begun=row.recipients > 0 or row.state not in {RunState.ANNOUNCED, RunState.CANCELLED},
    )
