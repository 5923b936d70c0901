"""The tables of arriving: who has asked, by which links they confirm, what is mailed to them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from newsletter.audience.letters import LetterKind, LetterState
from newsletter.store.tables import HASH, Moment, metadata, one_of

#: Who has asked for the newsletter and not confirmed: no subscriber yet.
signups: Final = sa.Table(
    "signups",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("address_hash", HASH, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    # The handle of the subscriber who moves here, "" for somebody new.
    sa.Column("moves", sa.String(24), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("wording", sa.Text, nullable=False),
    sa.Column("ip", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("asked_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

#: How many sign-ups nobody has answered, by the day (UTC) they were made; their rows are gone.
unanswered: Final = sa.Table(
    "unanswered",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)

#: Links of confirmation mails, each by its SHA-256 alone.
confirmations: Final = sa.Table(
    "confirmations",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("address_hash", HASH, nullable=False, index=True),
    sa.Column("created_at", Moment, nullable=False),
    # What a press did, with this link or another one of the same sign-up.
    sa.Column("spent", sa.String(16), nullable=False),
    one_of("spent", ("", "confirmed", "refused")),
)

#: Mails to those who arrive: claimed durably before a byte leaves. The address is looked up by its
#: hash when a letter is claimed.
letters: Final = sa.Table(
    "letters",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("address_hash", HASH, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # Whether a person has let it go although the budget is used up.
    sa.Column("released", sa.Boolean, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("not_before", Moment, nullable=False),
    sa.Column("claimed_at", Moment),
    sa.Column("settled_at", Moment),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    one_of("kind", LetterKind),
    one_of("state", LetterState),
    sa.Index(None, "state", "not_before"),
    sa.Index(None, "claimed_at"),
    sqlite_autoincrement=True,
)

#: What counts against a limit, by a keyed hash: mails to an address, visits of a network, forms.
limits: Final = sa.Table(
    "limits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", HASH, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("at", Moment, nullable=False),
    one_of("kind", ("address", "network", "pass")),
    sa.Index(None, "key", "at"),
    sa.Index(None, "kind", "at"),
)

#: What names networks for a day; without it nobody can tell any more which network it was.
network_keys: Final = sa.Table(
    "network_keys",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("secret", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

#: Where a subscriber has moved to: leaving by an old link takes the new address off as well.
moves: Final = sa.Table(
    "moves",
    metadata,
    sa.Column("old_handle", sa.String(24), primary_key=True),
    sa.Column("new_handle", sa.String(24), nullable=False),
    sa.Column("at", Moment, nullable=False),
)
