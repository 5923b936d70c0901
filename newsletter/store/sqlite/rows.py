"""Very many rows at once, past what SQLAlchemy does for each of their values.

A list of a million people is four million rows; a name for every value of each costs more than
SQLite takes to write them.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import sqlalchemy as sa


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Collection[tuple[str | int | None, ...]],
) -> None:
    """Add rows to a table, see `store.rows`; at least one."""
    statement = _insert(table, columns, connection.dialect)
    connection.exec_driver_sql(statement, list(rows))


@lru_cache(maxsize=64)
def _insert(table: sa.Table, columns: tuple[str, ...], dialect: sa.Dialect) -> str:
    statement = sa.insert(table).compile(dialect=dialect, column_keys=columns)
    # It lists them as the table does, whatever their order here.
    assert statement.positiontup == list(columns)
    return str(statement)
