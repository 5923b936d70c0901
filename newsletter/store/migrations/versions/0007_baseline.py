"""Where Alembic's revisions begin. New stores are made whole, and older ones by `before.py`."""

from __future__ import annotations

revision = "0007"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    raise AssertionError("a store is made by newsletter.store.schema")
