"""The first tables: keys, people, runs, deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_HASH = sa.String(64)
_MOMENT = sa.String(27)


def upgrade() -> None:
    _people()
    _consent()
    _runs()
    _deliveries()


def _people() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(32), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id between 0 and 255", name="id_is_a_byte"),
        sa.CheckConstraint("length(secret) = 32", name="secret_length"),
        sa.CheckConstraint("purpose in ('links', 'addresses')", name="purpose_known"),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("handle", sa.String(24), nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("address_hash", _HASH, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.CheckConstraint("status in ('pending', 'active', 'unsubscribed')", name="status_known"),
        sa.UniqueConstraint("handle"),
        sa.UniqueConstraint("address_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tags",
        sa.Column("subscriber_id", sa.Integer, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "tag"),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_tags_tag", "tags", ["tag"])


def _consent() -> None:
    op.create_table(
        "suppressions",
        sa.Column("address_hash", _HASH, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("address_hash"),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("address_hash", _HASH, nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_consents_address_hash", "consents", ["address_hash"])
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("file_hash", _HASH, nullable=False),
        sa.Column("consent_source", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("rehearsal", sa.Boolean, nullable=False),
        sa.Column("transport", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("source_hash", sa.String(64), nullable=False),
        sa.Column("skipped_checks", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("recipients", sa.Integer, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT),
        sa.CheckConstraint("state in ('running', 'paused', 'finished')", name="state_known"),
        sa.UniqueConstraint("issue", "rehearsal"),
        sa.UniqueConstraint("id", "issue", "rehearsal"),
        sqlite_autoincrement=True,
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("rehearsal", sa.Boolean, nullable=False),
        sa.Column("subscriber_id", sa.Integer, nullable=False),
        sa.Column("address_hash", _HASH, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("message_id", sa.Text, nullable=False, server_default=""),
        sa.Column("claimed_at", _MOMENT),
        sa.Column("settled_at", _MOMENT),
        sa.CheckConstraint(
            "state in ('queued', 'claimed', 'accepted', 'deferred', 'refused', 'unknown', "
            "'skipped')",
            name="state_known",
        ),
        sa.CheckConstraint(
            "state <> 'accepted' or message_id <> ''", name="accepted_has_message_id"
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "issue", "rehearsal"], ["runs.id", "runs.issue", "runs.rehearsal"]
        ),
        sa.UniqueConstraint("issue", "subscriber_id", "rehearsal"),
        sa.UniqueConstraint("issue", "address_hash", "rehearsal"),
        sa.UniqueConstraint("run_id", "position"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_deliveries_run_id_state_position", "deliveries", ["run_id", "state", "position"]
    )
