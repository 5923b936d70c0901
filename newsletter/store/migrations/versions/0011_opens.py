"""Who opened a mail, or followed a link, is forgotten; that the mail was taken stays.

Such rows prove an acceptance, as the provider's own event about it does.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE events SET kind = 'send', detail = '', at = sent_at WHERE kind IN ('open', 'click')"
    )
