"""Who works on the runs that go on, and what each has sent of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from newsletter.delivery import RunState, State
from newsletter.store.database import Database
from newsletter.store.tables import deliveries, runs

#: What a rate is told from.
_LATELY: Final = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one worker has sent of the runs that go on.

    Attributes:
        worker: as "pid 7 on host".
        mails: how many were accepted from it.
        rate: a second, over the last minute.
    """

    worker: str
    mails: int
    rate: float


def of_workers(store: Database, *, now: dt.datetime) -> Sequence[Share]:
    """What each living worker has sent, the first by its name first."""
    lately = sa.case((deliveries.c.settled_at > now - _LATELY, 1), else_=0)
    query = (
        sa.select(deliveries.c.worker, sa.func.count(), sa.func.sum(lately))
        .select_from(deliveries.join(runs, runs.c.id == deliveries.c.run_id))
        .where(
            runs.c.state == RunState.RUNNING,
            deliveries.c.state == State.ACCEPTED,
            deliveries.c.worker != "",
        )
        .group_by(deliveries.c.worker)
    )
    with store.reading() as connection:
        there = store.backend.workers(connection)
        sent = {worker: (mails, late) for worker, mails, late in connection.execute(query)}
    return [
        Share(worker=name, mails=mails, rate=late / _LATELY.total_seconds())
        for token, name in sorted(there.items(), key=lambda one: one[1])
        for mails, late in [sent.get(token, (0, 0))]
    ]
