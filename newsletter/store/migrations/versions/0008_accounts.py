"""The provider's accounts a run's mails left from, so that another account's events settle nothing.

Those of the runs before are not known.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("accounts", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE runs SET accounts = '?' WHERE recipients > 0")
