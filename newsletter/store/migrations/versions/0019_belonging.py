"""On a server, guards say which run deliveries belong to: a foreign key looks it up row by row."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        name = "fk_deliveries_run_id_issue_rehearsal_runs"
        op.drop_constraint(name, "deliveries", type_="foreignkey", if_exists=True)
