"""By whom a delivery was claimed; how the mails of a run leave, where, and what was forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "deliveries", sa.Column("worker", sa.String(32), nullable=False, server_default="")
    )
    for column in ("way", "server"):
        op.add_column("runs", sa.Column(column, sa.Text, nullable=False, server_default=""))
    for column in ("told_attempts", "told_position"):
        op.add_column("runs", sa.Column(column, sa.Integer, nullable=False, server_default="0"))
