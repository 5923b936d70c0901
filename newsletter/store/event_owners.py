"""Which delivery an event is about, and whether it is about one of ours at all.

Everybody may publish to a topic, several newsletters may share one, and the records may have been
begun anew or restored. So an event is believed only where everything it says of its mail agrees
with a delivery that was handed over.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.audience import read_address
from newsletter.errors import InputError
from newsletter.feedback import Event, Tag
from newsletter.store.tables import deliveries, identity, runs

#: How far our clock and the provider's may be apart. AWS refuses requests signed with a clock that
#: is further off, so that no mail of ours can have left then.
SKEW: Final = dt.timedelta(minutes=15)

_IDENTITY: Final = sa.select(identity.c.id, identity.c.old_tags_until)
_BY_NAME: Final = sa.select(
    deliveries.c.id, deliveries.c.message_id, deliveries.c.address_hash
).where(
    deliveries.c.message_id.in_(sa.bindparam("names", expanding=True)),
    deliveries.c.message_id != "",
    deliveries.c.rehearsal.is_(False),
)
_RUNS: Final = sa.select(
    runs.c.id, runs.c.issue, runs.c.started_at, runs.c.recipients, runs.c.accounts
).where(runs.c.issue.in_(sa.bindparam("issues", expanding=True)), runs.c.rehearsal.is_(False))
_ENVELOPE: Final = sa.select(runs.c.envelope).where(runs.c.id == sa.bindparam("run"))
# By run and position, which are unique together: an issue has up to a million deliveries.
_BY_PLACE: Final = sa.select(
    deliveries.c.id, deliveries.c.position, deliveries.c.attempt, deliveries.c.address_hash
).where(
    deliveries.c.run_id == sa.bindparam("run"),
    deliveries.c.rehearsal.is_(False),
    deliveries.c.position.in_(sa.bindparam("positions", expanding=True)),
)


class EventOwner(NamedTuple):
    """The delivery an event is about: its row, and the keyed hash of the address it went to."""

    id: int
    address_hash: str


class Candidate(NamedTuple):
    """One delivery, and what an event about it must agree with.

    Attributes:
        began: when its run began.
        sender: whom its mail is from, canonical; "" where its run does not tell.
        attempt: its newest, 0 when it was never claimed.
        accounts: the provider's accounts its run's mails left from; empty where they are not known.
    """

    owner: EventOwner
    began: dt.datetime
    sender: str
    attempt: int
    accounts: frozenset[str]


class Found(NamedTuple):
    """What was found for some events.

    Attributes:
        owners: deliveries, by the event's key.
        contradicted: keys of events that bear our id and say of their mail what is not so, by
            everything that the records know of the run: nothing follows from them for anybody.
    """

    owners: dict[str, EventOwner]
    contradicted: frozenset[str]


@dataclass(slots=True)
class Owners:
    """Finds deliveries for events.

    Attributes:
        store: the id of these records.
        old_tags_until: until when mails had tags without an id; None when none ever had.
    """

    connection: sa.Connection
    store: str
    old_tags_until: dt.datetime | None
    senders: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: sa.Connection, senders: dict[int, str]) -> Owners:
        """Those of this store.

        Args:
            connection: inside a transaction.
            senders: whom each run's mails are from, by the run's row; filled as they are read.
        """
        row = connection.execute(_IDENTITY).one()
        return cls(connection, row.id, row.old_tags_until, senders)

    def find(self, found: Sequence[Event], hashes: Mapping[str, str], now: dt.datetime) -> Found:
        """The deliveries that events are about.

        By our tag, where all the rest agrees with it. An event without our id in its tag finds its
        delivery by the message id, which the provider told us itself; else by a tag of the older
        form, as long as mails with such tags may be on their way.

        Args:
            found: events, none of them about other records.
            hashes: the keyed hash of each recipient.
            now: when they came.
        """
        names = sorted({event.message_id for event in found})
        rows = self.connection.execute(_BY_NAME, {"names": names})
        by_name = {row.message_id: EventOwner(row.id, row.address_hash) for row in rows}
        places, begun = self._places([event.tag for event in found if event.tag])
        owners: dict[str, EventOwner] = {}
        contradicted = set()
        for event in found:
            is_ours = event.tag is not None and event.tag.store == self.store
            owner = None if is_ours else by_name.get(event.message_id)
            owner = owner or self._by_tag(event, places, hashes, now)
            if owner is not None:
                owners[event.key] = owner
            elif is_ours and event.tag and event.tag.position and event.tag.issue in begun:
                place = places.get((event.tag.issue, event.tag.position))
                # Only an attempt that is not on record yet may be what a restored backup forgot.
                if place is None or not self._agrees(event, place, hashes, now):
                    contradicted.add(event.key)
        return Found(owners, frozenset(contradicted))

    def _by_tag(
        self,
        event: Event,
        places: Mapping[tuple[int, int], Candidate],
        hashes: Mapping[str, str],
        now: dt.datetime,
    ) -> EventOwner | None:
        tag = event.tag
        place = places.get((tag.issue, tag.position)) if tag else None
        if tag is None or place is None:
            return None
        latest = now
        if not tag.store:
            # A run that began after the upgrade has sent no mail with such a tag.
            if self.old_tags_until is None or place.began > self.old_tags_until:
                return None
            latest = min(now, self.old_tags_until)
        agrees = tag.attempt <= place.attempt and self._agrees(event, place, hashes, latest)
        return place.owner if agrees else None

    def _agrees(
        self, event: Event, place: Candidate, hashes: Mapping[str, str], latest: dt.datetime
    ) -> bool:
        """Whether all that an event says of its mail is so, but for the number of its attempt."""
        return (
            event.tag is not None
            and event.tag.attempt >= 1
            and place.began - SKEW <= event.sent_at <= latest + SKEW
            and (not place.sender or place.sender in event.senders)
            and (not event.account or not place.accounts or event.account in place.accounts)
            and hashes.get(event.recipient) == place.owner.address_hash
        )

    def _places(self, tags: Sequence[Tag]) -> tuple[dict[tuple[int, int], Candidate], set[int]]:
        """What tags name, by issue and position; and which of the issues have their recipients."""
        found: dict[tuple[int, int], Candidate] = {}
        begun = set()
        issues = sorted({tag.issue for tag in tags if tag.position})
        for run in self.connection.execute(_RUNS, {"issues": issues}).all():
            if run.recipients:
                begun.add(run.issue)
            positions = sorted({tag.position for tag in tags if tag.issue == run.issue})
            given = {"run": run.id, "positions": positions}
            for row in self.connection.execute(_BY_PLACE, given):
                found[run.issue, row.position] = Candidate(
                    owner=EventOwner(row.id, row.address_hash),
                    began=run.started_at,
                    sender=self._sender(run.id),
                    attempt=row.attempt,
                    accounts=_accounts(run.accounts),
                )
        return found, begun

    def _sender(self, run: int) -> str:
        """Whom the mails of a run with recipients are from; frozen with them."""
        if run not in self.senders:
            envelope = self.connection.execute(_ENVELOPE, {"run": run}).scalar_one()
            self.senders[run] = _sender_of(envelope)
        return self.senders[run]


def store_id(connection: sa.Connection) -> str:
    """The id of these records."""
    return str(connection.execute(_IDENTITY).one().id)


def canonical(address: str) -> str:
    """An address of the settings as events are compared with it, "" for none."""
    try:
        return read_address(address).canonical
    except InputError:
        return ""


def _accounts(told: str) -> frozenset[str]:
    """Accounts as a run has them on record; none where one of them was not told."""
    accounts = frozenset(told.split())
    return frozenset() if "?" in accounts else accounts


def _sender_of(envelope: bytes) -> str:
    try:
        whole: Any = json.loads(envelope)
    except ValueError:
        return ""
    return canonical(str(whole.get("sender", ""))) if isinstance(whole, dict) else ""
