"""What was attempted is found without reading what was not: going on with a run is quick."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    attempted = sa.text("attempt > 0")
    op.create_index(
        "ix_deliveries_attempted",
        "deliveries",
        ["run_id", "state", "position", "attempt"],
        sqlite_where=attempted,
        postgresql_where=attempted,
    )
