"""The numbers of rows: those of an erased row are never given again."""

from __future__ import annotations

import sqlalchemy as sa


def highest(connection: sa.Connection, table: sa.Table) -> int:
    """The highest number that a table has ever given to a row, 0 before the first."""
    [column] = table.primary_key.columns
    there = connection.execute(sa.select(sa.func.max(column))).scalar() or 0
    query = "SELECT seq FROM sqlite_sequence WHERE name = ?"
    return max(there, connection.exec_driver_sql(query, (table.name,)).scalar() or 0)


def number_from(connection: sa.Connection, table: sa.Table, highest: int) -> None:
    """Have a table give only higher numbers, where it never gives one twice."""
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return
    connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
    connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (table.name, highest))
