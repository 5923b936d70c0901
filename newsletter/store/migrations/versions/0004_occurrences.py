"""Dates that are used up, what the owner was told, the clock, and runs announced or cancelled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.String(27)


def upgrade() -> None:
    _rebuild_runs()
    _guard_runs()
    _make_occurrences()
    _make_notices()
    _make_clock()


def _rebuild_runs() -> None:
    """SQLite changes a constraint only by copying the table, here one that others point at.

    Foreign keys are off during an upgrade, and checked before it is committed.
    """
    op.execute("CREATE TEMP TABLE kept_runs AS SELECT * FROM runs")
    op.drop_table("runs")
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
        sa.Column("pause", sa.String(16), nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.CheckConstraint(
            "state in ('announced', 'running', 'paused', 'cancelled', 'finished')",
            name=op.f("ck_runs_state_known"),
        ),
        sa.CheckConstraint(
            "pause in ('', 'interrupted', 'quota', 'network', 'limit', 'retry', 'put off', "
            "'breaker', 'account', 'malformed', 'fault')",
            name=op.f("ck_runs_pause_known"),
        ),
        sa.UniqueConstraint("issue", "rehearsal", name=op.f("uq_runs_issue_rehearsal")),
        sa.UniqueConstraint("id", "issue", "rehearsal", name=op.f("uq_runs_id_issue_rehearsal")),
        sqlite_autoincrement=True,
    )
    columns = (
        "id, issue, rehearsal, transport, title, envelope, content_hash, source_hash, "
        "skipped_checks, state, recipients, started_at, finished_at, pause, reason"
    )
    op.execute(f"INSERT INTO runs ({columns}) SELECT {columns} FROM kept_runs")  # noqa: S608  # fixed names
    op.execute("DROP TABLE kept_runs")


def _guard_runs() -> None:
    """The guards of 0002, which went with the table; what nobody has got yet may change."""
    _forbid("runs_fixed", "UPDATE OF id, issue, rehearsal ON runs", "1", "what is sent is frozen")
    _forbid(
        "runs_content",
        "UPDATE OF envelope, content_hash, source_hash ON runs",
        "OLD.recipients <> 0 OR OLD.state NOT IN ('announced', 'cancelled')",
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
    _forbid(
        "deliveries_cancelled",
        "UPDATE OF state ON deliveries",
        "NEW.state = 'claimed' AND "
        "(SELECT state FROM runs WHERE id = NEW.run_id) IN ('announced', 'cancelled')",
        "the run is cancelled",
    )


def _make_occurrences() -> None:
    op.create_table(
        "occurrences",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("rehearsal", sa.Boolean, primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("issue", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("noted_at", _MOMENT, nullable=False),
        sa.CheckConstraint("state in ('taken', 'missed')", name="state_known"),
        sa.CheckConstraint("state <> 'taken' or issue is not null", name="taken_by_an_issue"),
    )
    _forbid("occurrences_fixed", "UPDATE ON occurrences", "1", "a date is used up once")
    _forbid(
        "occurrences_kept",
        "DELETE ON occurrences",
        "OLD.state = 'taken' AND NOT OLD.rehearsal",
        "a date is used up once",
    )


def _make_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )


def _make_clock() -> None:
    op.create_table(
        "clock",
        sa.Column("rehearsal", sa.Boolean, primary_key=True),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("seen", _MOMENT, nullable=False),
    )


def _forbid(name: str, what: str, when: str, why: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )
