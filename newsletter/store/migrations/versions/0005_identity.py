"""An id for the store, so that events about another store's mails settle nothing here.

An event about a mail of ours that no delivery knows keeps its issue: records that were restored may
learn of that delivery later.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOMENT = sa.String(27)


def upgrade() -> None:
    table = op.create_table(
        "identity",
        sa.Column("id", sa.String(32), primary_key=True, nullable=False),
        sa.Column("old_tags_until", _MOMENT),
        sa.CheckConstraint("length(id) = 32", name="id_length"),
    )
    op.bulk_insert(table, [{"id": _new_id(), "old_tags_until": _old_tags_until()}])
    op.add_column("events", sa.Column("issue", sa.Integer))
    _forbid("identity_fixed", "UPDATE ON identity", "1", "the id of a store never changes")
    _forbid("identity_kept", "DELETE ON identity", "1", "the id of a store never changes")
    _forbid("identity_one", "INSERT ON identity", "1", "a store has one id")


def _new_id() -> str:
    """Random; in an older store from its key, so that its backups get the same when they follow."""
    key = "SELECT secret FROM signing_keys WHERE purpose = 'addresses'"
    found = op.get_bind().exec_driver_sql(key).scalar()
    return hashlib.sha256(b"store" + found).hexdigest()[:32] if found else secrets.token_hex(16)


def _old_tags_until() -> str | None:
    """Now, where anything was sent: its events may still be on their way. None in a new store."""
    sent = op.get_bind().exec_driver_sql("SELECT 1 FROM runs LIMIT 1").first()
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if sent else None


def _forbid(name: str, what: str, when: str, why: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )
