"""Rows of values as SQLite holds them, past what SQLAlchemy does for each value.

A list of a million people is four million rows; a name for every value of each costs more than
SQLite takes to write them. Each mail changes two rows, and looking at their values takes longer
than changing them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import sqlalchemy as sa


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Collection[tuple[str | int | None, ...]],
) -> None:
    """Add rows one after the other, see `store.rows`; at least one."""
    connection.exec_driver_sql(_insertion(table, columns, connection.dialect), list(rows))


def update_rows(
    connection: sa.Connection, statement: sa.Update, rows: Sequence[Mapping[str, object]]
) -> int:
    """Run an update once for each row, see `store.rows`; at least one."""
    text, names, fixed = _compiled(statement, connection.dialect)
    values = [tuple({**fixed, **row}[name] for name in names) for row in rows]
    return connection.exec_driver_sql(text, values).rowcount


@lru_cache(maxsize=64)
def _compiled(
    statement: sa.Update, dialect: sa.Dialect
) -> tuple[str, tuple[str, ...], dict[str, object]]:
    """The text, the names in the order of their values, and the values that are always the same."""
    compiled = statement.compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup or ()), dict(compiled.params)


@lru_cache(maxsize=64)
def _insertion(table: sa.Table, columns: tuple[str, ...], dialect: sa.Dialect) -> str:
    statement = sa.insert(table).compile(dialect=dialect, column_keys=columns)
    # It lists them as the table does, whatever their order here.
    assert statement.positiontup == list(columns)
    return str(statement)
