"""Imports on their way in, and runs whose recipients are being frozen: both step by step.

Nothing is claimed from a run that is not running. Only a run that never ran gives its rows up.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.String(27)
_BEFORE = "'announced', 'running'"
_AFTER = "'announced', 'freezing', 'running'"


def upgrade() -> None:
    _stage()
    _let_runs_freeze()
    _guard_freezing()
    _guard_records()


def _stage() -> None:
    op.create_table(
        "staged_imports",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("file_hash", sa.String(64), nullable=False),
        sa.Column("consent_source", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.CheckConstraint("state in ('staging', 'applying', 'applied')", name="state_known"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "staged_rows",
        sa.Column("import_id", sa.Integer, nullable=False),
        sa.Column("slice", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("suppression", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "slice", "position"),
        sa.ForeignKeyConstraint(["import_id"], ["staged_imports.id"]),
        sqlite_with_rowid=False,
    )


def _let_runs_freeze() -> None:
    """SQLite changes a constraint only by copying the table; whatever else it has is kept.

    Foreign keys are off during an upgrade, and checked before it is committed.
    """
    bind = op.get_bind()
    ask = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = 'runs' AND sql IS NOT NULL "
                  "AND type = :kind")  # fmt: skip
    [table] = bind.execute(ask, {"kind": "table"}).scalars().all()
    beside = [
        sql for kind in ("index", "trigger") for sql in bind.execute(ask, {"kind": kind}).scalars()
    ]
    assert table.count(_BEFORE) == 1
    last = bind.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'runs'")).scalar()
    op.execute("CREATE TEMP TABLE kept_runs AS SELECT * FROM runs")
    op.drop_table("runs")
    bind.exec_driver_sql(table.replace(_BEFORE, _AFTER))
    op.execute("INSERT INTO runs SELECT * FROM kept_runs")
    op.execute("DROP TABLE kept_runs")
    if last is not None:
        # The number of a run that was deleted is never given again.
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'runs'")
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', {int(last)})")  # noqa: S608  # a number
    for sql in beside:
        bind.exec_driver_sql(sql)


def _guard_freezing() -> None:
    for name in (
        "runs_content", "runs_recipients", "runs_kept", "deliveries_kept", "deliveries_cancelled",
    ):  # fmt: skip
        op.execute(f"DROP TRIGGER {name}")
    _forbid(
        "runs_content",
        "UPDATE OF envelope, content_hash, source_hash ON runs",
        "OLD.recipients <> 0 OR OLD.state NOT IN ('announced', 'freezing', 'cancelled')",
        "what is sent is frozen",
    )
    # A rehearsal may be begun anew.
    _forbid(
        "runs_recipients",
        "UPDATE OF recipients ON runs",
        "OLD.recipients <> 0 AND NOT (OLD.rehearsal AND NEW.recipients = 0 "
        "AND NEW.state = 'freezing')",
        "the number of recipients is frozen",
    )
    _forbid(
        "runs_freezing",
        "UPDATE OF state ON runs",
        "NEW.state = 'freezing' AND NOT OLD.rehearsal AND (OLD.recipients <> 0 "
        "OR OLD.state NOT IN ('announced', 'freezing', 'cancelled'))",
        "what was begun is not frozen again",
    )
    _forbid(
        "runs_frozen",
        "UPDATE OF state ON runs",
        "OLD.state = 'freezing' AND NEW.state NOT IN ('announced', 'freezing', 'cancelled') "
        "AND (NEW.state <> 'running' OR NEW.recipients <> "
        "(SELECT count(*) FROM deliveries WHERE run_id = NEW.id))",
        "not all recipients are frozen",
    )


def _guard_records() -> None:
    never_ran = (
        "EXISTS (SELECT 1 FROM runs WHERE id = OLD.run_id AND recipients = 0 "
        "AND state IN ('freezing', 'cancelled'))"
    )
    _forbid(
        "deliveries_kept",
        "DELETE ON deliveries",
        f"NOT OLD.rehearsal AND (OLD.state <> 'queued' OR OLD.attempt <> 0 OR NOT {never_ran})",
        "a real run stays on record",
    )
    _forbid(
        "runs_kept",
        "DELETE ON runs",
        "NOT OLD.rehearsal AND (OLD.state <> 'freezing' OR OLD.recipients <> 0 "
        "OR EXISTS (SELECT 1 FROM deliveries WHERE run_id = OLD.id))",
        "a real run stays on record",
    )
    _forbid(
        "deliveries_running",
        "UPDATE OF state ON deliveries",
        "NEW.state = 'claimed' AND (SELECT state FROM runs WHERE id = NEW.run_id) <> 'running'",
        "the run is not running",
    )


def _forbid(name: str, what: str, when: str, why: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )
