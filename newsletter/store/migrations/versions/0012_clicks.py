"""Where counted links lead, and how often each was followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("issue", "number", name="pk_links"),
    )
    op.create_table(
        "clicks",
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hour", sa.String(13), nullable=False),
        sa.Column("sort", sa.String(8), nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("issue", "number", "hour", "sort", name="pk_clicks"),
        sa.CheckConstraint("sort in ('person', 'machine')", name=op.f("ck_clicks_sort_known")),
    )
