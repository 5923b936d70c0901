"""How far the claims of a run have come, and what a restored backup has forgotten of them.

The file side of it is in `ledger.py`, and why it is like that in docs/decisions/0008.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa

from newsletter.delivery import Run, State
from newsletter.project.ledger import Reached
from newsletter.store import deliveries, events, runs
from newsletter.store.batches import Batches
from newsletter.store.database import Database
from newsletter.store.event_owners import SKEW
from newsletter.store.feedback import settle
from newsletter.store.tables import deliveries as rows
from newsletter.store.tables import events as reported
from newsletter.store.tables import runs as run_rows

#: Why a delivery that a backup has as not attempted is unknown.
RESTORED: Final = "may have been sent after this backup was made"


def reached(store: Database, run: Run) -> Reached:
    """How far a run has come; attempts that a restored backup was told of count."""
    with store.reading() as connection:
        return _reached(connection, run)


def attempts(connection: sa.Connection, run: int) -> int:
    """How many attempts of a run are on record, by its row; they never become fewer."""
    made = sa.select(sa.func.coalesce(sa.func.sum(rows.c.attempt), 0)).where(rows.c.run_id == run)
    forgotten = sa.select(run_rows.c.forgotten_attempts).where(run_rows.c.id == run)
    number: int = connection.execute(made).scalar_one() + connection.execute(forgotten).scalar_one()
    return number


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
        reached: how far it had come, as its file says.
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
        if missing > 0:
            told = {"forgotten_attempts": run_rows.c.forgotten_attempts + missing}
            connection.execute(sa.update(run_rows).where(run_rows.c.id == run.id).values(told))
        doubtful = events.doubtful(connection)
    settle(store, doubtful)
    return number


def _reached(connection: sa.Connection, run: Run) -> Reached:
    tried = sa.case((rows.c.attempt > 0, rows.c.position), else_=0)
    query = sa.select(
        sa.func.coalesce(sa.func.sum(rows.c.attempt), 0),
        sa.func.coalesce(sa.func.max(tried), 0),
    ).where(rows.c.run_id == run.id)
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
    claim = {"state": State.CLAIMED, "attempt": rows.c.attempt + 1, "claimed_at": now}
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
