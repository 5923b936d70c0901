"""The guards as SQLite's triggers."""

from __future__ import annotations

import sqlalchemy as sa

from newsletter.store.guards import GUARDS


def create(connection: sa.Connection) -> None:
    """Make all guards, in a store that has none."""
    for statement in _statements().values():
        connection.exec_driver_sql(statement)


def deviations(connection: sa.Connection) -> tuple[str, ...]:
    """The names of guards that a store lacks, has in another form, or has beside them, sorted."""
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'"
    )
    there = {str(name): str(sql) for name, sql in found.all()}
    wanted = _statements()
    return tuple(sorted(name for name in there | wanted if there.get(name) != wanted.get(name)))


def _statements() -> dict[str, str]:
    """What makes each guard, by its name; SQLite keeps it as it is written here."""
    # "1" is how every store so far says it; a new one differs from none in a single word.
    return {
        guard.name: f"CREATE TRIGGER {guard.name} BEFORE {guard.what} "
        f"WHEN {'1' if guard.when == 'true' else guard.when} "
        f"BEGIN SELECT RAISE(ABORT, '{guard.why}'); END"
        for guard in GUARDS
    }


def drop(connection: sa.Connection) -> None:
    """Take away whatever guards a store has, of this version or another."""
    found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in found.scalars().all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
