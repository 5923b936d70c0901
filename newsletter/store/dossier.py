"""What is on record about one person."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from newsletter.store.database import Database
from newsletter.store.rating_tables import ratings
from newsletter.store.signing_keys import address_hash, address_key
from newsletter.store.signup_tables import confirmations, letters, signups
from newsletter.store.tables import (
    consents,
    deliveries,
    events,
    subscribers,
    suppressions,
    tags,
)

_ABOUT: Final = (
    subscribers, suppressions, consents, deliveries, events, signups, confirmations, letters,
    ratings,
)  # fmt: skip


def dossier(store: Database, canonical: str) -> dict[str, list[dict[str, Any]]]:
    """Every row about an address, by table; what a person may ask to see."""
    with store.reading() as connection:
        hashed = address_hash(canonical, address_key(connection))
        found = {
            table.name: _rows(connection, table, table.c.address_hash == hashed) for table in _ABOUT
        }
        ids = [row["id"] for row in found["subscribers"]]
        return found | {"tags": _rows(connection, tags, tags.c.subscriber_id.in_(ids))}


def _rows(
    connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]
) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.select(table).where(which)).mappings()]
