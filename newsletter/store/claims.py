"""How far the claims of a run have come, and whether the records may have forgotten some.

The file side of it is in `ledger.py`, and why it is like that in docs/decisions/0008.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import Delivery, Pause, Run, RunState, State, Stop
from newsletter.project.ledger import Claim, Reached, highest
from newsletter.store import runs
from newsletter.store.database import Database
from newsletter.store.tables import deliveries as rows
from newsletter.store.tables import runs as run_rows

#: Why nothing is claimed any more.
MOVED: Final = "another server has taken over these records, and may not know of all mails"
_FORGOTTEN: Final = (
    "these records know of fewer mails than have left: they are a backup, or a standby took over "
    "without the last of them"
)


def reached(store: Database, run: Run) -> Reached:
    """How far a run has come; attempts that a restored backup was told of count."""
    with store.reading() as connection:
        return reached_within(connection, run.id)


class Distrust(NamedTuple):
    """Why the records of a run are not believed until a person has decided.

    Attributes:
        reached: how far it had come at least, as machines told or the records know.
        moved: whether another server has taken them over.
        told: whether a machine has told that they lack some.
    """

    reached: Reached
    moved: bool
    told: bool


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
        known = reached_within(connection, run.id)
    told = known._replace(attempts=row.told_attempts, position=row.told_position)
    shown = bool(row.told_position)
    return Distrust(reached=highest(known, told), moved=row.moved, told=shown)


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
    least: Reached | None,
    claimed: Delivery | None,
    settled: Delivery | None,
) -> str:
    """Why the records of a run under way are not those that somebody has written to, for people.

    Args:
        connection: inside a transaction.
        run: its row.
        least: how far they have told that it came, None where that is not asked.
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
        or (least and reached_within(connection, run).lacks(least))
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


def is_open(store: Database, run: Run, claim: Claim) -> bool:
    """Whether a claim that was made is not on record, and would be made again by itself.

    What became unknown or was sent again since, a person has answered for.
    """
    query = sa.select(rows.c.id).where(
        *exposed_rows(run, claim.position),
        rows.c.position == claim.position,
        rows.c.attempt < claim.attempt,
        rows.c.risked == 0,
    )
    with store.reading() as connection:
        return connection.execute(query).first() is not None


def exposed(store: Database, run: Run, position: int) -> int:
    """How many deliveries `doubting.doubt` would make unknown."""
    query = sa.select(sa.func.count()).where(*exposed_rows(run, position))
    with store.reading() as connection:
        return connection.execute(query).scalar_one()


def reached_within(connection: sa.Connection, run: int) -> Reached:
    """As `reached`, inside a transaction and by the row of the run."""
    last = sa.func.coalesce(sa.func.max(rows.c.position), 0)
    query = sa.select(sa.func.coalesce(sa.func.sum(rows.c.attempt), 0), last).where(
        rows.c.run_id == run, runs.ATTEMPTED
    )
    attempts, claimed = connection.execute(query).one()
    # Nobody is claimed after that: whoever was attempted in records that are gone, and has left
    # since, could never be counted as attempted again.
    skipped = sa.select(last).where(rows.c.run_id == run, rows.c.state == State.SKIPPED)
    passed: int = connection.execute(skipped).scalar_one()
    recipients, forgotten = connection.execute(
        sa.select(run_rows.c.recipients, run_rows.c.forgotten_attempts).where(run_rows.c.id == run)
    ).one()
    return Reached(
        recipients=recipients, attempts=attempts + forgotten, position=max(claimed, passed)
    )


def exposed_rows(run: Run, position: int) -> tuple[sa.ColumnElement[Any], ...]:
    """What may have gone to these positions after a backup was made, as conditions."""
    return (
        rows.c.run_id == run.id,
        rows.c.position <= position,
        rows.c.state.in_((State.QUEUED, State.DEFERRED, State.REFUSED)),
    )
