"""Single people: shown, let in again, taken off, forgotten.

Each method is one transaction, but for `forget_visitors`, which is a row of short ones.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.store import importing, people
from newsletter.store.database import Database
from newsletter.store.people import Evidence, log_consent
from newsletter.store.scrub import Traces, scrub
from newsletter.store.steps import Steps
from newsletter.store.tables import (
    consents,
    deliveries,
    events,
    left_handles,
    subscribers,
    suppressions,
    tags,
)

#: A suppression that the person alone cannot undo: the author made it.
BLOCKED: Final = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
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


class Members:
    """People by address or handle."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, canonical: str) -> Member | None:
        """The person with this canonical address, or None."""
        with self._database.reading() as connection:
            hashed = _hashed(connection, canonical)
            return next(_members(connection, subscribers.c.address_hash == hashed), None)

    def by_handle(self, handle: str) -> Member | None:
        """The person whom a link names, or None."""
        with self._database.reading() as connection:
            return next(_members(connection, subscribers.c.handle == handle), None)

    def suppression(self, canonical: str) -> str:
        """Why an address is never mailed, known or not; "" where it may be."""
        with self._database.reading() as connection:
            hashed = _hashed(connection, canonical)
            query = sa.select(suppressions.c.reason).where(suppressions.c.address_hash == hashed)
            return connection.execute(query).scalar() or ""

    def each(self, *, status: Status | None = None, tag: str = "") -> Iterator[Member]:
        """Everybody, oldest first, read as they are needed."""
        chosen = [subscribers.c.status == status] if status else []
        if tag:
            chosen.append(
                sa.exists().where(tags.c.subscriber_id == subscribers.c.id, tags.c.tag == tag)
            )
        with self._database.reading() as connection:
            yield from _members(connection, *chosen)

    def field_names(self) -> list[str]:
        """The names of all fields anybody has, in their order."""
        each = sa.func.json_each(subscribers.c.fields).table_valued("key")
        names = sa.select(each.c.key).select_from(subscribers).join(each, sa.true()).distinct()
        with self._database.reading() as connection:
            return sorted(connection.execute(names).scalars())

    def strays(self) -> int:
        """How many suppressed addresses belong to nobody on record."""
        known = sa.exists().where(subscribers.c.address_hash == suppressions.c.address_hash)
        with self._database.reading() as connection:
            query = sa.select(sa.func.count()).select_from(suppressions).where(~known)
            return connection.execute(query).scalar_one()

    def dossier(self, canonical: str) -> dict[str, list[dict[str, Any]]]:
        """Every row about an address, by table; what a person may ask to see."""
        with self._database.reading() as connection:
            hashed = _hashed(connection, canonical)
            found = {
                table.name: _rows(connection, table, table.c.address_hash == hashed)
                for table in (subscribers, suppressions, consents, deliveries, events)
            }
            ids = [row["id"] for row in found["subscribers"]]
            return found | {"tags": _rows(connection, tags, tags.c.subscriber_id.in_(ids))}

    def remove(self, canonical: str, *, now: dt.datetime) -> bool:
        """Take a person off the list, as if they had left; false where that was so already."""
        with self._database.writing() as connection:
            hashed = _hashed(connection, canonical)
            person = next(_members(connection, subscribers.c.address_hash == hashed), None)
            if person is None or person.status is Status.UNSUBSCRIBED:
                return False
            evidence = Evidence(source="newsletter subscribers remove")
            return people.unsubscribe(connection, person.handle, evidence, now=now)

    def allow(self, canonical: str, evidence: Evidence, *, now: dt.datetime) -> tuple[str, bool]:
        """Let an address in again, whatever kept it out.

        Returns:
            the reason of the suppression it had ("" for none), and whether a person who had left
            is on the list again.
        """
        with self._database.writing() as connection:
            key = people.keys(connection, "addresses").popitem()[1]
            hashed = people.address_hash(canonical, key)
            handle = people.handle_of(canonical, key)
            reason, back = _let_in(connection, hashed, handle, now)
            if reason or back:
                log_consent(connection, [hashed], "allowed", evidence, now)
            return reason, back

    def come_back(self, handle: str, evidence: Evidence, *, now: dt.datetime) -> bool:
        """Let a person in who asks for it through a link from their mailbox.

        Returns:
            false where the author has blocked them, or nobody has this handle.
        """
        with self._database.writing() as connection:
            person = next(_members(connection, subscribers.c.handle == handle), None)
            if person is None or person.suppression == BLOCKED:
                return False
            hashed = _hash_of(connection, handle)
            reason, back = _let_in(connection, hashed, handle, now)
            if reason or back:
                log_consent(connection, [hashed], "came back", evidence, now)
            return True

    def prefer(
        self,
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
            handle: from a link.
            name: how they want to be called.
            wanted: tags they chose.
            offered: tags they could choose from; others they keep.
            evidence: the page they chose on.
            now: with a time zone.
        """
        with self._database.writing() as connection:
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

    def erase(self, canonical: str, *, now: dt.datetime) -> tuple[bool, bool]:
        """Forget a person: nothing that names them stays, and nothing brings them back by itself.

        The keyed hash of the address stays, in deliveries so that counts add up, and as a
        suppression so that no import adds the person again.

        Returns:
            whether there was anybody, and whether nothing of the address is left in the files of
            the database (another program that is reading can keep its log).

        Raises:
            LockedError: an import is going on, and may be about to add the person.
        """
        with importing.alone(self._database):
            importing.abandon(self._database)
            with self._database.writing() as connection:
                traces = _erase(connection, canonical, now)
            return bool(traces.rest), scrub(self._database, traces)

    def forget_visitors(self, *, before: dt.datetime) -> int:
        """Forget network addresses and browsers in the consent log from before a moment."""
        kept = sa.or_(consents.c.ip != "", consents.c.agent != "")
        old = sa.select(consents.c.id).where(consents.c.at < before, kept).order_by(consents.c.id)
        steps, number, last = Steps(self._database), 0, 0
        while True:
            with self._database.reading() as connection:
                part = old.where(consents.c.id > last).limit(steps.rows)
                ids = connection.execute(part).scalars().all()
            if not ids:
                return number
            with steps.writing() as connection:
                connection.execute(
                    sa.update(consents).where(consents.c.id.in_(ids)).values(ip="", agent="")
                )
            number, last = number + len(ids), ids[-1]


def _erase(connection: sa.Connection, canonical: str, now: dt.datetime) -> Traces:
    """Delete a person; what could be left of them in the file."""
    hashed = _hashed(connection, canonical)
    this = subscribers.c.address_hash == hashed
    row = connection.execute(sa.select(subscribers).where(this)).one_or_none()
    connection.execute(sa.delete(subscribers).where(this))
    people.suppress(connection, hashed, reason="erased", now=now)
    connection.execute(
        sa.update(consents).where(consents.c.address_hash == hashed).values(ip="", agent="")
    )
    if row is not None:
        evidence = Evidence(source="newsletter subscribers erase")
        log_consent(connection, [hashed], "erased", evidence, now)
        return Traces.of(row, canonical)
    key = people.keys(connection, "addresses").popitem()[1]
    return Traces(people.handle_of(canonical, key).encode(), canonical.encode())


def _hashed(connection: sa.Connection, canonical: str) -> str:
    key = people.keys(connection, "addresses").popitem()[1]
    return people.address_hash(canonical, key)


def _hash_of(connection: sa.Connection, handle: str) -> str:
    query = sa.select(subscribers.c.address_hash).where(subscribers.c.handle == handle)
    return str(connection.execute(query).scalar_one())


def _let_in(
    connection: sa.Connection, hashed: str, handle: str, now: dt.datetime
) -> tuple[str, bool]:
    held = suppressions.c.address_hash == hashed
    reason = connection.execute(sa.select(suppressions.c.reason).where(held)).scalar() or ""
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
    words = sa.select(sa.func.json_group_array(tags.c.tag)).where(
        tags.c.subscriber_id == subscribers.c.id
    )
    query = (
        sa.select(
            subscribers,
            reason.scalar_subquery().label("suppression"),
            words.scalar_subquery().label("words"),
        )
        .where(*chosen)
        .order_by(subscribers.c.id)
        .execution_options(yield_per=1000)
    )
    for row in connection.execute(query):
        yield Member(
            handle=row.handle,
            email=row.email,
            name=row.name,
            status=Status(row.status),
            suppression=row.suppression or "",
            tags=frozenset(json.loads(row.words)),
            fields=json.loads(row.fields),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _rows(
    connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]
) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.select(table).where(which)).mappings()]
