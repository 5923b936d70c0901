"""Subscribers: counted, shown, let in again, taken off, forgotten. Each function is a transaction.

How they are added is in `upsert.py`, lists of them in `imports.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from newsletter.audience import (
    OUTSIDE,
    AudienceCounts,
    Expression,
    HasStatus,
    Status,
    Suppressed,
)
from newsletter.stats.growth import LIFTED
from newsletter.store.abandoning import abandon, alone
from newsletter.store.consents import Evidence, log_consent
from newsletter.store.database import Database
from newsletter.store.eligibility import clause
from newsletter.store.ratings import forget_who
from newsletter.store.signing_keys import address_hash, address_key, handle_of
from newsletter.store.signup_tables import confirmations, letters, moves, signups
from newsletter.store.suppressions import BLOCKED, suppress
from newsletter.store.tables import (
    consents,
    left_handles,
    subscribers,
    suppressions,
    tags,
)
from newsletter.store.traces import Traces

#: How many people are read at once.
_PART: Final = 1000
#: What may be deleted of an address.
_DELETED: Final = (subscribers, signups, confirmations, letters)


class Member(NamedTuple):
    """One person, with what keeps them out.

    Attributes:
        suppression: why the address is never mailed, "" where it may be.
    """

    handle: str
    email: str
    name: str
    status: Status
    suppression: str
    tags: frozenset[str]
    fields: Mapping[str, str]
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def mailable(self) -> bool:
        """Whether an issue would go to this person."""
        return self.status is Status.ACTIVE and not self.suppression


def find(store: Database, canonical: str) -> Member | None:
    """The person with this canonical address, or None."""
    with store.reading() as connection:
        hashed = _hashed(connection, canonical)
        return next(_members(connection, subscribers.c.address_hash == hashed), None)


def by_handle(store: Database, handle: str) -> Member | None:
    """The person whom a link names, or None."""
    with store.reading() as connection:
        return next(_members(connection, subscribers.c.handle == handle), None)


def has_left(store: Database, handle: str) -> bool:
    """Whether whoever a link names has left, at the address they moved to as well."""
    with store.reading() as connection:
        found: list[str] = []
        further: str | None = handle
        while further is not None:
            status = sa.select(subscribers.c.status).where(subscribers.c.handle == further)
            found += connection.execute(status).scalars().all()
            moved = sa.select(moves.c.new_handle).where(moves.c.old_handle == further)
            further = connection.execute(moved).scalar()
    return bool(found) and set(found) == {Status.UNSUBSCRIBED}


def each(
    store: Database, *, status: Status | None = None, tag: str = "", by_address: bool = False
) -> Iterator[Member]:
    """Everybody, as they were added or by their addresses, read as they are needed."""
    chosen = [subscribers.c.status == status] if status else []
    if tag:
        chosen.append(
            sa.exists().where(tags.c.subscriber_id == subscribers.c.id, tags.c.tag == tag)
        )
    with store.reading() as connection:
        if by_address:
            columns = (subscribers.c.id, subscribers.c.email)
            query = sa.select(*columns).where(*chosen).order_by(subscribers.c.email)
            people = connection.execute(query.execution_options(yield_per=_PART))
            for part in people.partitions(_PART):
                these = subscribers.c.id.in_([row.id for row in part])
                found = {one.email: one for one in _members(connection, these)}
                yield from (found[row.email] for row in part)
        else:
            yield from _members(connection, *chosen)


def field_names(store: Database) -> list[str]:
    """The names of all fields anybody has, in their order."""
    query = sa.select(subscribers.c.fields).distinct().execution_options(yield_per=_PART)
    names: set[str] = set()
    with store.reading() as connection:
        for fields in connection.execute(query).scalars():
            names.update(json.loads(fields))
    return sorted(names)


def remove(store: Database, canonical: str, *, now: dt.datetime) -> bool:
    """Take a person off the list, as if they had left; false where that was so already."""
    with store.writing() as connection:
        hashed = _hashed(connection, canonical)
        person = next(_members(connection, subscribers.c.address_hash == hashed), None)
        if person is None or person.status is Status.UNSUBSCRIBED:
            return False
        evidence = Evidence(source="newsletter subscribers remove")
        return unsubscribe(connection, person.handle, evidence, now=now)


def allow(
    store: Database, canonical: str, evidence: Evidence, *, now: dt.datetime
) -> tuple[str, bool]:
    """Let an address in again, whatever kept it out.

    Returns:
        the reason of the suppression it had ("" for none), and whether a person who had left
        is on the list again.
    """
    with store.writing() as connection:
        key = address_key(connection)
        hashed = address_hash(canonical, key)
        handle = handle_of(canonical, key)
        reason, back = let_in(connection, hashed, handle, now)
        if reason or back:
            log_consent(connection, [hashed], "allowed", evidence, now)
        return reason, back


def come_back(store: Database, handle: str, evidence: Evidence, *, now: dt.datetime) -> bool:
    """Let a person in who asks for it through a link from their mailbox.

    Returns:
        false where the author has blocked them, or nobody has this handle.
    """
    with store.writing() as connection:
        person = next(_members(connection, subscribers.c.handle == handle), None)
        if person is None or person.suppression == BLOCKED:
            return False
        hashed = _hash_of(connection, handle)
        reason, back = let_in(connection, hashed, handle, now)
        if reason or back:
            log_consent(connection, [hashed], "came back", evidence, now)
        return True


def prefer(
    store: Database,
    handle: str,
    *,
    name: str,
    wanted: frozenset[str],
    offered: frozenset[str],
    evidence: Evidence,
    now: dt.datetime,
) -> bool:
    """Note a person's own choices; false when nobody has this handle.

    Args:
        store: where.
        handle: from a link.
        name: how they want to be called.
        wanted: tags they chose.
        offered: tags they could choose from; others they keep.
        evidence: the page they chose on.
        now: with a time zone.
    """
    with store.writing() as connection:
        person = next(_members(connection, subscribers.c.handle == handle), None)
        if person is None:
            return False
        chosen = (person.tags - offered) | (wanted & offered)
        if (name, chosen) == (person.name, person.tags):
            return True
        this = subscribers.c.handle == handle
        number = connection.execute(sa.select(subscribers.c.id).where(this)).scalar_one()
        connection.execute(sa.update(subscribers).where(this).values(name=name, updated_at=now))
        connection.execute(sa.delete(tags).where(tags.c.subscriber_id == number))
        rows = [{"subscriber_id": number, "tag": tag} for tag in sorted(chosen)]
        if rows:
            connection.execute(sa.insert(tags), rows)
        log_consent(connection, [_hash_of(connection, handle)], "preferences", evidence, now)
        return True


def erase(
    store: Database,
    canonical: str,
    *,
    now: dt.datetime,
    source: str = "newsletter subscribers erase",
) -> tuple[bool, bool]:
    """Forget a person: nothing that names them stays, and nothing brings them back by itself.

    The keyed hash of the address stays, in deliveries so that counts add up, and as a
    suppression so that no import adds the person again.

    Returns:
        whether there was anybody, and whether nothing of the address is left in the files of
        the database (another program that is reading can keep its log).

    Raises:
        LockedError: an import is going on, and may be about to add the person.
    """
    with alone(store):
        abandon(store)
        with store.writing() as connection:
            known, traces = _erase(connection, canonical, source, now)
        return known, store.backend.scrub(store, traces)


def audience(store: Database, eligible: Expression) -> AudienceCounts:
    """How many `eligible` holds for, and why it does not for the others, each counted once."""
    kind = sa.case(
        (clause(eligible), "eligible"),
        # As the list of people shows it: a bounce says more than the status an import gave.
        (_suppressed_otherwise(), "suppressed"),
        (clause(HasStatus(Status.UNSUBSCRIBED)), "unsubscribed"),
        (clause(HasStatus(Status.PENDING)), "pending"),
        (clause(Suppressed()), "unsubscribed"),
        else_=OUTSIDE,
    ).label("kind")
    found: dict[str, int] = dict.fromkeys(
        ("eligible", "unsubscribed", "pending", "suppressed", OUTSIDE), 0
    )
    query = sa.select(kind, sa.func.count().label("number")).select_from(subscribers).group_by(kind)
    with store.reading() as connection:
        found |= {row.kind: row.number for row in connection.execute(query)}
    return AudienceCounts(eligible=found.pop("eligible"), left_out=found)


def _suppressed_otherwise() -> sa.ColumnElement[bool]:
    """Suppressed for another reason than having left."""
    return sa.exists().where(
        suppressions.c.address_hash == subscribers.c.address_hash,
        suppressions.c.reason != "unsubscribed",
    )


def unsubscribe(
    connection: sa.Connection, handle: str, evidence: Evidence, *, now: dt.datetime
) -> bool:
    """Note that a person leaves; idempotent.

    Returns:
        Whether these records know the handle; one they do not know is kept, and whoever turns out
        to have it later stays out.
    """
    moved = sa.select(moves.c.new_handle).where(moves.c.old_handle == handle)
    if (further := connection.execute(moved).scalar()) is not None:
        # The link is of a mail to the address they had; they mean the newsletter.
        unsubscribe(connection, further, evidence, now=now)
    row = connection.execute(
        sa.select(subscribers.c.address_hash, subscribers.c.status).where(
            subscribers.c.handle == handle
        )
    ).one_or_none()
    if row is None:
        kept = sa.select(left_handles.c.handle).where(left_handles.c.handle == handle)
        if connection.execute(kept).first() is None:
            values = {"handle": handle, "created_at": now}
            connection.execute(sa.insert(left_handles).values(values))
        return False
    if row.status != Status.UNSUBSCRIBED:
        connection.execute(
            sa.update(subscribers)
            .where(subscribers.c.handle == handle)
            .values(status=Status.UNSUBSCRIBED, updated_at=now)
        )
        log_consent(connection, [row.address_hash], "unsubscribed", evidence, now)
    return True


def _erase(
    connection: sa.Connection, canonical: str, source: str, now: dt.datetime
) -> tuple[bool, Traces]:
    """Delete a person; whether there was anybody, and what could be left of them in the file."""
    hashed = _hashed(connection, canonical)
    this = subscribers.c.address_hash == hashed
    row = connection.execute(sa.select(subscribers).where(this)).one_or_none()
    asked = connection.execute(sa.select(signups.c.id).where(signups.c.address_hash == hashed))
    known = row is not None or asked.first() is not None
    if row is not None:
        ends = sa.or_(moves.c.old_handle == row.handle, moves.c.new_handle == row.handle)
        connection.execute(sa.delete(moves).where(ends))
    for table in _DELETED:
        connection.execute(sa.delete(table).where(table.c.address_hash == hashed))
    forget_who(connection, [hashed])
    suppress(connection, hashed, reason="erased", now=now)
    connection.execute(
        sa.update(consents).where(consents.c.address_hash == hashed).values(ip="", agent="")
    )
    if known:
        log_consent(connection, [hashed], "erased", Evidence(source=source), now)
    if row is not None:
        return True, Traces.of(row, canonical)
    key = address_key(connection)
    return known, Traces(handle_of(canonical, key).encode(), canonical.encode())


def _hashed(connection: sa.Connection, canonical: str) -> str:
    key = address_key(connection)
    return address_hash(canonical, key)


def _hash_of(connection: sa.Connection, handle: str) -> str:
    query = sa.select(subscribers.c.address_hash).where(subscribers.c.handle == handle)
    return str(connection.execute(query).scalar_one())


def let_in(
    connection: sa.Connection, hashed: str, handle: str, now: dt.datetime
) -> tuple[str, bool]:
    """Take away all that keeps an address out; see `allow`."""
    held = suppressions.c.address_hash == hashed
    row = connection.execute(sa.select(suppressions).where(held)).one_or_none()
    reason = row.reason if row else ""
    if row:  # the log keeps since when, and why, or nobody could tell how long the list was then
        log_consent(connection, [hashed], LIFTED, Evidence(source=reason), row.created_at)
    connection.execute(sa.delete(suppressions).where(held))
    if connection.execute(sa.delete(left_handles).where(left_handles.c.handle == handle)).rowcount:
        reason = reason or "unsubscribed"
    back = connection.execute(
        sa.update(subscribers)
        .where(subscribers.c.address_hash == hashed, subscribers.c.status == Status.UNSUBSCRIBED)
        .values(status=Status.ACTIVE, updated_at=now)
    ).rowcount
    return reason, bool(back)


def _members(connection: sa.Connection, *chosen: sa.ColumnElement[bool]) -> Iterator[Member]:
    reason = sa.select(suppressions.c.reason).where(
        suppressions.c.address_hash == subscribers.c.address_hash
    )
    query = (
        sa.select(subscribers, reason.scalar_subquery().label("suppression"))
        .where(*chosen)
        .order_by(subscribers.c.id)
        .limit(_PART)
    )
    last = 0
    while rows := connection.execute(query.where(subscribers.c.id > last)).all():
        words = _tags(connection, [row.id for row in rows])
        for row in rows:
            yield Member(
                handle=row.handle,
                email=row.email,
                name=row.name,
                status=Status(row.status),
                suppression=row.suppression or "",
                tags=frozenset(words.get(row.id, ())),
                fields=json.loads(row.fields),
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
        last = rows[-1].id


def _tags(connection: sa.Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in connection.execute(sa.select(tags).where(tags.c.subscriber_id.in_(ids))):
        found.setdefault(row.subscriber_id, []).append(row.tag)
    return found
