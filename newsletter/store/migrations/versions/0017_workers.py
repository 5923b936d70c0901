"""By whom a delivery was claimed, and how the mails of a run leave."""

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
    op.add_column("runs", sa.Column("way", sa.Text, nullable=False, server_default=""))
