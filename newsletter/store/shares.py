"""Who works on the runs that go on, and what each has sent of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import Counts, Run, RunState, State
from newsletter.store.database import SENDING_LOCK, Database
from newsletter.store.histories import SettlesIn
from newsletter.store.runs import at_work
from newsletter.store.tables import deliveries, runs

#: What the rate of a run is told from.
_LAST: Final = 200
#: What counts as lately where it is told how fast a run goes.
LATELY: Final = dt.timedelta(minutes=1)
#: What a rate is told from at least, where somebody has not been at work for so long as `LATELY`.
_LEAST: Final = dt.timedelta(seconds=1)
#: How this process is called among workers.
HERE: Final = "here"


class Share(NamedTuple):
    """What one worker, or who leads, has sent of the runs that go on.

    Attributes:
        worker: its name, as "pid 7 on host".
        mails: how many were accepted from it.
        rate: a second, over the last minute.
    """

    worker: str
    mails: int
    rate: float


class Senders(NamedTuple):
    """Who sends, or would, of the runs that go on.

    Attributes:
        leader: the one that leads and is no worker, None for none.
        workers: each that lives, the first by its name first.
    """

    leader: Share | None
    workers: Sequence[Share]


#: Where there are no records yet.
NOBODY: Final = Senders(leader=None, workers=())


class RunProgress(NamedTuple):
    """How far a run is that several machines may send.

    Attributes:
        counts: its deliveries by state.
        shares: of this process, "here", and of each worker that lives, the first by its name first.
        rate: mails a second of all of them, those that have ended included, over the last minute.
        waits: the seconds until anything is claimed, because the server has just begun; else 0.
    """

    counts: Counts
    shares: Sequence[Share]
    rate: float
    waits: float


def rate(store: Database, run: Run, *, now: dt.datetime) -> float | None:
    """Mails accepted a second in the last minute, or since the first of the last 200 in it.

    What was before a person last let it go on counts no more, nor does the time it stood still.

    Returns:
        None where none was, or the run does not go on.
    """
    if run.state is not RunState.RUNNING:
        return None
    last = (
        sa.select(deliveries.c.settled_at)
        .where(deliveries.c.run_id == run.id, deliveries.c.state == State.ACCEPTED)
        .order_by(deliveries.c.position.desc())
        .limit(_LAST)
    )
    resumed = sa.select(runs.c.resumed_at).where(runs.c.id == run.id)
    with store.reading() as connection:
        since = connection.execute(resumed).scalar()
        settled = connection.execute(last).scalars().all()
    moments = [one for one in settled if now - one <= LATELY and (since is None or one > since)]
    return len(moments) / max((now - min(moments)).total_seconds(), 1.0) if moments else None


def senders(store: Database, *, now: dt.datetime) -> Senders:
    """Who sends from a server's records, and what each has sent."""
    going_on = sa.select(runs.c.id).where(runs.c.state == RunState.RUNNING)
    these = deliveries.c.run_id.in_(going_on), deliveries.c.state == State.ACCEPTED
    with store.reading() as connection:
        there, leads = store.backend.workers(connection), store.backend.leader(connection)
        rows = connection.execute(_sent(now).where(*these)).all() if there or leads else []
    leader = next(iter(_shares(leads, rows, now)), None)
    return Senders(leader=leader, workers=_shares(there, rows, now))


def unsent(store: Database) -> Mapping[int, str]:
    """The runs that go on and that nobody leads though workers live, by their rows, each with why.

    That is what the last worker said that could not; "" where none has, as when one is about to.
    """
    if store.backend.holder(SENDING_LOCK):
        return {}
    these = runs.c.state == RunState.RUNNING, runs.c.id.in_(at_work(store))
    with store.reading() as connection:
        rows = connection.execute(sa.select(runs.c.id, runs.c.reason).where(*these)).all()
        return {row.id: row.reason for row in rows}


def note_unsent(store: Database, run: Run, why: str) -> None:
    """Let all know why a worker sends nothing of a run that goes on; "" once somebody leads it."""
    these = runs.c.id == run.id, runs.c.state == RunState.RUNNING
    with store.writing() as connection:
        connection.execute(sa.update(runs).where(*these).values(reason=why))


def standing(store: Database, run: Run, *, now: dt.datetime) -> RunProgress:
    """How far a run is, and who sends how fast; asked by who leads it."""
    waits = sa.select(SettlesIn(runs.c.server)).where(
        runs.c.id == run.id, runs.c.state == RunState.RUNNING
    )
    with store.reading() as connection:
        there = dict(store.backend.workers(connection)) | {store.backend.claimer(): HERE}
        rows = connection.execute(_sent(now).where(deliveries.c.run_id == run.id)).all()
        seconds = connection.execute(waits).scalar()
    number = Counter[State]()
    for row in rows:
        number[State(row.state)] += row.mails
    accepted = [row for row in rows if row.state == State.ACCEPTED]
    return RunProgress(
        counts=Counts(by_state=number),
        shares=_shares(there, accepted, now),
        rate=sum(_rate(row, now) for row in accepted),
        waits=seconds or 0.0,
    )


def _sent(now: dt.datetime) -> sa.Select[Any]:
    """By worker and state, how many there are, how many of them lately, and when it began.

    Both since a person last let the run go on: a worker stays while it stands still.
    """
    rows, since = deliveries.c, runs.c.resumed_at
    is_late = sa.and_(rows.settled_at > now - LATELY, _since(rows.settled_at, since))
    lately = sa.func.sum(sa.case((is_late, 1), else_=0)).label("lately")
    began = sa.func.min(sa.case((_since(rows.claimed_at, since), rows.claimed_at))).label("began")
    query = sa.select(rows.worker, rows.state, sa.func.count().label("mails"), lately, began)
    of_run = rows.run_id == runs.c.id
    return query.join_from(deliveries, runs, of_run).group_by(rows.worker, rows.state)


def _since(at: sa.ColumnElement[Any], since: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.or_(since.is_(None), at > since)


def _shares(there: Mapping[str, str], rows: Sequence[Any], now: dt.datetime) -> Sequence[Share]:
    sent = {row.worker: row for row in rows}
    return [
        Share(
            worker=name,
            mails=sent[token].mails if token in sent else 0,
            rate=_rate(sent[token], now) if token in sent else 0.0,
        )
        for token, name in sorted(there.items(), key=lambda one: one[1])
    ]


def _rate(row: Any, now: dt.datetime) -> float:  # noqa: ANN401  # a row of `_sent`
    if row.began is None:
        return 0.0
    seconds = max(_LEAST, min(LATELY, now - row.began)).total_seconds()
    return float(row.lately / seconds)
