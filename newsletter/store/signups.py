"""Who asks for the newsletter, and has not confirmed: no subscriber yet.

Each function is a transaction. What a visitor sees never tells what is on record, so `ask` runs the
same statements whoever it is about.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from newsletter.audience import Address, Status
from newsletter.audience.letters import LetterKind
from newsletter.feedback import Suppression
from newsletter.store import limits
from newsletter.store.consents import Evidence
from newsletter.store.database import Database
from newsletter.store.letters import insert_if, queue
from newsletter.store.signing_keys import address_hash, address_key, handle_of
from newsletter.store.signup_tables import confirmations, signups, unanswered
from newsletter.store.signup_tables import limits as limit_rows
from newsletter.store.subscribers import Member
from newsletter.store.tables import left_handles, subscribers, suppressions

#: Reasons of suppressions for which an address may be asked to confirm: nobody has complained.
FORGIVEN: Final = frozenset({"", "erased", "unsubscribed"})
#: The same, after a while.
BOUNCES: Final = frozenset({Suppression.BOUNCED.value, Suppression.SOFT.value})
#: After so long an address that has bounced may be asked again.
_BOUNCED_FOR: Final = dt.timedelta(days=30)
#: How long somebody who has not confirmed is remembered.
_KEPT: Final = dt.timedelta(days=30)


class Answer(StrEnum):
    """What came of a form."""

    TAKEN = "taken"
    USED = "used"  # the form was sent before
    TOO_MANY = "too many"  # from this network


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks for by a form.

    Attributes:
        address: whose mail it shall be.
        name: what they want to be called, may be empty.
        tags: topics they chose.
        moves: the handle of the subscriber who asks for another address, "" for a sign-up.
        evidence: the form, and the words they saw.
        visitor: the network address it came from, "" where that says nothing; it is kept nowhere.
        nonce: of the form's pass, so that it counts once; b"" for a page that needs none.
    """

    address: Address
    name: str = ""
    tags: frozenset[str] = frozenset()
    moves: str = ""
    evidence: Evidence
    visitor: str = ""
    nonce: bytes = b""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the records say of an address."""

    status: str
    suppression: str
    since: dt.datetime | None
    waiting: bool
    signs_up: bool  # what waits is a sign-up, and no move


def ask(store: Database, request: Request, *, now: dt.datetime) -> Answer:
    """Note that somebody asks, and queue the mail that they get, if any.

    The same statements run for every address; what differs is whether they change a row.
    """
    with store.writing() as connection:
        key = address_key(connection)
        hashed = address_hash(request.address.canonical, key)
        form, box = limits.once(request.nonce), limits.mailbox(request.address.canonical, key)
        origin = limits.network(connection, request.visitor, now)
        if request.nonce and limits.used(connection, form, now):
            return Answer.USED
        visits = limits.visits_of(connection, origin, now)
        many = visits.short >= limits.NETWORK_HOUR or visits.long >= limits.NETWORK_DAY
        if origin and many:
            return Answer.TOO_MANY
        known = _known(connection, hashed, handle_of(request.address.canonical, key))
        mails = limits.mails_to(connection, box, now)
        kind = _letter_for(known, request, now)
        free = mails.short < limits.ADDRESS_DAY and mails.long < limits.ADDRESS_MONTH
        if known.suppression in BOUNCES:
            free = not mails.long
        mailed = kind is not None and free
        asks = kind in {LetterKind.CONFIRM, LetterKind.MOVE} and (free or known.waiting)
        # Another one's move must not ride on what somebody has asked for themselves.
        asks = asks and not (request.moves and known.signs_up)
        _note(connection, request, hashed, now, wanted=asks)
        queue(connection, kind or LetterKind.CONFIRM, hashed, now=now, wanted=mailed)
        for name, word, wanted in (
            (form, "pass", bool(request.nonce)), ("".join(origin[:1]), "network", bool(origin)),
            (box, "address", mailed),
        ):  # fmt: skip
            _count(connection, name, word, now, wanted=wanted)
        return Answer.TAKEN


def find(store: Database, canonical: str) -> dt.datetime | None:
    """When somebody asked who has not confirmed, None where nobody has with this address."""
    with store.reading() as connection:
        hashed = address_hash(canonical, address_key(connection))
        query = sa.select(signups.c.asked_at).where(signups.c.address_hash == hashed)
        found: dt.datetime | None = connection.execute(query).scalar()
    return found


def waiting(store: Database) -> Iterator[Member]:
    """Everybody who has asked and not confirmed, oldest first; none is a subscriber."""
    with store.reading() as connection:
        for row in connection.execute(sa.select(signups).order_by(signups.c.id)):
            yield Member(
                handle="", email=row.email, name=row.name, status=Status.PENDING, suppression="",
                tags=frozenset(json.loads(row.tags)), fields={}, created_at=row.asked_at,
                updated_at=row.asked_at,
            )  # fmt: skip


def forget(store: Database, *, valid: dt.timedelta, now: dt.datetime) -> None:
    """Delete who has not confirmed in thirty days, and links that have stopped working."""
    with store.writing() as connection:
        over = signups.c.asked_at < now - _KEPT
        _note_unanswered(connection, over)
        connection.execute(sa.delete(signups).where(over))
        old = confirmations.c.created_at < now - valid
        connection.execute(sa.delete(confirmations).where(old))


def _note_unanswered(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Count what is about to be deleted; a change of address is no sign-up."""
    day = sa.func.substr(sa.type_coerce(signups.c.asked_at, sa.String), 1, 10)
    query = sa.select(day, sa.func.count()).where(which, signups.c.moves == "").group_by(day)
    for when, number in connection.execute(query).all():
        this = sa.update(unanswered).where(unanswered.c.day == when)
        if not connection.execute(this.values(number=unanswered.c.number + number)).rowcount:
            connection.execute(sa.insert(unanswered).values(day=when, number=number))


def _known(connection: sa.Connection, hashed: str, handle: str) -> _Known:
    """What is on record, asked in one statement."""
    person = sa.select(subscribers.c.status).where(subscribers.c.address_hash == hashed)
    held = suppressions.c.address_hash == hashed
    columns = (
        person.scalar_subquery().label("status"),
        sa.select(suppressions.c.reason).where(held).scalar_subquery().label("reason"),
        sa.select(suppressions.c.created_at).where(held).scalar_subquery().label("since"),
        sa.exists().where(signups.c.address_hash == hashed).label("waiting"),
        sa.exists()
        .where(signups.c.address_hash == hashed, signups.c.moves == "")
        .label("signs_up"),
        sa.exists().where(left_handles.c.handle == handle).label("gone"),
    )
    row = connection.execute(sa.select(*columns)).one()
    gone = "unsubscribed" if row.gone else ""
    return _Known(
        row.status or "", row.reason or gone, row.since, bool(row.waiting), bool(row.signs_up)
    )


def _letter_for(known: _Known, request: Request, now: dt.datetime) -> LetterKind | None:
    """The letter an address gets, before any limit is asked."""
    moves = request.moves and not known.signs_up
    fresh = LetterKind.MOVE if moves else LetterKind.CONFIRM
    if known.suppression in BOUNCES:
        long_ago = known.since is not None and known.since <= now - _BOUNCED_FOR
        return fresh if long_ago else None
    if known.suppression not in FORGIVEN:
        return None
    active = known.status == Status.ACTIVE and not known.suppression
    return LetterKind.ALREADY if active else fresh


def _note(
    connection: sa.Connection, request: Request, hashed: str, now: dt.datetime, *, wanted: bool
) -> None:
    """Keep what was asked, in the place of what the same address asked before."""
    values = {
        "email": request.address.mailbox,
        "address_hash": hashed,
        "name": request.name,
        "tags": json.dumps(sorted(request.tags)),
        "moves": request.moves,
        "source": request.evidence.source,
        "wording": request.evidence.wording,
        "ip": request.evidence.ip,
        "agent": request.evidence.agent,
        "asked_at": now,
    }
    this = signups.c.address_hash == hashed
    connection.execute(sa.delete(signups).where(this, sa.literal(int(wanted)) == 1))
    insert_if(connection, signups, values, wanted=wanted)


def _count(
    connection: sa.Connection, key: str, kind: str, now: dt.datetime, *, wanted: bool
) -> None:
    insert_if(connection, limit_rows, {"key": key, "kind": kind, "at": now}, wanted=wanted)
