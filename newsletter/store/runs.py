"""Runs: found, counted, paused, finished.

How a run begins is in `freezing.py`, its deliveries are in `deliveries.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import (
    Content,
    Counts,
    Pause,
    Run,
    RunState,
    State,
    Stop,
    goes_on_by_itself,
    is_finished,
)
from newsletter.errors import NewsletterError, RefusedError
from newsletter.store.database import SENDING_LOCK, Database, UnreadableError
from newsletter.store.histories import PresentHistory, SameHistory, SettledHistory, SettlesIn
from newsletter.store.tables import deliveries, runs

#: What was attempted, as the index has it: a number that is bound would not be known to be its own.
ATTEMPTED: Final = deliveries.c.attempt > sa.literal_column("0")


def find(store: Database, issue: int, *, rehearsal: bool) -> Run | None:
    """The run of an issue, or None."""
    with store.reading() as connection:
        return select_run(connection, issue, rehearsal=rehearsal)


def select_run(connection: sa.Connection, issue: int, *, rehearsal: bool) -> Run | None:
    """The run of an issue, or None."""
    query = sa.select(runs).where(runs.c.issue == issue, runs.c.rehearsal.is_(rehearsal))
    row = connection.execute(query).one_or_none()
    return None if row is None else _run(row, row.envelope)


def last_issue(store: Database) -> int | None:
    """The highest number of an issue that was begun for real, None where none was."""
    query = sa.select(sa.func.max(runs.c.issue)).where(
        runs.c.rehearsal.is_(False), runs.c.recipients > 0
    )
    with store.reading() as connection:
        found: int | None = connection.execute(query).scalar()
    return found


def find_all(store: Database) -> tuple[Run, ...]:
    """All runs, oldest first, without their frozen issues (b"")."""
    columns = [column for column in runs.c if column is not runs.c.envelope]
    with store.reading() as connection:
        rows = connection.execute(sa.select(*columns).order_by(runs.c.id))
        return tuple(_run(row, b"") for row in rows)


def nobody_has(store: Database, run: Run) -> bool:
    """Whether nobody can have got anything of a run, as far as the records know."""
    not_got = [State.QUEUED.value, State.DEFERRED.value, State.SKIPPED.value]
    got = sa.exists().where(
        deliveries.c.run_id == run.id,
        sa.or_(deliveries.c.state.not_in(not_got), deliveries.c.risked > 0),
    )
    forgotten = sa.exists().where(runs.c.id == run.id, runs.c.forgotten_attempts > 0)
    with store.reading() as connection:
        return not connection.execute(sa.select(sa.or_(got, forgotten))).scalar()


def find_moved(store: Database) -> tuple[Run, ...]:
    """Real runs under way that another server has taken over, without their frozen issues."""
    return _find_under_way(store, moved())


def find_doubted(store: Database) -> tuple[Run, ...]:
    """As `find_moved`, and those that were paused because a machine knew of more."""
    told = sa.and_(runs.c.told_position > 0, runs.c.state == RunState.PAUSED)
    return _find_under_way(store, sa.or_(moved(), told))


def find_untold(store: Database) -> tuple[Run, ...]:
    """Real runs under way of which no worker would take some, without their frozen issues."""
    left = sa.or_(runs.c.state.in_((RunState.PAUSED, RunState.CANCELLED)), runs.c.way == "")
    return _find_under_way(store, sa.and_(left, runs.c.recipients > 0))


def _find_under_way(store: Database, which: sa.ColumnElement[bool]) -> tuple[Run, ...]:
    columns = [column for column in runs.c if column is not runs.c.envelope]
    query = sa.select(*columns).where(
        runs.c.rehearsal.is_(False), runs.c.state != RunState.FINISHED, which
    )
    with store.reading() as connection:
        return tuple(_run(row, b"") for row in connection.execute(query))


def moved() -> sa.ColumnElement[bool]:
    """Whether a run is on a server with another history than the one it goes on in."""
    return sa.and_(runs.c.server != "", sa.not_(SameHistory(runs.c.server)))


def expect_not_cancelled(run: Run) -> None:
    """Refuse what a person has cancelled.

    Raises:
        RefusedError: it is cancelled.
    """
    if run.state is RunState.CANCELLED:
        number = run.content.issue
        raise RefusedError(
            f"issue {number} was cancelled",
            hint=f"to send it after all: newsletter send --issue {number}",
        )


def _expect_to_go_on_by_itself(run: Run) -> None:
    """Refuse what only a person lets go on.

    Raises:
        RefusedError: it is cancelled, or paused for more than passes by itself.
    """
    expect_not_cancelled(run)
    if not goes_on_by_itself(run):
        number, why = run.content.issue, f" ({run.reason})" if run.reason else ""
        raise RefusedError(
            f"issue {number} is {run.state.value}{why} and waits for you",
            hint=f"to go on with it: newsletter send --issue {number}",
        )


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


def resume(store: Database, run: Run, *, by_hand: bool) -> None:
    """Let a begun run go on.

    Args:
        store: where.
        run: as whoever asks knows it.
        by_hand: whether a person asks, who lets it go on whatever it waits for.

    Raises:
        RefusedError: it waits for a person, and it is not a person who asks; or one has cancelled
            it meanwhile.
    """
    with store.writing() as connection:
        now = select_run(connection, run.content.issue, rehearsal=run.rehearsal)
        assert now is not None
        if not by_hand:
            _expect_to_go_on_by_itself(now)
        elif run.state is not RunState.CANCELLED:
            expect_not_cancelled(now)
        # A rehearsal lands in a folder of this machine, wherever its records are.
        new = sa.or_(runs.c.server == "", runs.c.rehearsal)
        server = sa.case((new, PresentHistory()), else_=runs.c.server)
        values = dict[str, Any](state=RunState.RUNNING, pause="", reason="", server=server)
        if by_hand:
            values["resumed_at"] = store.now(connection)
        connection.execute(sa.update(runs).where(runs.c.id == run.id).values(values))


def share(store: Database, run: Run, way: str) -> None:
    """Let other machines send some of a run's mails, which leave in this way; "" lets none."""
    with store.writing() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run.id).values(way=way))


def is_shared(store: Database, run: Run) -> bool:
    """Whether a run goes on, and other machines may send some of it."""
    these = sa.exists().where(runs.c.id == run.id, *_for_workers(), *_trusted())
    with store.reading() as connection:
        return bool(connection.execute(sa.select(these)).scalar_one())


class SharedRun(NamedTuple):
    """A real run that is going on, of which other machines may send some.

    Attributes:
        way: how its mails leave, as JSON.
        queued: whether something is to be claimed.
        waits: the seconds until that is granted, because the server has just begun; 0 when it is.
    """

    run: Run
    way: str
    queued: bool
    waits: float


def find_shared(store: Database) -> SharedRun | None:
    """A real run that is going on and that others may send some of; None for none.

    The oldest of which something is to be claimed, else the oldest.
    """
    queued = sa.select(deliveries.c.id).where(
        deliveries.c.run_id == runs.c.id, deliveries.c.state == State.QUEUED
    )
    waits, is_queued = SettlesIn(runs.c.server).label("waits"), queued.exists().label("queued")
    query = sa.select(runs, is_queued, waits).where(*_for_workers(), *_trusted())
    with store.reading() as connection:
        row = connection.execute(query.order_by(is_queued.desc(), runs.c.id).limit(1)).one_or_none()
        if row is None:
            return None
        run = _run(row, row.envelope)
        return SharedRun(run=run, way=row.way, queued=row.queued, waits=row.waits)


def at_work(store: Database) -> frozenset[int]:
    """The runs that somebody who lives may be at work on, by their rows.

    Who sends by hand may be at any of them, workers only at those that they may take up.
    """
    sender = store.backend.holder(SENDING_LOCK)
    with store.reading() as connection:
        workers = store.backend.workers(connection).values()
        these = sa.select(runs.c.id)
        if not sender or sender in workers:
            these = these.where(*_for_workers()) if workers else these.where(sa.false())
        return frozenset(connection.execute(these).scalars())


def _for_workers() -> tuple[sa.ColumnElement[bool], ...]:
    """It is shared with workers, and on the server that they know; whether it goes on or not."""
    return runs.c.way != "", SameHistory(runs.c.server), runs.c.rehearsal.is_(False)


def claimable() -> sa.ColumnElement[bool]:
    """Whether anything may be claimed of a run: it goes on, and the records know what has left."""
    return sa.and_(*_trusted(), SettledHistory(runs.c.server))


def _trusted() -> tuple[sa.ColumnElement[bool], ...]:
    """It goes on, and no machine has told that the records lack some of it."""
    return runs.c.state == RunState.RUNNING, runs.c.told_position == 0


def pause(store: Database, run: Run, stop: Stop) -> None:
    """Pause a run that is going on, for everybody who sends some of it; else it stays as it is.

    Raises:
        PausedError: a lease of this process has ended, so that it is for others to say.
    """
    with store.writing() as connection:
        store.backend.expect_held(connection)
        update_pause(connection, run.id, stop)


def update_pause(connection: sa.Connection, run: int, stop: Stop) -> None:
    """The statement of `pause`, for a run by its row."""
    these = runs.c.id == run, runs.c.state == RunState.RUNNING
    values = {"state": RunState.PAUSED, "pause": stop.pause, "reason": stop.reason}
    connection.execute(sa.update(runs).where(*these).values(values))


def counts(store: Database, run: Run) -> Counts:
    """Deliveries by state; none while the recipients are not frozen.

    Raises:
        NewsletterError: they do not add up to the frozen number: rows were lost or made.
    """
    with store.reading() as connection:
        return _counts(connection, run)


def _counts(connection: sa.Connection, run: Run) -> Counts:
    this = sa.select(runs.c.recipients, runs.c.state).where(runs.c.id == run.id)
    frozen, state = connection.execute(this).one()
    if not _is_begun(frozen, state):
        return Counts(by_state={})
    rows = connection.execute(
        sa.select(deliveries.c.state, sa.func.count())
        .where(deliveries.c.run_id == run.id)
        .group_by(deliveries.c.state)
    )
    found = Counts(by_state={State(state): number for state, number in rows})
    if found.total != frozen:
        raise NewsletterError(
            f"issue {run.content.issue} was frozen with {frozen} recipients, "
            f"but {found.total} are on record",
            hint="send nothing more; restore a backup or report this",
        )
    return found


def first_accepted(store: Database, *, since: dt.datetime) -> dt.datetime | None:
    """When the first mail was accepted for real since a moment."""
    query = sa.select(sa.func.min(deliveries.c.settled_at)).where(
        deliveries.c.state == State.ACCEPTED,
        deliveries.c.rehearsal.is_(False),
        deliveries.c.settled_at >= since,
    )
    with store.reading() as connection:
        return connection.execute(query).scalar()


def reasons(store: Database, run: Run) -> dict[tuple[State, str], int]:
    """How many deliveries there are of each state and reason, where a reason was given."""
    query = (
        sa.select(deliveries.c.state, deliveries.c.reason, sa.func.count())
        .where(deliveries.c.run_id == run.id, deliveries.c.reason != "")
        .group_by(deliveries.c.state, deliveries.c.reason)
        .order_by(deliveries.c.state, deliveries.c.reason)
    )
    with store.reading() as connection:
        rows = connection.execute(query)
        return {(State(state), reason): number for state, reason, number in rows}


def set_state(
    store: Database,
    run: Run,
    state: RunState,
    now: dt.datetime,
    *,
    pause: Pause | None = None,
    reason: str = "",
) -> None:
    """Note how a run stands, and when it is paused, why; what is cancelled stays so then.

    Raises:
        PausedError: a lease of this process has ended: another one may lead it, or have ended it.
        NewsletterError: it would be called finished with deliveries left: a bug.
    """
    with store.writing() as connection:
        store.backend.expect_held(connection)
        update_state(connection, run, state, now, pause=pause, reason=reason)


def update_state(
    connection: sa.Connection,
    run: Run,
    state: RunState,
    now: dt.datetime,
    *,
    pause: Pause | None,
    reason: str,
) -> None:
    """The statements of `set_state`."""
    finished = state is RunState.FINISHED
    if finished and not is_finished(_counts(connection, run)):
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


def _is_begun(recipients: int, state: str) -> bool:
    before = {RunState.ANNOUNCED, RunState.FREEZING, RunState.CANCELLED}
    return recipients > 0 or state not in before


def _run(row: sa.Row[Any], envelope: bytes) -> Run:
    if envelope and hashlib.sha256(envelope).hexdigest() != row.content_hash:
        raise UnreadableError("the letter of an issue was changed after it was frozen")
    return Run(
        id=row.id,
        content=Content(
            issue=row.issue,
            title=row.title,
            frozen=envelope,
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
        begun=_is_begun(row.recipients, row.state),
        recipients=row.recipients,
    )
