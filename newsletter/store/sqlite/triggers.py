"""The guards as SQLite's triggers."""

from __future__ import annotations

import sqlalchemy as sa

from newsletter.store.guards import GUARDS


def create(connection: sa.Connection) -> None:
    """Make all guards, in a store that has none."""
    for guard in GUARDS:
        # "1" is how every store so far says it; a new one differs from none in a single word.
        when = "1" if guard.when == "true" else guard.when
        connection.exec_driver_sql(
            f"CREATE TRIGGER {guard.name} BEFORE {guard.what} WHEN {when} "
            f"BEGIN SELECT RAISE(ABORT, '{guard.why}'); END"
        )


def drop(connection: sa.Connection) -> None:
    """Take away whatever guards a store has, of this version or another."""
    found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in found.scalars().all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
