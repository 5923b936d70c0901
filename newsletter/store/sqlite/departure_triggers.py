"""What `folder/departures.py` needs of SQLite: to hear who leaves, and to count lines.

The triggers are temporary: they belong to a connection, and call its process.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import sqlalchemy as sa

from newsletter.store.database import Note
from newsletter.store.departure_rules import DEPARTURES

_WATCHED: Final = "SELECT 1 FROM temp.sqlite_master WHERE type = 'trigger' LIMIT 1"


def watch(connection: sa.Connection, note: Note) -> None:
    """Have a connection tell who leaves, whichever statement it is; once is enough for each.

    The triggers go with the transaction that made them when it is undone, so the connection itself
    is asked whether it has them.

    Args:
        connection: to the database.
        note: hears the kind of a departure, or the reason of a suppression, and whom it is about.
    """
    plain = connection.connection.driver_connection
    assert isinstance(plain, sqlite3.Connection)
    if plain.execute(_WATCHED).fetchone():
        return
    plain.create_function("note_departure", 2, note)
    for one in DEPARTURES:
        what = one.what.replace(" ON ", " ON main.")
        plain.execute(
            f"CREATE TEMP TRIGGER departure_{one.name} AFTER {what} WHEN {one.when} "
            f"BEGIN SELECT note_departure({one.kind}, {one.who}); END"
        )


def counted(connection: sa.Connection) -> int:
    """How many lines a database knows."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def count(connection: sa.Connection, number: int) -> None:
    """Have a database know so many lines, from the end of this transaction."""
    connection.exec_driver_sql(f"PRAGMA user_version = {number}")
