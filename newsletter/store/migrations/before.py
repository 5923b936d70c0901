"""Stores of the revisions 0001 to 0006, brought to the present tables in one go.

From one of these revisions to the next, columns, tables and constraints were added, and no row was
changed. SQLite changes a constraint only by copying the table, so every table is made as it is now
and its rows are copied over. Later revisions are Alembic's, in versions/.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Final

import sqlalchemy as sa

from newsletter.feedback import EventKind
from newsletter.store.tables import events, identity, runs, signing_keys

REVISIONS: Final = frozenset(f"000{number}" for number in range(1, 7))

_OLD: Final = "old_"


def rebuild(connection: sa.Connection) -> None:
    """Make the tables anew with the rows they had.

    Args:
        connection: inside a transaction, with foreign keys switched off; guards are taken away.
    """
    from newsletter.store.every_table import metadata  # noqa: PLC0415  # once in a store's life

    inspector = sa.inspect(connection)
    columns = {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
        if name in metadata.tables
    }
    last = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all()
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    for name in connection.exec_driver_sql(indexes).scalars().all():
        connection.exec_driver_sql(f"DROP INDEX {name}")
    for name in columns:
        connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {_OLD}{name}")
    metadata.create_all(connection)
    for name, old in columns.items():
        kept = [column.name for column in metadata.tables[name].columns if column.name in old]
        there: list[sa.ColumnClause[Any]] = [sa.column(one) for one in kept]
        rows = sa.select(*there).select_from(sa.table(f"{_OLD}{name}"))
        connection.execute(sa.insert(metadata.tables[name]).from_select(kept, rows))
        connection.exec_driver_sql(f"DROP TABLE {_OLD}{name}")
    for name, number in last:
        # The number of a row that was deleted is never given again.
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, number))
    if identity.name not in columns:
        _name_store(connection)
    # Which accounts these runs were sent from is not known.
    told = sa.update(runs).where(runs.c.recipients > 0).values(accounts="?")
    connection.execute(told)
    # Nor is it anybody's business who opened a mail; that it was taken is all.
    opened = sa.update(events).where(events.c.kind.in_(("open", "click")))
    connection.execute(opened.values(kind=EventKind.SEND, detail="", at=events.c.sent_at))


def _name_store(connection: sa.Connection) -> None:
    """Give the store an id, from its key: backups of it get the same when they follow."""
    address_key = sa.select(signing_keys.c.secret).where(signing_keys.c.purpose == "addresses")
    secret = connection.execute(address_key).scalar_one()
    # Where anything was sent, its events may still be on their way.
    sent = connection.execute(sa.select(runs.c.id).limit(1)).first()
    values = {
        "id": hashlib.sha256(b"store" + secret).hexdigest()[:32],
        "old_tags_until": dt.datetime.now(dt.UTC) if sent else None,
    }
    connection.execute(sa.insert(identity).values(values))
