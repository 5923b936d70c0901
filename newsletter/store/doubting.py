"""What a restored backup has forgotten of a run, taken as attempted."""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa

from newsletter.delivery import Pause, Run, RunState, State
from newsletter.project.ledger import Reached
from newsletter.store import deliveries, events, runs
from newsletter.store.batches import Batches
from newsletter.store.claims import exposed_rows, reached_within
from newsletter.store.database import Database
from newsletter.store.event_owners import SKEW
from newsletter.store.feedback import settle
from newsletter.store.histories import PresentHistory
from newsletter.store.tables import deliveries as rows
from newsletter.store.tables import events as reported
from newsletter.store.tables import runs as run_rows

#: Why a delivery that a backup has as not attempted is unknown.
RESTORED: Final = "may have been sent, which the records had forgotten"
#: Why a run stands still then: whatever comes before its next mail may fail.
_STANDS: Final = "what the records had forgotten is counted as unknown; a person sends the rest"


def doubt(store: Database, run: Run, reached: Reached, *, now: dt.datetime) -> int:
    """Take what a restored backup may have forgotten as attempted, and its outcome as unknown.

    Everything up to the position, whatever its state was when the backup was made: refused or
    deferred then, it may have been tried again since. The attempt is counted as the forgotten one
    was, so that an event of the provider's finds its delivery. The run stands still then; one that
    was cancelled is so again.

    Args:
        store: where.
        run: begun, as it stands before; a person lets it go on.
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
        missing = reached.attempts - reached_within(connection, run.id).attempts
        known = {
            "forgotten_attempts": run_rows.c.forgotten_attempts + max(0, missing),
            "server": PresentHistory(), "told_attempts": 0, "told_position": 0,
        }  # fmt: skip
        this = sa.update(run_rows).where(run_rows.c.id == run.id)
        connection.execute(this.values(known))
        stands: dict[str, object] = {
            "state": RunState.PAUSED, "pause": Pause.FAULT, "reason": _STANDS,
        }  # fmt: skip
        if run.state is RunState.CANCELLED:
            stands = {"state": run.state, "reason": run.reason}
        connection.execute(this.where(run_rows.c.state == RunState.RUNNING).values(stands))
        doubtful = events.doubtful(connection)
    settle(store, doubtful)
    return number


def _doubt(connection: sa.Connection, run: Run, last: int, upto: int, now: dt.datetime) -> int:
    """Claim the exposed after one position and up to another, and lose them; how many."""
    part = rows.c.position > last
    these = sa.update(rows).where(part, *exposed_rows(run, upto))
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
