"""What is in a database file of this version or an older one: told before a backup replaces it."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_COUNTED: Final = {
    "people": "subscribers",
    "of them unsubscribed": "subscribers WHERE status = 'unsubscribed'",
    "imports": "imports",
    "issues begun": "runs WHERE NOT rehearsal AND recipients > 0",
    "attempts": "deliveries WHERE NOT rehearsal",
    "events": "events",
    "ratings": "ratings",
}
_LATEST: Final = (
    "SELECT max(at) FROM (SELECT max(at) at FROM consents UNION SELECT max(updated_at) FROM "
    "subscribers UNION SELECT max(claimed_at) FROM deliveries)"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a database.

    Attributes:
        numbers: how many, by what it is.
        latest: when the last of it was written, ISO 8601 in UTC, "" when there is nothing.
        keys: rows of the signing keys, by id.
    """

    numbers: dict[str, int]
    latest: str
    keys: dict[int, tuple[Any, ...]]

    @property
    def newsletter(self) -> bytes:
        """What tells one newsletter's records from another's: the key that hashes addresses."""
        return next((bytes(row[1]) for row in self.keys.values() if row[2] == "addresses"), b"")


def contents(path: Path) -> Contents:
    """Count what is in a file that nobody writes to.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with contextlib.closing(sqlite3.connect(path)) as connection:
        made = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        numbers = {
            what: connection.execute(f"SELECT {_measure(what)} FROM {rows}").fetchone()[0]  # noqa: S608  # fixed names
            for what, rows in _COUNTED.items()
            if rows.partition(" ")[0] in made
        }
        (latest,) = connection.execute(_LATEST).fetchone()
        keys = connection.execute("SELECT id, secret, purpose, created_at FROM signing_keys")
        return Contents(numbers, latest or "", {row[0]: row for row in keys})


def _measure(what: str) -> str:
    return "coalesce(sum(attempt), 0)" if what == "attempts" else "count(*)"
