"""What comes back from the provider, who left by an unknown link, and a consent log that stays.

An event may prove that a delivery was accepted after all, or dropped. The triggers let such a
change happen only where the event is on record; all other arrows stay as they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HASH = sa.String(64)
_MOMENT = sa.String(27)

#: The arrows of newsletter.delivery.ARROWS as they were at this revision.
_ARROWS = (
    "queued>claimed", "queued>skipped", "claimed>accepted", "claimed>deferred", "claimed>queued",
    "claimed>refused", "claimed>unknown", "deferred>queued", "refused>queued", "unknown>queued",
    "unknown>assumed",
    "queued>accepted", "deferred>accepted", "refused>accepted", "unknown>accepted",
    "assumed>accepted", "accepted>refused", "unknown>refused", "assumed>refused",
)  # fmt: skip
_KINDS = (
    "send", "delivery", "bounce", "complaint", "reject", "rendering failure", "delay",
    "subscription", "open", "click",
)  # fmt: skip
_DROPPED = "('reject', 'rendering failure')"


def upgrade() -> None:
    _events()
    op.create_table(
        "left_handles",
        sa.Column("handle", sa.String(24), primary_key=True, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
    )
    for name, kind in (
        ("wording", sa.Text()), ("wording_hash", _HASH), ("ip", sa.Text()), ("agent", sa.Text()),
    ):  # fmt: skip
        op.add_column("consents", sa.Column(name, kind, nullable=False, server_default=""))
    op.create_index(
        "ix_deliveries_message_id",
        "deliveries",
        ["message_id"],
        sqlite_where=sa.text("message_id <> ''"),
    )
    _guard_deliveries()
    _guard_logs()


def _events() -> None:
    listed = ", ".join(f"'{kind}'" for kind in _KINDS)
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("key", _HASH, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("sent_at", _MOMENT, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Integer),
        sa.Column("attempt", sa.Integer),
        sa.Column("address_hash", _HASH),
        sa.CheckConstraint(f"kind in ({listed})", name="kind_known"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_events_delivery_id", "events", ["delivery_id"])
    op.create_index("ix_events_kind_received_at", "events", ["kind", "received_at"])
    op.create_index("ix_events_address_hash", "events", ["address_hash"])
    op.create_index(
        "ix_events_stray", "events", ["message_id"], sqlite_where=sa.text("delivery_id is null")
    )


def _guard_deliveries() -> None:
    arrows = ", ".join(f"'{arrow}'" for arrow in _ARROWS)
    op.execute("DROP TRIGGER deliveries_arrow")
    _forbid(
        "deliveries_arrow",
        "UPDATE OF state ON deliveries",
        f"OLD.state || '>' || NEW.state NOT IN ({arrows})",
        "no such way from state to state",
    )
    proof = "EXISTS (SELECT 1 FROM events WHERE delivery_id = OLD.id AND kind {} IN {})"
    _forbid(
        "deliveries_accepted",
        "UPDATE OF state ON deliveries",
        "NEW.state = 'accepted' AND OLD.state NOT IN ('claimed', 'accepted') "
        f"AND NOT {proof.format('NOT', _DROPPED)}",
        "no event shows that it was accepted",
    )
    _forbid(
        "deliveries_dropped",
        "UPDATE OF state ON deliveries",
        "NEW.state = 'refused' AND OLD.state NOT IN ('claimed', 'refused') "
        f"AND NOT {proof.format('', _DROPPED)}",
        "no event shows that it was dropped",
    )


def _guard_logs() -> None:
    _forbid(
        "events_fixed",
        "UPDATE OF id, key, kind, detail, at, sent_at, received_at, message_id, attempt, "
        "address_hash ON events",
        "1",
        "what was reported stays as it was",
    )
    _forbid(
        "events_attached",
        "UPDATE OF delivery_id ON events",
        "OLD.delivery_id IS NOT NULL",
        "an event belongs to one delivery",
    )
    _forbid("events_kept", "DELETE ON events", "1", "what was reported stays on record")
    _forbid(
        "consents_fixed",
        "UPDATE OF id, address_hash, event, source, at, wording, wording_hash ON consents",
        "1",
        "the consent log is only added to",
    )
    _forbid(
        "consents_visitor",
        "UPDATE OF ip, agent ON consents",
        "NEW.ip NOT IN ('', OLD.ip) OR NEW.agent NOT IN ('', OLD.agent)",
        "what is known of a visitor is only ever forgotten",
    )
    _forbid("consents_kept", "DELETE ON consents", "1", "the consent log is only added to")


def _forbid(name: str, what: str, when: str, why: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )
