"""Attempts that a restored backup does not know, as the file beside the issues told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "runs", sa.Column("forgotten_attempts", sa.Integer, nullable=False, server_default="0")
    )
    op.execute(
        "CREATE TRIGGER runs_forgotten BEFORE UPDATE OF forgotten_attempts ON runs "
        "WHEN NEW.forgotten_attempts < OLD.forgotten_attempts "
        "BEGIN SELECT RAISE(ABORT, 'what was attempted stays on record'); END"
    )
