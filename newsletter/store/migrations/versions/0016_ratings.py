"""What readers say of an issue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rating_labels",
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("answer", sa.String(4), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("issue", "answer", name="pk_rating_labels"),
        sa.CheckConstraint(
            "answer in ('good', 'fine', 'bad')", name=op.f("ck_rating_labels_answer_known")
        ),
    )
    op.create_table(
        "ratings",
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("answer", sa.String(4), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("issue", "address_hash", name="pk_ratings"),
        sa.ForeignKeyConstraint(
            ["issue", "answer"],
            ["rating_labels.issue", "rating_labels.answer"],
            name="fk_ratings_issue_answer_rating_labels",
        ),
    )
    op.create_index("ix_ratings_address_hash", "ratings", ["address_hash"])
    op.create_index("ix_ratings_issue_answer", "ratings", ["issue", "answer"])
