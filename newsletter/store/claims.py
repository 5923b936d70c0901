"""How far the claims of a run have come, and what a restored backup has forgotten of them.

The file side of it is in `ledger.py`, and why it is like that in docs/decisions/0008.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import Delivery, Pause, Run, RunState, State, Stop
from newsletter.project.ledger import Reached, highest
from newsletter.store import deliveries, events, runs
from newsletter.store.batches import Batches
from newsletter.store.database import Database
from newsletter.store.event_owners import SKEW
from newsletter.store.feedback import settle
from newsletter.store.histories import PresentHistory
from newsletter.store.tables import deliveries as rows
from newsletter.store.tables import events as reported
from newsletter.store.tables import runs as run_rows

#: Why nothing is claimed any more.
MOVED: Final = "another server has taken over these records, and may not know of all mails"
_FORGOTTEN: Final = (
    "these records know of fewer mails than have left: they are a backup, or a standby took over "
    "without the last of them"
)
#: Why a delivery that a backup has as not attempted is unknown.
RESTORED: Final = "may have been sent, which the records had forgotten"


def reached(store: Database, run: Run) -> Reached:
    """How far a run has come; attempts that a restored backup was told of count."""
    with store.reading() as connection:
        return _reached(connection, run)


def attempts(connection: sa.Connection, run: int) -> int:
    """How many attempts of a run are on record, by its row; they never become fewer."""
    made = sa.select(sa.func.coalesce(sa.func.sum(rows.c.attempt), 0)).where(
        rows.c.run_id == run, events.ATTEMPTED
    )
    forgotten = sa.select(run_rows.c.forgotten_attempts).where(run_rows.c.id == run)
    number: int = connection.execute(made).scalar_one() + connection.execute(forgotten).scalar_one()
    return number


class Distrust(NamedTuple):
    """Why the records of a run are not believed until a person has decided.

    Attributes:
        reached: how far it had come at least, as machines told or the records know.
        moved: whether another server has taken them over.
    """

    reached: Reached
    moved: bool


def distrusted(store: Database, run: Run) -> Distrust | None:
    """Whether mails of a run that is under way may have left that the records do not know of."""
    query = sa.select(
        run_rows.c.told_attempts,
        run_rows.c.told_position,
        runs.moved().label("moved"),
    ).where(run_rows.c.id == run.id, run_rows.c.state != RunState.FINISHED)
    if run.rehearsal or not run.begun:
        return None
    with store.reading() as connection:
        row = connection.execute(query).one_or_none()
        if row is None or not (row.told_position or row.moved):
            return None
        known = _reached(connection, run)
    told = known._replace(attempts=row.told_attempts, position=row.told_position)
    return Distrust(reached=highest(known, told), moved=row.moved)


def distrust(store: Database, run: int, reached: Reached, reason: str) -> None:
    """Have nobody claim of a run that has come further than the records know; a person decides.

    Args:
        store: where.
        run: its row; one that is finished stays so.
        reached: how far it had come for certain.
        reason: why, for people.
    """
    with store.writing() as connection:
        for column, told in (
            (run_rows.c.told_attempts, reached.attempts),
            (run_rows.c.told_position, reached.position),
        ):
            these = run_rows.c.id == run, run_rows.c.state != RunState.FINISHED, column < told
            connection.execute(sa.update(run_rows).where(*these).values({column: told}))
        runs.update_pause(connection, run, Stop(Pause.FAULT, reason))


def why_distrusted(
    connection: sa.Connection,
    run: int,
    least: int,
    claimed: Delivery | None,
    settled: Delivery | None,
) -> str:
    """Why the records of a run under way are not those that somebody has written to, for people.

    Args:
        connection: inside a transaction.
        run: its row.
        least: how many attempts they have told of, 0 where that is not asked.
        claimed: what they have granted last.
        settled: what they were told last.

    Returns:
        "" when they are.
    """
    query = sa.select(
        run_rows.c.state, run_rows.c.told_position, runs.moved().label("moved")
    ).where(run_rows.c.id == run)
    row = connection.execute(query).one_or_none()
    if row is None or row.state == RunState.FINISHED:
        return ""
    if row.moved:
        return MOVED
    forgotten = (
        row.told_position
        or (least and attempts(connection, run) < least)
        or (claimed and _is_forgotten(connection, claimed, open_states=()))
        or (settled and _is_forgotten(connection, settled, open_states=(State.CLAIMED,)))
    )
    return _FORGOTTEN if forgotten else ""


def _is_forgotten(
    connection: sa.Connection, delivery: Delivery, *, open_states: Collection[State]
) -> bool:
    """Whether an attempt is not on record, or in a state that it had left."""
    query = sa.select(rows.c.attempt, rows.c.worker, rows.c.state).where(rows.c.id == delivery.id)
    row = connection.execute(query).one_or_none()
    if row is None or row.attempt != delivery.attempt:
        return row is None or row.attempt < delivery.attempt
    # One that was taken as lost is nobody's.
    return row.worker not in {delivery.worker, ""} or row.state in open_states


def exposed(store: Database, run: Run, position: int) -> int:
    """How many deliveries `doubt` would make unknown."""
    query = sa.select(sa.func.count()).where(*_exposed(run, position))
    with store.reading() as connection:
        return connection.execute(query).scalar_one()


def doubt(store: Database, run: Run, reached: Reached, *, now: dt.datetime) -> int:
    """Take what a restored backup may have forgotten as attempted, and its outcome as unknown.

    Everything up to the position, whatever its state was when the backup was made: refused or
    deferred then, it may have been tried again since. The attempt is counted as the forgotten one
    was, so that an event of the provider's finds its delivery.

    Args:
        store: where.
        run: begun; a person lets it go on.
        reached: how far it had come, as its file says, or whoever told.
        now: with a time zone.

    Returns:
        how many became unknown.
    """
    runs.resume(store, run, by_hand=True)
    deliveries.give_up_claims(store, run, now)
    batches = Batches(store)
    number = last = 0
    while last < reached.position:
        # Ended in the middle, the records must still be behind the file: see `ledgers.agree`.
        with batches.writing() as connection:
            upto = min(reached.position, last + batches.rows)
            number += _doubt(connection, run, last, upto, now)
        last = upto
    with store.writing() as connection:
        missing = reached.attempts - _reached(connection, run).attempts
        known = {
            "forgotten_attempts": run_rows.c.forgotten_attempts + max(0, missing),
            "server": PresentHistory(), "told_attempts": 0, "told_position": 0,
        }  # fmt: skip
        connection.execute(sa.update(run_rows).where(run_rows.c.id == run.id).values(known))
        doubtful = events.doubtful(connection)
    settle(store, doubtful)
    return number


def _reached(connection: sa.Connection, run: Run) -> Reached:
    query = sa.select(
        sa.func.coalesce(sa.func.sum(rows.c.attempt), 0),
        sa.func.coalesce(sa.func.max(rows.c.position), 0),
    ).where(rows.c.run_id == run.id, events.ATTEMPTED)
    attempts, position = connection.execute(query).one()
    recipients, forgotten = connection.execute(
        sa.select(run_rows.c.recipients, run_rows.c.forgotten_attempts).where(
            run_rows.c.id == run.id
        )
    ).one()
    return Reached(recipients=recipients, attempts=attempts + forgotten, position=position)


def _doubt(connection: sa.Connection, run: Run, last: int, upto: int, now: dt.datetime) -> int:
    """Claim the exposed after one position and up to another, and lose them; how many."""
    part = rows.c.position > last
    these = sa.update(rows).where(part, *_exposed(run, upto))
    connection.execute(
        these.where(rows.c.state == State.REFUSED).values(state=State.QUEUED, settled_at=None)
    )
    claim = {
        "state": State.CLAIMED, "attempt": rows.c.attempt + 1, "claimed_at": now, "worker": "",
    }  # fmt: skip
    number = connection.execute(these.values(claim)).rowcount
    claimed = (rows.c.run_id == run.id, rows.c.state == State.CLAIMED)
    lost = {"state": State.UNKNOWN, "reason": RESTORED, "settled_at": now}
    connection.execute(sa.update(rows).where(part, *claimed, rows.c.position <= upto).values(lost))
    _adopt(connection, run, part, rows.c.position <= upto)
    return number


def _adopt(connection: sa.Connection, run: Run, *part: sa.ColumnElement[bool]) -> None:
    """Give events that came before the records knew of their attempt to the delivery they meant."""
    these = (
        rows.c.run_id == run.id,
        rows.c.state == State.UNKNOWN,
        rows.c.reason == RESTORED,
        *part,
    )
    meant = sa.select(rows.c.id).where(
        *these,
        rows.c.address_hash == reported.c.address_hash,
        rows.c.attempt >= reported.c.attempt,
    )
    connection.execute(
        sa.update(reported)
        .where(
            reported.c.delivery_id.is_(None),
            reported.c.issue == run.content.issue,
            reported.c.sent_at >= run.started_at - SKEW,
            reported.c.address_hash.in_(sa.select(rows.c.address_hash).where(*these)),
        )
        .values(delivery_id=meant.scalar_subquery())
    )


def _exposed(run: Run, position: int) -> tuple[sa.ColumnElement[Any], ...]:
    return (
        rows.c.run_id == run.id,
        rows.c.position <= position,
        rows.c.state.in_((State.QUEUED, State.DEFERRED, State.REFUSED)),
    )
