"""The consent log: who agreed or left, when and where. Rows are only ever added."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import sqlalchemy as sa

from newsletter.store.batches import Batches
from newsletter.store.database import Database
from newsletter.store.rows import insert_rows
from newsletter.store.tables import consents, moment_text

_LOGGED: Final = (
    "address_hash", "event", "source", "at", "wording", "wording_hash", "ip", "agent", "since",
)  # fmt: skip


class Evidence(NamedTuple):
    """How somebody agreed or left, for the consent log.

    Attributes:
        source: the form, the import, the command.
        wording: the words they saw, "" where there were none.
        ip: their network address, only where the settings keep it.
        agent: their browser's name, as above.
    """

    source: str
    wording: str = ""
    ip: str = ""
    agent: str = ""


def forget_visitors(store: Database, *, before: dt.datetime) -> int:
    """Forget network addresses and browsers in the consent log from before a moment."""
    kept = sa.or_(consents.c.ip != "", consents.c.agent != "")
    old = sa.select(consents.c.id).where(consents.c.at < before, kept).order_by(consents.c.id)
    batches, number, last = Batches(store), 0, 0
    while True:
        with store.reading() as connection:
            part = old.where(consents.c.id > last).limit(batches.rows)
            ids = connection.execute(part).scalars().all()
        if not ids:
            return number
        with batches.writing() as connection:
            connection.execute(
                sa.update(consents).where(consents.c.id.in_(ids)).values(ip="", agent="")
            )
        number, last = number + len(ids), ids[-1]


def log_consent(
    connection: sa.Connection,
    hashes: Iterable[str],
    event: str,
    evidence: Evidence,
    now: dt.datetime,
    *,
    since: Mapping[str, dt.datetime | None] = MappingProxyType({}),
) -> None:
    """Add to the consent log what some people agreed to, or that they left.

    `since` tells of some when they did, as the service says that they come from.
    """
    words = evidence.wording
    same = (
        event,
        evidence.source,
        moment_text(now),
        words,
        hashlib.sha256(words.encode()).hexdigest() if words else "",
        evidence.ip,
        evidence.agent,
    )
    rows = [(h, *same, moment_text(at) if (at := since.get(h)) else None) for h in hashes]
    insert_rows(connection, consents, _LOGGED, rows)
