"""A press on the page of a confirmation mail: somebody joins, moves, or was never asked.

Each public function is a transaction, and does its work once however often it is called.
"""

from __future__ import annotations

import datetime as dt
import json
from enum import StrEnum
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.audience import Status, canonical_of
from newsletter.audience.letters import LetterKind
from newsletter.store.consents import Evidence, log_consent
from newsletter.store.database import Database
from newsletter.store.letters import queue, token_hash, was_welcomed
from newsletter.store.signing_keys import address_key, handle_of
from newsletter.store.signup_tables import confirmations, moves, signups
from newsletter.store.signups import BOUNCES, FORGIVEN
from newsletter.store.subscribers import let_in, unsubscribe
from newsletter.store.suppressions import suppress
from newsletter.store.tables import subscribers, suppressions, tags

#: A suppression by the one who got a confirmation mail that they had not asked for.
REFUSED: Final = "refused"
#: Where somebody asks for another address.
MOVING: Final = "preference page"


class LinkState(StrEnum):
    """How a link to confirm stands."""

    OPEN = "open"  # nobody has pressed yet
    CONFIRMED = "confirmed"  # and mails go to the address
    GONE = "gone"  # somebody pressed, and no mails go to the address any more
    REFUSED = "refused"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


def look(store: Database, token: str, *, valid: dt.timedelta, now: dt.datetime) -> LinkState:
    """How a link to confirm stands; nothing changes."""
    with store.reading() as connection:
        return _look(connection, token, valid, now).standing


def confirm(
    store: Database,
    token: str,
    evidence: Evidence,
    *,
    welcome: bool,
    valid: dt.timedelta,
    now: dt.datetime,
) -> LinkState:
    """Let somebody in who has pressed the button on the page of their own mail; once.

    Args:
        store: where.
        token: of the link.
        evidence: the page, and the words of its button.
        welcome: whether a welcome mail is to be queued, for whoever never had one.
        valid: how long links work.
        now: with a time zone.

    Returns:
        CONFIRMED also when that was so already; any other, and nothing changed.
    """
    with store.writing() as connection:
        found = _look(connection, token, valid, now)
        if (asked := found.asked) is None:
            return found.standing
        reason = _reason(connection, asked.address_hash)
        if reason and reason not in FORGIVEN | BOUNCES:
            return LinkState.UNKNOWN  # kept out since then, and not by themselves
        handle = _join(connection, asked, evidence, now)
        _spend(connection, asked.address_hash, "confirmed")
        if asked.moves:
            _move(connection, asked.moves, handle, now)
            _end_moves(connection, asked.moves)
        elif welcome and not was_welcomed(connection, asked.address_hash):
            queue(connection, LetterKind.WELCOME, asked.address_hash, now=now)
        return LinkState.CONFIRMED


def refuse(
    store: Database, token: str, evidence: Evidence, *, valid: dt.timedelta, now: dt.datetime
) -> LinkState:
    """Never mail the address again of somebody who says that it was not them.

    It counts after a yes, too: that may have been another one's, or a program's.

    Returns:
        REFUSED also when that was so already; EXPIRED or UNKNOWN, and nothing changed.
    """
    with store.writing() as connection:
        found = _look(connection, token, valid, now)
        if found.standing in {LinkState.REFUSED, LinkState.EXPIRED, LinkState.UNKNOWN}:
            return found.standing
        hashed = found.hashed
        if found.asked is not None:
            _log_asked(connection, found.asked)
        this = subscribers.c.address_hash == hashed, subscribers.c.status == Status.ACTIVE
        handle = connection.execute(sa.select(subscribers.c.handle).where(*this)).scalar()
        if handle is not None:
            unsubscribe(connection, handle, evidence, now=now)
        if not suppress(connection, hashed, reason=REFUSED, now=now):
            _refuse_for_good(connection, hashed)
        log_consent(connection, [hashed], "refused", evidence, now)
        _spend(connection, hashed, "refused")
        return LinkState.REFUSED


def _refuse_for_good(connection: sa.Connection, hashed: str) -> None:
    """What would end by itself, or by another form, is from now on a refusal."""
    weaker = suppressions.c.reason.in_(FORGIVEN | BOUNCES)
    this = sa.update(suppressions).where(suppressions.c.address_hash == hashed, weaker)
    connection.execute(this.values(reason=REFUSED))


class _Found(NamedTuple):
    """What is behind a link: whose address, and what was asked where nobody has pressed yet."""

    standing: LinkState
    hashed: str = ""
    asked: sa.Row[Any] | None = None


def _look(connection: sa.Connection, token: str, valid: dt.timedelta, now: dt.datetime) -> _Found:
    this = confirmations.c.token_hash == token_hash(token)
    link = connection.execute(sa.select(confirmations).where(this)).one_or_none()
    if link is None:
        return _Found(LinkState.UNKNOWN)
    if link.created_at < now - valid:
        return _Found(LinkState.EXPIRED)
    hashed = link.address_hash
    if link.spent:
        return _Found(_since(connection, hashed), hashed)
    query = sa.select(signups).where(signups.c.address_hash == hashed)
    asked = connection.execute(query).one_or_none()
    if asked is None:
        return _Found(LinkState.EXPIRED)
    return _Found(LinkState.OPEN, hashed, asked)


def _since(connection: sa.Connection, hashed: str) -> LinkState:
    """How an address stands whose link was used: much may have happened after the press."""
    reason = _reason(connection, hashed)
    if reason == REFUSED:
        return LinkState.REFUSED
    query = sa.select(subscribers.c.status).where(subscribers.c.address_hash == hashed)
    is_active = connection.execute(query).scalar() == Status.ACTIVE and not reason
    return LinkState.CONFIRMED if is_active else LinkState.GONE


def _reason(connection: sa.Connection, hashed: str) -> str:
    query = sa.select(suppressions.c.reason).where(suppressions.c.address_hash == hashed)
    return connection.execute(query).scalar() or ""


def _spend(connection: sa.Connection, hashed: str, word: str) -> None:
    """End all links of a sign-up, and the sign-up."""
    these = confirmations.c.address_hash == hashed
    spent = sa.update(confirmations).where(these, confirmations.c.spent == "").values(spent=word)
    connection.execute(spent)
    connection.execute(sa.delete(signups).where(signups.c.address_hash == hashed))


def _log_asked(connection: sa.Connection, asked: sa.Row[Any]) -> None:
    """Into the consent log comes only what somebody has answered for: bots answer for nothing."""
    evidence = Evidence(source=asked.source, wording=asked.wording, ip=asked.ip, agent=asked.agent)
    log_consent(connection, [asked.address_hash], "asked", evidence, asked.asked_at)


def _join(
    connection: sa.Connection, asked: sa.Row[Any], evidence: Evidence, now: dt.datetime
) -> str:
    """Make an active subscriber of somebody who has confirmed; their handle."""
    hashed, key = asked.address_hash, address_key(connection)
    this = subscribers.c.address_hash == hashed
    handle = handle_of(canonical_of(asked.email), key)
    person = connection.execute(sa.select(subscribers).where(this)).one_or_none()
    let_in(connection, hashed, person.handle if person else handle, now)
    old = _moving(connection, asked.moves)
    if person is None:
        values = {
            "handle": handle, "email": asked.email, "address_hash": hashed,
            "name": asked.name or (old.name if old else ""), "status": Status.ACTIVE,
            "fields": old.fields if old else "{}", "created_at": now, "updated_at": now,
        }  # fmt: skip
        connection.execute(sa.insert(subscribers).values(values))
    else:
        handle = person.handle
        name = asked.name or person.name
        changed = {"status": Status.ACTIVE, "name": name, "updated_at": now}
        connection.execute(sa.update(subscribers).where(this).values(**changed))
    number = connection.execute(sa.select(subscribers.c.id).where(this)).scalar_one()
    _tag(connection, number, frozenset(json.loads(asked.tags)), old)
    _log_asked(connection, asked)
    log_consent(connection, [hashed], "confirmed", evidence, now)
    return handle


def _moving(connection: sa.Connection, handle: str) -> sa.Row[Any] | None:
    """The subscriber who moves, None where nobody does."""
    query = sa.select(subscribers).where(subscribers.c.handle == handle)
    return connection.execute(query).one_or_none() if handle else None


def _tag(
    connection: sa.Connection, number: int, chosen: frozenset[str], old: sa.Row[Any] | None
) -> None:
    owners = [number, old.id] if old else [number]
    query = sa.select(tags.c.subscriber_id, tags.c.tag).where(tags.c.subscriber_id.in_(owners))
    held = {(row.subscriber_id, row.tag) for row in connection.execute(query)}
    wanted = chosen | {tag for _, tag in held}
    fresh = sorted(tag for tag in wanted if (number, tag) not in held)
    rows = [{"subscriber_id": number, "tag": tag} for tag in fresh]
    if rows:
        connection.execute(sa.insert(tags), rows)


def _move(connection: sa.Connection, old: str, new: str, now: dt.datetime) -> None:
    """The subscriber goes on at the new address; links in mails to the old one still count."""
    person = _moving(connection, old)
    if person is None or old == new:
        return
    connection.execute(sa.delete(moves).where(moves.c.old_handle == new))
    connection.execute(sa.delete(moves).where(moves.c.old_handle == old))
    connection.execute(sa.insert(moves).values(old_handle=old, new_handle=new, at=now))
    left = {"status": Status.UNSUBSCRIBED, "updated_at": now}
    connection.execute(sa.update(subscribers).where(subscribers.c.handle == old).values(**left))
    log_consent(connection, [person.address_hash], "moved", Evidence(source=MOVING), now)
    queue(connection, LetterKind.MOVED, person.address_hash, now=now)


def _end_moves(connection: sa.Connection, old: str) -> None:
    """Somebody has moved: a second press must not put them on the list at another address, too."""
    connection.execute(sa.delete(signups).where(signups.c.moves == old))
