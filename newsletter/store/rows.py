"""Rows of values as the database holds them: a moment is text. For very many, and very often."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from newsletter.store.postgres import rows as postgres
from newsletter.store.sqlite import rows as sqlite


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Collection[tuple[str | int | None, ...]],
) -> None:
    """Add rows to a table.

    Args:
        connection: inside a write transaction.
        table: where.
        columns: which of its columns are given, in its order; the others get their defaults.
        rows: their values.
    """
    if not rows:
        return
    one = sqlite if connection.dialect.name == "sqlite" else postgres
    one.insert_rows(connection, table, columns, rows)


def update_rows(
    connection: sa.Connection, statement: sa.Update, rows: Sequence[Mapping[str, object]]
) -> int:
    """Run an update once for each of some rows.

    Args:
        connection: inside a write transaction.
        statement: of a `plain` table, made once.
        rows: what stands for each name that is bound in it; at least one.

    Returns:
        How many rows it has changed.
    """
    if connection.dialect.name == "sqlite":
        return sqlite.update_rows(connection, statement, rows)
    return connection.execute(statement, rows).rowcount


def plain(table: sa.Table) -> sa.TableClause:
    """A table whose values are neither read nor made, such as moments."""
    columns: list[sa.ColumnClause[Any]] = []
    for one in table.columns:
        kind = one.type
        if isinstance(kind, sa.types.TypeDecorator):
            kind = kind.impl_instance
        columns.append(sa.column(one.name, kind))
    return sa.table(table.name, *columns)
