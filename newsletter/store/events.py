"""Events, statement by statement: each recorded once, with all that follows from it.

Whatever order they come in, and however often, the records end the same: what follows is worked
out from all events that are on record. `feedback.Feedback` says where transactions end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import State, next_state
from newsletter.feedback import (
    DROPPED,
    SOFT_ISSUES,
    Event,
    EventKind,
    Proof,
    Suppression,
    is_foreign,
    leaves,
    outcome,
    proven,
    suppression,
)
from newsletter.store.consents import Evidence
from newsletter.store.event_owners import EventOwner, Owners
from newsletter.store.runs import ATTEMPTED
from newsletter.store.subscribers import unsubscribe
from newsletter.store.tables import (
    consents,
    deliveries,
    events,
    runs,
    subscribers,
    suppressions,
)

#: Turns a canonical address into its name in the records.
Hash = Callable[[str], str]

_EVIDENCE: Final = Evidence(source="a page of Amazon SES")
_STRENGTH: Final = {reason.value: rank for rank, reason in enumerate(Suppression)}


# Built once: building a statement costs more than running it.
_KNOWN: Final = sa.select(events.c.key).where(
    events.c.key.in_(sa.bindparam("keys", expanding=True))
)
_SUPPRESSED: Final = sa.select(sa.func.count()).select_from(suppressions)
_THIS: Final = suppressions.c.address_hash == sa.bindparam("hashed")
_SAID: Final[dict[str, Any]] = {"reason": sa.bindparam("why"), "created_at": sa.bindparam("when")}
_HELD: Final = sa.select(suppressions.c.reason, suppressions.c.created_at).where(_THIS)
_HOLD: Final = sa.insert(suppressions).values(address_hash=sa.bindparam("hashed"), **_SAID)
_HOLD_FOR: Final = sa.update(suppressions).where(_THIS).values(**_SAID)
_LET_GO: Final = sa.delete(suppressions).where(_THIS, suppressions.c.reason == Suppression.SOFT)
_OF_THESE: Final = (
    sa.select(
        deliveries.c.id, deliveries.c.state, deliveries.c.attempt.label("newest"),
        events.c.kind, events.c.attempt, events.c.message_id, events.c.sent_at,
    )
    .join(events, events.c.delivery_id == deliveries.c.id)
    .where(
        deliveries.c.rehearsal.is_(False),
        deliveries.c.id.in_(sa.bindparam("these", expanding=True)),
    )
)  # fmt: skip
#: By run and state, as the index has them: there are far more events than deliveries in doubt. What
#: was never claimed has no event that was not weighed when it came.
_DOUBTFUL: Final = sa.select(deliveries.c.id).where(
    deliveries.c.run_id == sa.bindparam("run"),
    deliveries.c.state.in_((State.UNKNOWN, State.ASSUMED, State.QUEUED, State.DEFERRED)),
    ATTEMPTED,
    sa.exists().where(events.c.delivery_id == deliveries.c.id),
)
#: Accepted, and the event that SES dropped it was quicker than the answer that it was taken.
_DROPPED_SINCE: Final = sa.select(events.c.delivery_id).where(
    events.c.kind.in_(DROPPED),
    sa.exists().where(
        deliveries.c.id == events.c.delivery_id,
        deliveries.c.state == State.ACCEPTED,
        deliveries.c.attempt == sa.func.coalesce(events.c.attempt, deliveries.c.attempt),
    ),
)
_SETTLE: Final = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("this"))
    .values(
        state=sa.bindparam("to"),
        message_id=sa.bindparam("message"),
        reason=sa.bindparam("why"),
        settled_at=sa.bindparam("when"),
    )
)
# A subquery for each stray, not a join: that would read all deliveries where strays are few.
_OWNER: Final = (
    sa.select(deliveries.c.id)
    .where(
        deliveries.c.message_id == events.c.message_id,
        deliveries.c.message_id != "",
        deliveries.c.rehearsal.is_(False),
    )
    .limit(1)
    .scalar_subquery()
)
_STRAYS: Final = sa.select(
    events.c.id, events.c.kind, events.c.detail, events.c.at, events.c.received_at,
    _OWNER.label("delivery"),
).where(events.c.delivery_id.is_(None), _OWNER.is_not(None))  # fmt: skip
_READERS: Final = sa.select(deliveries.c.id, deliveries.c.address_hash).where(
    deliveries.c.id.in_(sa.bindparam("these", expanding=True))
)
_ADOPT: Final = (
    sa.update(events)
    .where(events.c.id == sa.bindparam("this"), events.c.delivery_id.is_(None))
    .values(delivery_id=sa.bindparam("delivery"))
)
_PASSING: Final = (
    sa.select(events.c.address_hash)
    .where(
        events.c.address_hash.in_(sa.bindparam("hashes", expanding=True)),
        events.c.kind == EventKind.BOUNCE,
        events.c.detail.startswith("transient"),
    )
    .group_by(events.c.address_hash)
    .having(sa.func.count() >= SOFT_ISSUES)
)


def _last_issues() -> sa.Select[Any]:
    """The last deliveries to an address: when each bounced in passing, and whether it arrived.

    What was known when a person last let the address in again counts no more.
    """
    mine = events.c.delivery_id == deliveries.c.id
    allowed = sa.select(sa.func.max(consents.c.at)).where(
        consents.c.address_hash == sa.bindparam("hashed"),
        consents.c.event.in_(("allowed", "came back")),
    )
    since = sa.func.coalesce(allowed.scalar_subquery(), sa.literal("", sa.String))
    bounced = sa.select(sa.func.max(events.c.at)).where(
        mine, events.c.kind == EventKind.BOUNCE, events.c.detail.startswith("transient"),
        events.c.received_at > since,
    )  # fmt: skip
    arrived = sa.exists().where(mine, events.c.kind == EventKind.DELIVERY)
    return (
        sa.select(
            sa.type_coerce(bounced.scalar_subquery(), events.c.at.type).label("bounced"),
            arrived.label("arrived"),
        )
        .where(
            deliveries.c.address_hash == sa.bindparam("hashed"),
            deliveries.c.rehearsal.is_(False),
            deliveries.c.state == State.ACCEPTED,
        )
        .order_by(deliveries.c.id.desc())
        .limit(SOFT_ISSUES)
    )


_LAST_ISSUES: Final = _last_issues()


class Recorded(NamedTuple):
    """What became of some events.

    Attributes:
        new: recorded now.
        known: recorded before.
        settled: deliveries that they proved accepted, or dropped.
        suppressed: addresses newly kept out.
        unmatched: recorded now, and with this store's id, but about no mail it has handed over.
    """

    new: int = 0
    known: int = 0
    settled: int = 0
    suppressed: int = 0
    unmatched: int = 0


def record(
    connection: sa.Connection,
    found: Iterable[Event],
    hashed: Hash,
    now: dt.datetime,
    *,
    sender: str,
    senders: dict[int, str],
) -> Recorded:
    """Record events and all that follows; those that are known already change nothing.

    Args:
        connection: inside a transaction.
        found: events; those about other records are left out.
        hashed: names addresses in these records.
        now: with a time zone.
        sender: the address our mails are from now, canonical; "" where nobody says.
        senders: see `Owners.of`.
    """
    finder = Owners.of(connection, senders)
    given = [event for event in found if not is_foreign(event, finder.store)]
    keys = {event.key for event in given}
    known = set(connection.execute(_KNOWN, {"keys": sorted(keys)}).scalars())
    new = {event.key: event for event in given if event.key not in known}
    if not new:
        return Recorded(known=len(given))
    before = connection.execute(_SUPPRESSED).scalar_one()
    hashes = {r: hashed(r) for event in new.values() if (r := event.recipient)}
    found_owners = finder.find(list(new.values()), hashes, now)
    owners, contradicted = found_owners.owners, found_owners.contradicted
    rows = [
        _row(event, owners.get(event.key), hashes, now)
        | {"issue": None if event.key in contradicted else _lost_issue(event, owners)}
        for event in new.values()
    ]
    connection.execute(sa.insert(events), rows)
    for event in new.values():
        reader = _reader(event, owners.get(event.key), hashes, sender)
        if reader and event.key not in contradicted:
            _act(connection, reader, kind=event.kind, detail=event.detail, at=event.at, now=now)
    settled = settle_proven(connection, [owner.id for owner in owners.values()])
    settled += adopt(connection) if settled else 0
    _weigh(connection, hashes.values())
    return Recorded(
        new=len(new),
        known=len(given) - len(new),
        settled=settled,
        suppressed=max(0, connection.execute(_SUPPRESSED).scalar_one() - before),
        unmatched=sum(
            event.tag is not None and event.tag.store == finder.store and event.key not in owners
            for event in new.values()
        ),
    )


def has_strays(connection: sa.Connection) -> bool:
    """Whether there are events whose delivery can be told by its message id, and was not."""
    return connection.execute(_STRAYS.limit(1)).first() is not None


def adopt(connection: sa.Connection) -> int:
    """Give stray events to deliveries whose message id is known by now; how many that settles.

    They then count as if they had come after it was known.
    """
    rows = connection.execute(_STRAYS).all()
    if not rows:
        return 0
    these = sorted({row.delivery for row in rows})
    found = connection.execute(_READERS, {"these": these})
    readers = {row.id: row.address_hash for row in found}
    connection.execute(_ADOPT, [{"this": row.id, "delivery": row.delivery} for row in rows])
    for row in rows:
        _act(
            connection, readers[row.delivery], kind=EventKind(row.kind), detail=row.detail,
            at=row.at, now=row.received_at,
        )  # fmt: skip
    settled = settle_proven(connection, these)
    _weigh(connection, readers.values())
    return settled


def doubtful(connection: sa.Connection) -> list[int]:
    """Deliveries with an event whose outcome is unknown, or which are queued again, or dropped."""
    real = connection.execute(sa.select(runs.c.id).where(runs.c.rehearsal.is_(False))).scalars()
    found = [
        this for run in real.all() for this in connection.execute(_DOUBTFUL, {"run": run}).scalars()
    ]
    return [*found, *connection.execute(_DROPPED_SINCE).scalars()]


def settle_proven(connection: sa.Connection, ids: Iterable[int]) -> int:
    """Settle deliveries by the events on record, where these prove something; says how many."""
    by_delivery: dict[int, list[Any]] = {}
    for row in connection.execute(_OF_THESE, {"these": sorted(set(ids))}):
        by_delivery.setdefault(row.id, []).append(row)
    return sum(_settle(connection, this, rows) for this, rows in by_delivery.items())


def _settle(connection: sa.Connection, this: int, rows: Sequence[Any]) -> bool:
    proofs = [
        Proof(
            attempt=row.attempt,
            outcome=outcome(EventKind(row.kind), row.message_id),
            sent_at=row.sent_at,
        )
        for row in rows
    ]
    found = proven(State(rows[0].state), rows[0].newest, proofs)
    if found is None:
        return False
    row = {
        "this": this,
        "to": next_state(found.outcome),
        "message": found.outcome.message_id,
        "why": found.outcome.reason,
        "when": found.sent_at,
    }
    connection.execute(_SETTLE, row)
    return True


def _reader(
    event: Event, owner: EventOwner | None, hashes: Mapping[str, str], sender: str
) -> str | None:
    """The address that a bounce or a complaint is about, as its keyed hash; None for nobody here.

    The delivery's own, whomever the event lists. Without a delivery it is whom the mail went to,
    where that is one person and the mail was from our address: a mail that left by other means.
    """
    if owner is not None:
        return owner.address_hash
    if (event.tag is not None and not event.tag.position) or not sender:
        return None
    return hashes.get(event.recipient) if sender in event.senders else None


def _lost_issue(event: Event, owners: Mapping[str, EventOwner]) -> int | None:
    """The issue of a mail with our id that no delivery knows, None for all others."""
    if event.key in owners or event.tag is None or not event.tag.store:
        return None
    return event.tag.issue


def _row(
    event: Event, owner: EventOwner | None, hashes: Mapping[str, str], now: dt.datetime
) -> dict[str, Any]:
    return {
        "key": event.key,
        "kind": event.kind,
        "detail": event.detail,
        "at": event.at,
        "sent_at": event.sent_at,
        "received_at": now,
        "message_id": event.message_id,
        "delivery_id": owner.id if owner else None,
        "attempt": event.tag.attempt if event.tag else None,
        "address_hash": hashes.get(event.recipient),
    }


def _act(
    connection: sa.Connection,
    reader: str,
    *,
    kind: EventKind,
    detail: str,
    at: dt.datetime,
    now: dt.datetime,
) -> None:
    """Do what an event says about its reader, an address by its keyed hash."""
    if (reason := suppression(kind, detail)) is not None:
        keep_out(connection, reader, reason, at)
    elif leaves(kind, detail):
        handle = sa.select(subscribers.c.handle).where(subscribers.c.address_hash == reader)
        if found := connection.execute(handle).scalar():
            unsubscribe(connection, found, _EVIDENCE, now=now)


def keep_out(connection: sa.Connection, hashed: str, reason: Suppression, at: dt.datetime) -> None:
    """Keep an address out; of several reasons the strongest stands, of several times the first."""
    old = connection.execute(_HELD, {"hashed": hashed}).one_or_none()
    row = {"hashed": hashed, "why": reason, "when": at}
    if old is None:
        connection.execute(_HOLD, row)
        return
    # Whatever no event said (blocked, erased) stands.
    rank, new = _STRENGTH.get(old.reason, len(_STRENGTH)), _STRENGTH[reason]
    if new > rank or (new == rank and at < old.created_at):
        connection.execute(_HOLD_FOR, row)


def _weigh(connection: sa.Connection, hashes: Iterable[str]) -> None:
    """Give up addresses with passing bounces in the last issues in a row, and only those."""
    for hashed in connection.execute(_PASSING, {"hashes": sorted(set(hashes))}).scalars().all():
        assert hashed is not None
        since = _given_up_since(connection, hashed)
        connection.execute(_LET_GO, {"hashed": hashed})
        if since is not None:
            keep_out(connection, hashed, Suppression.SOFT, since)


def _given_up_since(connection: sa.Connection, hashed: str) -> dt.datetime | None:
    """When the last of enough issues bounced in passing, None when they are too few.

    A mail that was delivered and bounces in passing is an answering machine.
    """
    rows = connection.execute(_LAST_ISSUES, {"hashed": hashed}).all()
    moments = [row.bounced for row in rows if row.bounced is not None and not row.arrived]
    return max(moments) if len(moments) == SOFT_ISSUES else None
