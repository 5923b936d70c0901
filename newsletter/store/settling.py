"""What became of claimed deliveries, written down; and what is claimed by others.

Where several processes send, an answer may come after its claim was given up, and the answer of a
commit may be lost. So an outcome is a fact: told twice it counts once, told late it still counts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import Delivery, Outcome, Run, RunState, State, next_state
from newsletter.errors import NewsletterError
from newsletter.store.database import Database
from newsletter.store.rows import plain, update_rows
from newsletter.store.tables import deliveries, moment_text, runs

# Moments are text in this.
_PLAIN: Final = plain(deliveries)
_SETTLE: Final = (
    sa.update(_PLAIN)
    .where(
        _PLAIN.c.id == sa.bindparam("this"),
        _PLAIN.c.run_id == sa.bindparam("run"),
        _PLAIN.c.state == State.CLAIMED.value,
        _PLAIN.c.attempt == sa.bindparam("try"),
        _PLAIN.c.worker == sa.bindparam("by"),
    )
    .values(
        state=sa.bindparam("to"),
        message_id=sa.bindparam("message"),
        reason=sa.bindparam("why"),
        settled_at=sa.bindparam("now"),
    )
)


class Settled(NamedTuple):
    """A claimed delivery and what became of it.

    Attributes:
        run: the row of its run.
        now: with a time zone.
    """

    run: int
    delivery: Delivery
    outcome: Outcome
    now: dt.datetime


def settle(connection: sa.Connection, settled: Sequence[Settled]) -> None:
    """Record what became of claimed deliveries.

    What was settled like that before is settled: the answer of a commit may have been lost. What
    others gave up meanwhile, because its worker was silent, is accepted after all where its answer
    says so; else it stays as it is.

    Raises:
        NewsletterError: one of them was never claimed with its attempt, or is now what it cannot
            have become: a bug. The caller undoes the transaction.
    """
    if not settled:
        return
    rows = [_row(one) for one in settled]
    if update_rows(connection, _SETTLE, rows) == len(settled):
        return
    wrong = [
        one for one, row in zip(settled, rows, strict=True)
        if not row["by"] or not _is_told(connection, row)
    ]  # fmt: skip
    if wrong:
        named = ", ".join(f"{one.delivery.id} (attempt {one.delivery.attempt})" for one in wrong)
        raise NewsletterError(
            f"not all of these deliveries are claimed: {named}",
            hint="this is a bug; please report it",
        )


def _is_told(connection: sa.Connection, told: Mapping[str, Any]) -> bool:
    """Whether a delivery that was not claimed any more shows what is told of it, or may not."""
    this = deliveries.c.id == told["this"], deliveries.c.run_id == told["run"]
    row = connection.execute(sa.select(deliveries).where(*this)).one_or_none()
    if row is None or row.attempt < told["try"]:
        return False
    if row.attempt > told["try"]:
        return True  # only what was settled is tried again
    if row.worker != told["by"] or row.state == State.CLAIMED:
        return False
    if told["to"] != State.ACCEPTED:
        return True
    if row.state == State.UNKNOWN or (row.state == State.QUEUED and row.risked):
        # Given up, and maybe queued again by a person: it need not be sent again.
        late = {"state": State.ACCEPTED.value, "message_id": told["message"], "reason": ""}
        late["settled_at"] = told["now"]
        these = _PLAIN.c.id == told["this"], _PLAIN.c.state == row.state
        connection.execute(sa.update(_PLAIN).where(*these).values(late))
        return True
    return row.state in {State.ACCEPTED, State.REFUSED, State.ASSUMED}


def give_back(
    connection: sa.Connection, run: int, worker: str, *, held: Collection[tuple[int, int]]
) -> None:
    """Queue again what a worker has claimed without hearing of it: nothing has left for it.

    Args:
        connection: inside a transaction.
        run: the row of the run.
        worker: whose claims.
        held: the rows that it knows it has, each with its attempt.
    """
    connection.execute(
        sa.update(deliveries)
        .where(
            deliveries.c.run_id == run,
            deliveries.c.state == State.CLAIMED,
            deliveries.c.worker == worker,
            sa.tuple_(deliveries.c.id, deliveries.c.attempt).not_in(held),
        )
        .values(state=State.QUEUED, settled_at=None)
    )


def is_elsewhere(store: Database, run: Run) -> bool:
    """Whether others have claimed any delivery, or could claim one now."""
    mine = store.backend.claimer()
    if not mine:
        return False
    of_run = deliveries.c.run_id == run.id
    claimed = of_run, deliveries.c.state == State.CLAIMED, deliveries.c.worker != mine
    queued = of_run, deliveries.c.state == State.QUEUED
    goes_on = runs.c.id == run.id, runs.c.state == RunState.RUNNING
    # Each by itself: asked in one, all that is queued of a paused run would be read.
    query = sa.select(
        sa.or_(
            sa.exists().where(*claimed),
            sa.and_(sa.exists().where(*goes_on), sa.exists().where(*queued)),
        )
    )
    with store.reading() as connection:
        return bool(connection.execute(query).scalar_one())


def in_flight_here(store: Database, run: Run | None = None) -> int:
    """How many deliveries this process has claimed and not settled, of one run or of all."""
    mine = deliveries.c.state == State.CLAIMED, deliveries.c.worker == store.backend.claimer()
    # By their runs, as the index has them.
    of = (runs.c.id == run.id) if run else (runs.c.state != RunState.FINISHED)
    query = sa.select(sa.func.count()).where(
        deliveries.c.run_id.in_(sa.select(runs.c.id).where(of)), *mine
    )
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def _row(one: Settled) -> dict[str, object]:
    state, outcome = next_state(one.outcome), one.outcome
    return {
        "this": one.delivery.id,
        "run": one.run,
        "try": one.delivery.attempt,
        "by": one.delivery.worker,
        "to": state.value,
        "message": outcome.message_id,
        "why": outcome.reason,
        "now": None if state is State.QUEUED else moment_text(one.now),
    }
