"""Addresses that are never mailed, by their keyed hashes; they outlive the subscriber."""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa

from newsletter.feedback import Suppression
from newsletter.store.database import Database
from newsletter.store.signing_keys import address_hash, address_key
from newsletter.store.tables import subscribers, suppressions

#: A suppression that the person alone cannot undo: the author made it.
BLOCKED = "blocked"

_HELD: Final = sa.select(suppressions.c.address_hash).where(
    suppressions.c.address_hash == sa.bindparam("hashed")
)
_HOLD: Final = sa.insert(suppressions)


def reason(store: Database, canonical: str) -> str:
    """Why an address is never mailed, known or not; "" where it may be."""
    with store.reading() as connection:
        hashed = address_hash(canonical, address_key(connection))
        query = sa.select(suppressions.c.reason).where(suppressions.c.address_hash == hashed)
        return connection.execute(query).scalar() or ""


def count_strays(store: Database) -> int:
    """How many suppressed addresses belong to nobody on record."""
    known = sa.exists().where(subscribers.c.address_hash == suppressions.c.address_hash)
    with store.reading() as connection:
        query = sa.select(sa.func.count()).select_from(suppressions).where(~known)
        return connection.execute(query).scalar_one()


def reported_since(store: Database, moment: dt.datetime) -> int:
    """How many addresses were found to bounce, or their owners to complain, since a moment."""
    query = sa.select(sa.func.count()).where(
        suppressions.c.created_at >= moment, suppressions.c.reason.in_(list(Suppression))
    )
    with store.reading() as connection:
        return connection.execute(query).scalar_one()


def suppress(connection: sa.Connection, hashed: str, *, reason: str, now: dt.datetime) -> bool:
    """Never mail this address again; false when that was so already."""
    if connection.execute(_HELD, {"hashed": hashed}).first():
        return False
    connection.execute(_HOLD, {"address_hash": hashed, "reason": reason, "created_at": now})
    return True
