"""Limits that survive a restart: what counts against them is a row, and names nobody.

A mail counts for the mailbox it goes to, a visit for the network it comes from, a form for itself.
Rows hold keyed hashes; those of networks are keyed with a secret of the day, which is forgotten.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from newsletter.audience import limit_key
from newsletter.audience.tokens import Key
from newsletter.store.database import Database
from newsletter.store.signup_tables import limits, network_keys

_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)
_MONTH: Final = dt.timedelta(days=30)
#: Forms of one network in an hour and in a day; mails to one mailbox in a day and in thirty.
NETWORK_HOUR: Final = 5
NETWORK_DAY: Final = 20
ADDRESS_DAY: Final = 1
ADDRESS_MONTH: Final = 3
#: Bits of an address that are a network's: what one household or one rented machine has.
_PREFIX: Final = {4: 24, 6: 56}


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """How often something was counted before.

    Attributes:
        short: within the shorter time.
        long: within the longer time.
    """

    short: int
    long: int


def mailbox(canonical: str, key: Key) -> str:
    """The name of a mailbox: the same for all its spellings."""
    text = b"limit\0" + limit_key(canonical).encode()
    return hmac.digest(key.secret, text, hashlib.sha256).hex()


def network(connection: sa.Connection, visitor: str, now: dt.datetime) -> tuple[str, ...]:
    """The names of a visitor's network, today's first; none for an unknown one.

    Args:
        connection: inside a write transaction.
        visitor: an IP address; it is kept nowhere.
        now: with a time zone.
    """
    secrets_by_day = _secrets(connection, now)
    if not visitor:
        return ()
    address = ipaddress.ip_address(visitor)
    whole = str(ipaddress.ip_network(f"{address}/{_PREFIX[address.version]}", strict=False))
    return tuple(hmac.digest(s, whole.encode(), hashlib.sha256).hex() for s in secrets_by_day)


def _secrets(connection: sa.Connection, now: dt.datetime) -> list[bytes]:
    """Today's secret, made where it is missing, and yesterday's: a day's visits have two names."""
    today, yesterday = (f"{(now - n * _DAY).astimezone(dt.UTC):%Y-%m-%d}" for n in (0, 1))
    query = sa.select(network_keys).where(network_keys.c.day.in_((today, yesterday)))
    found = {row.day: row.secret for row in connection.execute(query)}
    if today not in found:
        found[today] = secrets.token_bytes(32)
        row = {"day": today, "secret": found[today], "created_at": now}
        connection.execute(sa.insert(network_keys).values(row))
    return [found[day] for day in sorted(found, reverse=True)]


def once(nonce: bytes) -> str:
    """The name of a form that counts once."""
    return hashlib.sha256(b"pass\0" + nonce).hexdigest()


def _count(
    connection: sa.Connection,
    keys: tuple[str, ...],
    *,
    now: dt.datetime,
    short: dt.timedelta,
    long: dt.timedelta,
) -> RequestCounts:
    """How often something of these names was counted lately."""
    recent = sa.func.coalesce(sa.func.sum(sa.case((limits.c.at > now - short, 1), else_=0)), 0)
    query = sa.select(recent, sa.func.count()).where(
        limits.c.key.in_(keys), limits.c.at > now - long
    )
    few, many = connection.execute(query).one()
    return RequestCounts(few, many)


def mails_to(connection: sa.Connection, key: str, now: dt.datetime) -> RequestCounts:
    """How many mails a mailbox was sent in a day, and in thirty."""
    return _count(connection, (key,), now=now, short=_DAY, long=_MONTH)


def visits_of(connection: sa.Connection, names: tuple[str, ...], now: dt.datetime) -> RequestCounts:
    """How many forms a network has sent in an hour, and in a day."""
    return _count(connection, names, now=now, short=_HOUR, long=_DAY)


def used(connection: sa.Connection, key: str, now: dt.datetime) -> bool:
    """Whether a form was sent already."""
    return _count(connection, (key,), now=now, short=_DAY, long=_DAY).long > 0


def forget(store: Database, *, now: dt.datetime) -> None:
    """Delete what no limit asks for any more, and the secrets that named networks."""
    with store.writing() as connection:
        old = sa.or_(
            limits.c.at < now - _MONTH,
            sa.and_(limits.c.kind != "address", limits.c.at < now - _DAY),
        )
        connection.execute(sa.delete(limits).where(old))
        # Of the day before yesterday: yesterday's still names visits of the last 24 hours.
        gone = network_keys.c.created_at < now - 2 * _DAY
        connection.execute(sa.delete(network_keys).where(gone))
