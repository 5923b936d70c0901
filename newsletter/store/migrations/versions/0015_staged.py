"""What a staged row is known by; and since when people agreed whom a list brought here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, length in (("address_hash", 64), ("handle", 24)):
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("staged_rows", column)
    op.add_column("consents", sa.Column("since", sa.String(27)))
