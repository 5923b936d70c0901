"""The tables, once; an upgrade brings older stores to the same ones, which a test compares.

PostgreSQL's shape of them is made by `postgres.schema`: its dialect is slow to load.

What a constraint cannot say (which state may follow which, what never changes, what is never
deleted) the guards say, in triggers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.delivery import OccurrenceState, Pause, RunState, State
from newsletter.feedback import EventKind

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
HASH: Final = sa.String(64)  # a keyed SHA-256 in hex


def _part(name: str, *columns: str, of: str) -> sa.Index:
    """An index of some rows alone; a query that is to use it says the same of them, no value."""
    return sa.Index(name, *columns, sqlite_where=sa.text(of))


class Stage(StrEnum):
    """How far a staged import is."""

    STAGING = "staging"  # its file is being read
    APPLYING = "applying"  # all of it is here; rows go as they are applied
    APPLIED = "applied"  # only traces are left


@lru_cache(maxsize=64)
def moment_text(value: dt.datetime) -> str:
    """A moment as it stands in the records.

    Many rows have the same one, and writing it out takes longer than hashing it.

    Raises:
        ValueError: it has no time zone, which is a bug.
    """
    if value.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Moment(sa.types.TypeDecorator[dt.datetime]):
    """A moment as ISO 8601 text in UTC, always 27 characters, so that text order is time order."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> str | None:
        """Write an aware datetime; a naive one is a bug."""
        del dialect
        return None if value is None else moment_text(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> dt.datetime | None:
        """Read it back, in UTC."""
        del dialect
        return None if value is None else dt.datetime.fromisoformat(value)


def one_of(column: str, values: Iterable[str]) -> sa.CheckConstraint:
    """The constraint that a column holds one of some words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")


metadata: Final = sa.MetaData(naming_convention=_NAMES)

#: Secrets made with the store: "links" signs what stands in mails, "addresses" hashes addresses.
signing_keys: Final = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("secret", sa.LargeBinary(32), nullable=False),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.CheckConstraint("id between 0 and 255", name="id_is_a_byte"),
    sa.CheckConstraint("length(secret) = 32", name="secret_length"),
    one_of("purpose", ("links", "addresses")),
)

#: How these records are named in the tags of mails, and so in events: one row, made with the store
#: and never changed, so that a backup or a copy has the same.
identity: Final = sa.Table(
    "identity",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    # Mails handed over before then had tags of the older form, without an id; NULL: none had.
    sa.Column("old_tags_until", Moment),
    sa.CheckConstraint("length(id) = 32", name="id_length"),
)

# AUTOINCREMENT wherever rows may be deleted: SQLite would give the number of an erased person to
# the next one, who would then count as already mailed.
subscribers: Final = sa.Table(
    "subscribers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("handle", sa.String(24), nullable=False, unique=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("address_hash", HASH, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("status", Status),
    sqlite_autoincrement=True,
)

tags: Final = sa.Table(
    "tags",
    metadata,
    sa.Column(
        "subscriber_id",
        sa.Integer,
        sa.ForeignKey("subscribers.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Index(None, "tag"),
)

#: What `ses prove` has shown of an account.
proofs: Final = sa.Table(
    "proofs",
    metadata,
    sa.Column("account", sa.String(12), primary_key=True),
    sa.Column("region", sa.String(32), primary_key=True),
    sa.Column("mode", sa.String(16), primary_key=True),
    # The version of how mails are written for the mode.
    sa.Column("rules", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("program", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    one_of("mode", ("single", "bulk")),
)

#: Addresses never to be mailed; they outlive the subscriber's row.
suppressions: Final = sa.Table(
    "suppressions",
    metadata,
    sa.Column("address_hash", HASH, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

#: Who agreed or left, when and where; rows are only ever added.
consents: Final = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("address_hash", HASH, nullable=False, index=True),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    # What the page said, and its SHA-256: which words somebody agreed to.
    sa.Column("wording", sa.Text, nullable=False, server_default=""),
    sa.Column("wording_hash", sa.String(64), nullable=False, server_default=""),
    # Kept only where `web.record_visitors` says so.
    sa.Column("ip", sa.Text, nullable=False, server_default=""),
    sa.Column("agent", sa.Text, nullable=False, server_default=""),
    # When somebody agreed whom a list brought here, as the service they come from says.
    sa.Column("since", Moment),
)

#: Handles of people who left by a link these records know nobody for, such as an older backup's.
left_handles: Final = sa.Table(
    "left_handles",
    metadata,
    sa.Column("handle", sa.String(24), primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
)

imports: Final = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("file_hash", HASH, nullable=False),
    sa.Column("consent_source", sa.Text, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

#: Imports on their way in; gone when they are done.
staged_imports: Final = sa.Table(
    "staged_imports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("file_hash", HASH, nullable=False),
    sa.Column("consent_source", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    one_of("state", Stage),
    sqlite_autoincrement=True,
)

#: Their rows; one with a fault is a rejected row, and holds nothing else. Slices are applied one
#: after another, each with addresses whose hashes lie together: a step then changes a few pages of
#: the indexes by hash, not one for each of its rows.
staged_rows: Final = sa.Table(
    "staged_rows",
    metadata,
    sa.Column("import_id", sa.Integer, sa.ForeignKey("staged_imports.id"), primary_key=True),
    sa.Column("slice", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("fault", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("suppression", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("joined", Moment),
    # "" in rows that an earlier version has staged.
    sa.Column("address_hash", HASH, nullable=False, server_default=""),
    sa.Column("handle", sa.String(24), nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

runs: Final = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
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
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.Column("pause", sa.String(16), nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    # Claims that a restored backup does not know, but the file of its run does.
    sa.Column("forgotten_attempts", sa.Integer, nullable=False, server_default="0"),
    # The provider's, that its mails left from: each number once, "?" where one was not told.
    sa.Column("accounts", sa.Text, nullable=False, server_default=""),
    # How its mails leave, as JSON, where other machines may send some of them; else "".
    sa.Column("way", sa.Text, nullable=False, server_default=""),
    # The history of the server that it goes on in, see `histories`; "" in a file of its own.
    sa.Column("server", sa.Text, nullable=False, server_default=""),
    # How far it had come for certain, as told by a machine of what the records forgot; 0: by none.
    sa.Column("told_attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("told_position", sa.Integer, nullable=False, server_default="0"),
    sa.Column("resumed_at", Moment),  # when a person last let it go on, by the clock of its claims
    one_of("state", RunState),
    one_of("pause", ("", *Pause)),
    sa.UniqueConstraint("issue", "rehearsal"),
    # What deliveries point at, so that none can claim another issue or the other namespace.
    sa.UniqueConstraint("id", "issue", "rehearsal"),
    sqlite_autoincrement=True,
)

deliveries: Final = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("issue", sa.Integer, nullable=False),
    sa.Column("rehearsal", sa.Boolean, nullable=False),
    # No foreign key: the record stays when the person is erased.
    sa.Column("subscriber_id", sa.Integer, nullable=False),
    sa.Column("address_hash", HASH, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("message_id", sa.Text, nullable=False, server_default=""),
    sa.Column("claimed_at", Moment),
    sa.Column("settled_at", Moment),
    # How often a person had it sent again though it was unknown: once at most.
    sa.Column("risked", sa.Integer, nullable=False, server_default="0"),
    # The lease under which it was claimed last; "" in a file, which has one sender.
    sa.Column("worker", sa.String(32), nullable=False, server_default=""),
    one_of("state", State),
    sa.CheckConstraint("state <> 'accepted' or message_id <> ''", name="accepted_has_message_id"),
    sa.CheckConstraint(
        "state <> 'claimed' or (attempt > 0 and claimed_at is not null)",
        name="claimed_is_an_attempt",
    ),
    sa.CheckConstraint("risked in (0, 1)", name="risked_once"),
    sa.ForeignKeyConstraint(
        ["run_id", "issue", "rehearsal"], ["runs.id", "runs.issue", "runs.rehearsal"]
    ),
    # The two promises of "never twice": by person, and by address.
    sa.UniqueConstraint("issue", "subscriber_id", "rehearsal"),
    sa.UniqueConstraint("issue", "address_hash", "rehearsal"),
    sa.UniqueConstraint("run_id", "position"),
    sa.Index(None, "run_id", "state", "position"),  # the claim
    _part("ix_deliveries_attempted", "run_id", "state", "position", "attempt", of="attempt > 0"),
    _part("ix_deliveries_message_id", "message_id", of="message_id <> ''"),
    _part("ix_deliveries_reasons", "run_id", "state", "reason", of="reason <> ''"),
    sqlite_autoincrement=True,
)

#: What the provider reported; each report once, and never an address.
events: Final = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("sent_at", Moment, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    # NULL while no delivery is known for it; a rehearsal's never stands here.
    sa.Column("delivery_id", sa.Integer, index=True),
    # As our tag says; NULL where a message id alone names the delivery.
    sa.Column("attempt", sa.Integer),
    sa.Column("address_hash", HASH, index=True),
    # As our tag says, where no delivery was found; see `claims.Claims.doubt`.
    sa.Column("issue", sa.Integer),
    # Opens and clicks of older records are kept as "send": that the mail was taken.
    one_of("kind", (*EventKind, "open", "click")),
    sa.Index(None, "kind", "received_at"),  # what came back lately
    _part("ix_events_stray", "message_id", of="delivery_id is null"),
)

#: Where the counted links of an issue lead: frozen with the run, and there for good.
links: Final = sa.Table(
    "links",
    metadata,
    sa.Column("issue", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

#: How often each was followed, by the hour ("2026-11-22T08", UTC). No column can hold by whom.
clicks: Final = sa.Table(
    "clicks",
    metadata,
    sa.Column("issue", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hour", sa.String(13), primary_key=True),
    sa.Column("sort", sa.String(8), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
    one_of("sort", ("person", "machine")),
)

#: Dates of the schedule that are used up; a date is local, as in an issue's front matter.
occurrences: Final = sa.Table(
    "occurrences",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("rehearsal", sa.Boolean, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("issue", sa.Integer),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("noted_at", Moment, nullable=False),
    one_of("state", OccurrenceState),
    sa.CheckConstraint("state <> 'taken' or issue is not null", name="taken_by_an_issue"),
)

#: What the owner was told, or was tried to be told; a topic holds no address.
notices: Final = sa.Table(
    "notices",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

#: The first trigger, and the latest moment at which one came.
clock: Final = sa.Table(
    "clock",
    metadata,
    sa.Column("rehearsal", sa.Boolean, primary_key=True),
    sa.Column("since", Moment, nullable=False),
    sa.Column("seen", Moment, nullable=False),
)
