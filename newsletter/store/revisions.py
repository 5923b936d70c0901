"""Which revision the tables of a store are of."""

from __future__ import annotations

import re
from typing import Final

import sqlalchemy as sa

from newsletter.store.database import Backend

#: The revision this program reads and writes: the newest file in migrations/versions.
HEAD: Final = "0021"

#: Alembic's own table, as it makes it.
revisions: Final = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def revision(connection: sa.Connection, schema: str | None = None) -> str | None:
    """The store's revision, four digits; None for an empty database, "" for somebody else's.

    Args:
        connection: inside a transaction.
        schema: the one that is asked about, where a database has several.
    """
    names = sa.inspect(connection).get_table_names(schema=schema)
    if not names:
        return None
    if "alembic_version" not in names or "deliveries" not in names:
        return ""
    found = connection.execute(sa.select(revisions.c.version_num)).scalar()
    return found if isinstance(found, str) and re.fullmatch(r"\d{4}", found, re.ASCII) else ""


def finish(connection: sa.Connection, backend: Backend) -> None:
    """Make a store of tables that hold their first rows."""
    backend.create_guards(connection)
    revisions.create(connection)
    connection.execute(sa.insert(revisions).values(version_num=HEAD))
