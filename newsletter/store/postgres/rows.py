"""Many rows at once as PostgreSQL takes them: one statement with an array for each column.

Row by row, each would be a message of its own to the server, and five times as long on the way.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import sqlalchemy as sa


def given(rows: Collection[tuple[str | int | None, ...]]) -> tuple[list[str | int | None], ...]:
    """Rows as the statement is given them: a list for each column."""
    return tuple(map(list, zip(*rows, strict=True)))


@lru_cache(maxsize=64)
def insertion(table: sa.Table, columns: tuple[str, ...], dialect: sa.Dialect) -> str:
    """The statement that adds rows to a table, see `store.rows`."""
    kinds = ("bigint" if _is_number(table.c[name]) else "text" for name in columns)
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    names = ", ".join(map(dialect.identifier_preparer.quote, columns))
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608  # our own names


def _is_number(column: sa.Column[object]) -> bool:
    return isinstance(column.type, sa.Integer)
