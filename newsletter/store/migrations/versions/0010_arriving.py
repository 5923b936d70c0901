"""Who asks for the newsletter, how they confirm, what they are mailed, and the limits of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _signups()
    _letters()
    op.create_table(
        "limits",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_limits"),
        sa.CheckConstraint(
            "kind in ('address', 'network', 'pass')", name=op.f("ck_limits_kind_known")
        ),
    )
    op.create_index("ix_limits_key_at", "limits", ["key", "at"])
    op.create_index("ix_limits_kind_at", "limits", ["kind", "at"])
    op.create_table(
        "network_keys",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("secret", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_network_keys"),
    )
    op.create_table(
        "moves",
        sa.Column("old_handle", sa.String(24), nullable=False),
        sa.Column("new_handle", sa.String(24), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("old_handle", name="pk_moves"),
    )


def _signups() -> None:
    op.create_table(
        "signups",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("moves", sa.String(24), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("wording", sa.Text, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("asked_at", sa.String(27), nullable=False),
        sa.UniqueConstraint("address_hash", name="uq_signups_address_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "confirmations",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("spent", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_confirmations"),
        sa.CheckConstraint(
            "spent in ('', 'confirmed', 'refused')", name=op.f("ck_confirmations_spent_known")
        ),
    )
    op.create_index("ix_confirmations_address_hash", "confirmations", ["address_hash"])


def _letters() -> None:
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("released", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("not_before", sa.String(27), nullable=False),
        sa.Column("claimed_at", sa.String(27)),
        sa.Column("settled_at", sa.String(27)),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.CheckConstraint(
            "kind in ('confirm', 'already', 'welcome', 'move', 'moved')",
            name=op.f("ck_letters_kind_known"),
        ),
        sa.CheckConstraint(
            "state in ('queued', 'claimed', 'accepted', 'refused', 'unknown', 'dropped')",
            name=op.f("ck_letters_state_known"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_letters_address_hash", "letters", ["address_hash"])
    op.create_index("ix_letters_state_not_before", "letters", ["state", "not_before"])
    op.create_index("ix_letters_claimed_at", "letters", ["claimed_at"])
