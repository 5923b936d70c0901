"""What `folder/departures.py` needs of SQLite: to hear who leaves, and to count lines.

The triggers are temporary: they belong to a connection, and call its process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from newsletter.audience import Status

#: Kinds that are no reason of a suppression.
LEFT: Final = "left"
RETURNED: Final = "returned"
RELEASED: Final = "released"
FORGOTTEN: Final = "forgotten"
HANDLE: Final = "handle"

_TRIGGERS: Final = (
    ("suppressed", "INSERT ON main.suppressions", "1", "NEW.reason, NEW.address_hash"),
    ("suppressed_anew", "UPDATE OF reason ON main.suppressions", "1",
     "NEW.reason, NEW.address_hash"),
    ("released", "DELETE ON main.suppressions", "1", f"'{RELEASED}', OLD.address_hash"),
    ("left", "UPDATE OF status ON main.subscribers",
     f"NEW.status = '{Status.UNSUBSCRIBED}'", f"'{LEFT}', NEW.address_hash"),
    ("added_as_left", "INSERT ON main.subscribers",
     f"NEW.status = '{Status.UNSUBSCRIBED}'", f"'{LEFT}', NEW.address_hash"),
    ("returned", "UPDATE OF status ON main.subscribers",
     f"OLD.status = '{Status.UNSUBSCRIBED}' AND NEW.status <> OLD.status",
     f"'{RETURNED}', NEW.address_hash"),
    ("forgotten", "DELETE ON main.subscribers", "1", f"'{FORGOTTEN}', OLD.address_hash"),
    ("left_unknown", "INSERT ON main.left_handles", "1", f"'{HANDLE}', NEW.handle"),
)  # fmt: skip
_WATCHED: Final = "SELECT 1 FROM temp.sqlite_master WHERE type = 'trigger' LIMIT 1"


def watch(connection: sa.Connection, note: Callable[[str, str], None]) -> None:
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
    for name, what, when, values in _TRIGGERS:
        plain.execute(
            f"CREATE TEMP TRIGGER departure_{name} AFTER {what} WHEN {when} "
            f"BEGIN SELECT note_departure({values}); END"
        )


def counted(connection: sa.Connection) -> int:
    """How many lines a database knows."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def count(connection: sa.Connection, number: int) -> None:
    """Have a database know so many lines, from the end of this transaction."""
    connection.exec_driver_sql(f"PRAGMA user_version = {number}")
