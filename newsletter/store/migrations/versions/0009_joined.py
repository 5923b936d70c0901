"""Since when people are on a list, as its file says, beside the rows that wait to be imported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from newsletter.store.tables import Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staged_rows", sa.Column("joined", Moment))
