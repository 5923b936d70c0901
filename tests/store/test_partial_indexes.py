"""An index that holds some rows alone holds the same ones in PostgreSQL as in SQLite."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.store.every_table import metadata
from newsletter.store.postgres.schema import _shaped


def wheres(tables, dialect):
    """What each index says about its rows, by the index's name."""
    made = {
        index.name: str(sa.schema.CreateIndex(index).compile(dialect=dialect))
        for table in tables.sorted_tables
        for index in table.indexes
    }
    return {name: statement.partition(" WHERE ")[2] for name, statement in made.items()}


def test_partial_indexes_are_alike_in_both_databases():
    expected = wheres(metadata, sqlite.dialect())
    assert sum(map(bool, expected.values())) == 4
    assert wheres(_shaped(), postgresql.dialect()) == expected
