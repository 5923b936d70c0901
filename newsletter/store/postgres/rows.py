"""Many rows at once as PostgreSQL takes them: one statement with an array for each column.

Row by row, each would be a message of its own to the server, and five times as long on the way.
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
    """Add rows all at once, see `store.rows`; at least one."""
    values = tuple(map(list, zip(*rows, strict=True)))
    connection.exec_driver_sql(_insertion(table, columns, connection.dialect), values)


@lru_cache(maxsize=64)
def _insertion(table: sa.Table, columns: tuple[str, ...], dialect: sa.Dialect) -> str:
    kinds = ("bigint" if _is_number(table.c[name]) else "text" for name in columns)
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    names = ", ".join(map(dialect.identifier_preparer.quote, columns))
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608  # our own names


def _is_number(column: sa.Column[object]) -> bool:
    return isinstance(column.type, sa.Integer)
