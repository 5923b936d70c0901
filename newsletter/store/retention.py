"""How long readers are remembered: what is deleted by itself, in short transactions."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.store.batches import Batches
from newsletter.store.database import Database
from newsletter.store.ratings import forget_who
from newsletter.store.suppressions import suppress
from newsletter.store.tables import subscribers


def forget_left(store: Database, *, before: dt.datetime, now: dt.datetime) -> int:
    """Delete whoever left before a moment, in steps; the hash of their address stays suppressed.

    Returns:
        how many.
    """
    gone = subscribers.c.status == Status.UNSUBSCRIBED, subscribers.c.updated_at < before
    batches, number = Batches(store), 0
    while True:
        with batches.writing() as connection:
            query = sa.select(subscribers.c.id, subscribers.c.address_hash).where(*gone)
            rows = connection.execute(query.limit(batches.rows)).all()
            for row in rows:
                suppress(connection, row.address_hash, reason="unsubscribed", now=now)
            forget_who(connection, [row.address_hash for row in rows])
            these = subscribers.c.id.in_([row.id for row in rows])
            connection.execute(sa.delete(subscribers).where(these))
        if not rows:
            return number
        number += len(rows)
