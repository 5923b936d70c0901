"""Which lists were imported, and how they were then."""

from __future__ import annotations

import sqlalchemy as sa

from newsletter.store.database import Database
from newsletter.store.tables import imports


def imported_hash(store: Database, file_name: str) -> str | None:
    """SHA-256 (hex) of the file of this name when it was last imported, or None."""
    query = sa.select(imports.c.file_hash).where(imports.c.file_name == file_name)
    with store.reading() as connection:
        return connection.execute(query.order_by(imports.c.id.desc()).limit(1)).scalar()
