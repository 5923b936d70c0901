"""What a line about somebody who left does to a database that did not know of it."""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa

from newsletter.store.consents import Evidence
from newsletter.store.departure_rules import FORGOTTEN, HANDLE, LEFT
from newsletter.store.signup_tables import signups
from newsletter.store.subscribers import unsubscribe
from newsletter.store.suppressions import suppress
from newsletter.store.tables import subscribers

_NAME: Final[sa.BindParameter[str]] = sa.bindparam("name")
_HANDLE_OF: Final = sa.select(subscribers.c.handle).where(subscribers.c.address_hash == _NAME)
_DROP_ASKED: Final = sa.delete(signups).where(signups.c.address_hash == _NAME)
_DROP: Final = sa.delete(subscribers).where(subscribers.c.address_hash == _NAME)


def learn(
    connection: sa.Connection, kind: str, name: str, evidence: Evidence, now: dt.datetime
) -> bool:
    """Have the database know what a line tells.

    Args:
        connection: inside a write transaction.
        kind: how they left, one of `departure_rules` or the reason of a suppression.
        name: the keyed hash of the address; the handle where the kind is that.
        evidence: what the consent log says of it.
        now: when that was told.

    Returns:
        whether it was news.
    """
    if kind == HANDLE:
        return unsubscribe(connection, name, evidence, now=now)
    if kind in {FORGOTTEN, "erased"}:
        connection.execute(_DROP_ASKED, {"name": name})
    if kind == FORGOTTEN:
        return bool(connection.execute(_DROP, {"name": name}).rowcount)
    if kind == LEFT:
        handle = connection.execute(_HANDLE_OF, {"name": name}).scalar()
        if handle is not None:
            return unsubscribe(connection, handle, evidence, now=now)
        kind = "unsubscribed"
    return suppress(connection, name, reason=kind, now=now)
