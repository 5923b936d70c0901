"""Why a run stands still, deliveries taken as sent, and the invariants of the outbox as triggers.

The triggers are the last line: whatever a bug or a hand at the database tries, no mail that was
accepted is queued again, no attempt is skipped or repeated, and no record of a real run vanishes.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HASH = sa.String(64)
_MOMENT = sa.String(27)

#: The arrows of newsletter.delivery.ARROWS as they were at this revision.
_ARROWS = (
    "queued>claimed", "queued>skipped", "claimed>accepted", "claimed>deferred", "claimed>queued",
    "claimed>refused", "claimed>unknown", "deferred>queued", "refused>queued", "unknown>queued",
    "unknown>assumed",
)  # fmt: skip


def upgrade() -> None:
    _say_why_runs_stand_still()
    _rebuild_deliveries()
    _guard_deliveries()
    _guard_runs()


def _say_why_runs_stand_still() -> None:
    # SQLite checks a column's constraint only when it comes with the column.
    op.execute(
        "ALTER TABLE runs ADD COLUMN pause VARCHAR(16) DEFAULT '' NOT NULL "
        "CONSTRAINT ck_runs_pause_known CHECK (pause in ('', 'interrupted', 'quota', 'network', "
        "'limit', 'retry', 'put off', 'breaker', 'account', 'malformed', 'fault'))"
    )
    op.add_column("runs", sa.Column("reason", sa.Text, nullable=False, server_default=""))


def _rebuild_deliveries() -> None:
    """SQLite changes a constraint only by copying the table."""
    op.rename_table("deliveries", "deliveries_0001")
    op.drop_index("ix_deliveries_run_id_state_position")
    op.create_table(
        "deliveries",
        *_columns(),
        *_constraints(),
        sqlite_autoincrement=True,
    )
    columns = (
        "id, run_id, issue, rehearsal, subscriber_id, address_hash, position, state, attempt, "
        "reason, message_id, claimed_at, settled_at"
    )
    op.execute(f"INSERT INTO deliveries ({columns}) SELECT {columns} FROM deliveries_0001")  # noqa: S608  # fixed names
    op.drop_table("deliveries_0001")
    op.create_index(
        "ix_deliveries_run_id_state_position", "deliveries", ["run_id", "state", "position"]
    )
    op.create_index(
        "ix_deliveries_reasons",
        "deliveries",
        ["run_id", "state", "reason"],
        sqlite_where=sa.text("reason <> ''"),
    )


def _columns() -> list[sa.Column[Any]]:
    return [
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
        sa.Column("risked", sa.Integer, nullable=False, server_default="0"),
    ]


def _constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "state in ('queued', 'claimed', 'accepted', 'deferred', 'refused', 'unknown', "
            "'assumed', 'skipped')",
            name="state_known",
        ),
        sa.CheckConstraint(
            "state <> 'accepted' or message_id <> ''", name="accepted_has_message_id"
        ),
        sa.CheckConstraint(
            "state <> 'claimed' or (attempt > 0 and claimed_at is not null)",
            name="claimed_is_an_attempt",
        ),
        sa.CheckConstraint("risked in (0, 1)", name="risked_once"),
        sa.ForeignKeyConstraint(
            ["run_id", "issue", "rehearsal"], ["runs.id", "runs.issue", "runs.rehearsal"]
        ),
        sa.UniqueConstraint("issue", "subscriber_id", "rehearsal"),
        sa.UniqueConstraint("issue", "address_hash", "rehearsal"),
        sa.UniqueConstraint("run_id", "position"),
    ]


def _guard_deliveries() -> None:
    arrows = ", ".join(f"'{arrow}'" for arrow in _ARROWS)
    _forbid(
        "deliveries_arrow",
        "UPDATE OF state ON deliveries",
        f"OLD.state || '>' || NEW.state NOT IN ({arrows})",
        "no such way from state to state",
    )
    _forbid(
        "deliveries_attempt",
        "UPDATE OF attempt, state ON deliveries",
        "NEW.attempt <> OLD.attempt + (OLD.state = 'queued' AND NEW.state = 'claimed')",
        "an attempt is counted by its claim, one by one",
    )
    _forbid(
        "deliveries_risk",
        "UPDATE OF risked, state ON deliveries",
        "NEW.risked <> OLD.risked + (OLD.state = 'unknown' AND NEW.state = 'queued')",
        "what is unknown is sent again once, by a person",
    )
    _forbid(
        "deliveries_fixed",
        "UPDATE OF id, run_id, issue, rehearsal, subscriber_id, address_hash, position "
        "ON deliveries",
        "1",
        "who gets what is frozen",
    )
    _forbid(
        "deliveries_kept", "DELETE ON deliveries", "NOT OLD.rehearsal", "a real run stays on record"
    )


def _guard_runs() -> None:
    _forbid(
        "runs_fixed",
        "UPDATE OF id, issue, rehearsal, envelope, content_hash, source_hash ON runs",
        "1",
        "what is sent is frozen",
    )
    _forbid(
        "runs_recipients",
        "UPDATE OF recipients ON runs",
        "OLD.recipients <> 0",
        "the number of recipients is frozen",
    )
    _forbid(
        "runs_finished",
        "UPDATE OF state ON runs",
        "NEW.state = 'finished' AND EXISTS (SELECT 1 FROM deliveries WHERE run_id = NEW.id "
        "AND state IN ('queued', 'claimed', 'deferred'))",
        "deliveries are left",
    )
    _forbid("runs_kept", "DELETE ON runs", "NOT OLD.rehearsal", "a real run stays on record")


def _forbid(name: str, what: str, when: str, why: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )
