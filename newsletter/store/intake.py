"""From the stage into the records: who is new by the database itself, all others one by one.

On a server all of them are others.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.audience.roster import Added, Row
from newsletter.audience.tokens import Key
from newsletter.store.abandoning import PLACE
from newsletter.store.rows import insert_rows
from newsletter.store.staging import READ, row_of, tags_of
from newsletter.store.tables import (
    Moment,
    consents,
    left_handles,
    staged_rows,
    subscribers,
    suppressions,
    tags,
)
from newsletter.store.upsert import EVENTS, upsert

_NEW: Final = staged_rows.c
_TAG: Final = ("subscriber_id", "tag")
#: Of whom something is known here, or who is to be kept out; the rules for them are in `upsert`.
_NOT_NEW: Final = sa.or_(
    _NEW.suppression != "",
    _NEW.address_hash == "",
    sa.exists().where(subscribers.c.address_hash == _NEW.address_hash),
    sa.exists().where(suppressions.c.address_hash == _NEW.address_hash),
    sa.exists().where(left_handles.c.handle == _NEW.handle),
)


def take_in(
    connection: sa.Connection,
    these: sa.ColumnElement[bool],
    *,
    key: Key,
    source: str,
    now: dt.datetime,
) -> Added:
    """Take rows from the stage into the records; they are not on it any more.

    Args:
        connection: inside a write transaction.
        these: which rows, none of them rejected.
        key: that names addresses.
        source: where their consent comes from.
        now: with a time zone.

    Returns:
        what became of them.
    """
    added = Added()
    # The planner of a server may decide to go through all subscribers at every step; asked with
    # lists of values, as `upsert` asks, it never does.
    if connection.dialect.name == "sqlite":
        some = sa.and_(these, _NOT_NEW)
        known = _read(connection, some)
        if not (known and _names_twice(connection, these)):
            added = upsert(connection, known, key=key, source=source, now=now)
            if known:
                # Whoever was not new is still not: the same rows go.
                connection.execute(sa.delete(staged_rows).where(some))
            if new := _add(connection, these, now):
                _log(connection, these, source, now)
                _tag(connection, these)
                connection.execute(sa.delete(staged_rows).where(these))
                return added + Added(added=new)
    people = _read(connection, these)
    added = added + upsert(connection, people, key=key, source=source, now=now)
    connection.execute(sa.delete(staged_rows).where(these))
    return added


def _read(connection: sa.Connection, these: sa.ColumnElement[bool]) -> list[Row]:
    found = connection.execute(sa.select(*READ).where(these).order_by(*PLACE))
    return [row_of(row) for row in found]


def _names_twice(connection: sa.Connection, these: sa.ColumnElement[bool]) -> bool:
    kinds = sa.func.count(_NEW.address_hash.distinct())
    rows, different = connection.execute(sa.select(sa.func.count(), kinds).where(these)).one()
    return bool(rows != different)


def _log(
    connection: sa.Connection, these: sa.ColumnElement[bool], source: str, now: dt.datetime
) -> None:
    """Into the consent log, as `upsert` does it."""
    agreed = sa.and_(_NEW.status == Status.ACTIVE, _NEW.joined.is_not(None))
    rows = sa.select(
        _NEW.address_hash,
        sa.case(EVENTS, value=_NEW.status),
        sa.literal(source),
        sa.literal(now, Moment),
        sa.case((agreed, _since(now))),
    )
    columns = ("address_hash", "event", "source", "at", "since")
    ordered = rows.where(these).order_by(*PLACE)
    connection.execute(sa.insert(consents).from_select(columns, ordered))


def _add(connection: sa.Connection, these: sa.ColumnElement[bool], now: dt.datetime) -> int:
    """Add people, and say how many; 0 where somebody is named twice, for then SQLite adds none."""
    same = ("handle", "email", "address_hash", "name", "status", "fields")
    rows = sa.select(*(_NEW[name] for name in same), _since(now), sa.literal(now, Moment))
    columns = (*same, "created_at", "updated_at")
    ordered = rows.where(these).order_by(*PLACE)
    try:
        return connection.execute(sa.insert(subscribers).from_select(columns, ordered)).rowcount
    except sa.exc.IntegrityError:
        return 0


def _since(now: dt.datetime) -> sa.ColumnElement[dt.datetime]:
    """Since when somebody is on the list; no date of a file lies ahead."""
    moment = sa.literal(now, Moment)
    return sa.case((_NEW.joined < moment, _NEW.joined), else_=moment)


def _tag(connection: sa.Connection, these: sa.ColumnElement[bool]) -> None:
    same = subscribers.c.address_hash == _NEW.address_hash
    words = sa.select(subscribers.c.id, _NEW.tags).where(same, these, _NEW.tags != "")
    rows = [
        (number, tag) for number, some in connection.execute(words) for tag in sorted(tags_of(some))
    ]
    insert_rows(connection, tags, _TAG, rows)
