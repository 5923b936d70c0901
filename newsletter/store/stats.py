"""What became of one issue after it was accepted, counted from the events on record.

A delivery counts once in each column, at the first time: a mail may be delivered and bounce later.
No open is counted. The database counts; what is read grows with the domains and the
hours, not with the recipients.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import Run, State
from newsletter.feedback import EventKind
from newsletter.stats.issues import COLUMNS, ERASED, FUNNEL, Stats, silent
from newsletter.store import clicks, ratings
from newsletter.store.database import Database
from newsletter.store.sqlite import text
from newsletter.store.tables import consents, deliveries, events, runs, subscribers

#: The strongest first: what of it is known of a delivery is its place in the funnel.
_STRENGTH: Final = {
    "complained": EventKind.COMPLAINT,
    "bounced": EventKind.BOUNCE,
    "delivered": EventKind.DELIVERY,
}
_PLACES: Final = {
    State.REFUSED: "refused",
    State.UNKNOWN: "unknown",
    State.ASSUMED: "assumed",
    State.SKIPPED: "skipped",
}
#: "2026-11-22T08" of a moment as it is written.
_TO_THE_HOUR: Final = 13
#: Deliveries counted at a time.
_PART: Final = 25_000


class _Alike(NamedTuple):
    """So many accepted deliveries of one domain with reports of the same hours."""

    domain: str | None
    complained: str | None
    bounced: str | None
    delivered: str | None
    delayed: int
    seen: int
    number: int


#: A run that got as far as its recipients; an announcement ends nothing.
IS_SENT: Final = sa.and_(runs.c.rehearsal.is_(False), runs.c.recipients > 0)


def of_run(store: Database, run: Run) -> Stats:
    """Count one run."""
    with store.reading() as connection:
        states = _states(connection, run)
        accepted = _accepted(connection, run)
        kinds = {
            kind: _details(connection, run, kind)
            for kind in (EventKind.BOUNCE, EventKind.COMPLAINT)
        }
        left = _left(connection, run)
        reasons = connection.execute(_reasons(run)).all()
        first, last = connection.execute(_span(run)).one()
        links = clicks.of_run(connection, run)
        rated = ratings.of_issue(connection, run.content.issue)
    totals = _totals(accepted, left)
    seen = sum(row.number for row in accepted if row.seen)
    return Stats(
        silent=silent(seen, totals["delivered"]),
        totals=totals,
        funnel=_funnel(states, accepted),
        seen=seen,
        bounces=kinds[EventKind.BOUNCE],
        complaints=kinds[EventKind.COMPLAINT],
        delayed=sum(row.number for row in accepted if row.delayed),
        reasons={
            state: {row.reason: row.number for row in reasons if row.state == state}
            for state in (State.REFUSED.value, State.SKIPPED.value)
        },
        left=dict(Counter(row.source for row in left).most_common()),
        domains=_domains(accepted, left),
        hours=_hours(accepted, left),
        first=first,
        last=last,
        links=links,
        ratings=rated,
    )


def domain_of(connection: sa.Connection, email: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """What stands after the "@" of an address, in lower case; NULL stays NULL."""
    on_sqlite = connection.dialect.name == "sqlite"
    return text.domain_of(email) if on_sqlite else portable_domain_of(email)


def portable_domain_of(email: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The same in words that every database knows, at twice the cost in SQLite.

    All characters that the address has besides "@" are taken off its end, which leaves the rest.
    """
    rest = sa.func.rtrim(email, sa.func.replace(email, "@", ""))
    return sa.func.lower(sa.func.substr(email, sa.func.length(rest) + 1))


def was_sent(
    issue: sa.ColumnElement[int], address_hash: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """Whether an address was sent an issue, rehearsals apart."""
    return sa.exists().where(
        deliveries.c.issue == issue,
        deliveries.c.address_hash == address_hash,
        deliveries.c.rehearsal.is_(False),
        deliveries.c.state == State.ACCEPTED,
    )


def _states(connection: sa.Connection, run: Run) -> dict[State, int]:
    query = (
        sa.select(deliveries.c.state, sa.func.count())
        .where(deliveries.c.run_id == run.id)
        .group_by(deliveries.c.state)
    )
    return {State(state): number for state, number in connection.execute(query)}


def _accepted(connection: sa.Connection, run: Run) -> list[_Alike]:
    """Accepted deliveries, counted by domain and by the hours of what was reported of them.

    So many at a time that the database need not put them into a file to sort them.
    """
    query, found = _accepted_between(connection, run), Counter[tuple[Any, ...]]()
    ends = (sa.func.min(deliveries.c.position), sa.func.max(deliveries.c.position))
    # Each by itself is one look into the index.
    first, last = (
        connection.execute(sa.select(end).where(deliveries.c.run_id == run.id)).scalar() or 0
        for end in ends
    )
    for start in range(first, last + 1, _PART):
        part = {"first": start, "last": start + _PART - 1}
        for *alike, number in connection.execute(query, part):
            found[tuple(alike)] += number
    return [_Alike._make((*alike, number)) for alike, number in found.items()]


def _accepted_between(connection: sa.Connection, run: Run) -> sa.Select[Any]:
    """Grouped by position, and so in the order of the index that finds them."""
    hours = {
        name: sa.func.substr(
            sa.func.min(sa.case((events.c.kind == kind, sa.type_coerce(events.c.at, sa.String)))),
            1,
            _TO_THE_HOUR,
        ).label(name)
        for name, kind in _STRENGTH.items()
    }
    each = (
        sa.select(
            domain_of(connection, sa.func.min(subscribers.c.email)).label("domain"),
            *hours.values(),
            sa.func.max(sa.case((events.c.kind == EventKind.DELAY, 1), else_=0)).label("delayed"),
            sa.func.max(sa.case((events.c.id.is_not(None), 1), else_=0)).label("seen"),
        )
        .select_from(
            deliveries.outerjoin(
                subscribers, subscribers.c.id == deliveries.c.subscriber_id
            ).outerjoin(events, events.c.delivery_id == deliveries.c.id)
        )
        .where(
            deliveries.c.run_id == run.id,
            deliveries.c.state == State.ACCEPTED,
            deliveries.c.position.between(sa.bindparam("first"), sa.bindparam("last")),
        )
        .group_by(deliveries.c.position)
        .subquery()
    )
    return sa.select(*each.c, sa.func.count().label("number")).group_by(*each.c)


def _details(connection: sa.Connection, run: Run, kind: EventKind) -> dict[str, int]:
    number = sa.func.count()
    query = (
        sa.select(events.c.detail, number)
        .join(deliveries, deliveries.c.id == events.c.delivery_id)
        .where(
            events.c.kind == kind,
            deliveries.c.run_id == run.id,
            deliveries.c.rehearsal.is_(False),
        )
        .group_by(events.c.detail)
        .order_by(number.desc(), events.c.detail)
    )
    return {row.detail: row[1] for row in connection.execute(query)}


def _left(connection: sa.Connection, run: Run) -> list[Any]:
    """Recipients who left after this issue and before the next: a link does not say which mail.

    Each once, at the first time.
    """
    following = connection.execute(
        sa.select(sa.func.min(runs.c.started_at)).where(IS_SENT, runs.c.started_at > run.started_at)
    ).scalar()
    # Departures are few, so each is looked up among the deliveries, not the other way round.
    query = (
        sa.select(
            consents.c.address_hash,
            domain_of(connection, subscribers.c.email).label("domain"),
            sa.func.substr(sa.type_coerce(consents.c.at, sa.String), 1, _TO_THE_HOUR).label("hour"),
            consents.c.source,
        )
        .outerjoin(subscribers, subscribers.c.address_hash == consents.c.address_hash)
        .where(
            consents.c.event == "unsubscribed",
            consents.c.at >= run.started_at,
            consents.c.at < following if following else sa.true(),
            was_sent(sa.literal(run.content.issue), consents.c.address_hash),
        )
        .order_by(consents.c.id.desc())
    )
    return list({row.address_hash: row for row in connection.execute(query)}.values())


def _reasons(run: Run) -> sa.Select[Any]:
    number = sa.func.count().label("number")
    return (
        sa.select(deliveries.c.state, deliveries.c.reason, number)
        .where(deliveries.c.run_id == run.id, deliveries.c.reason != "")
        .group_by(deliveries.c.state, deliveries.c.reason)
        .order_by(number.desc(), deliveries.c.reason)
    )


def _span(run: Run) -> sa.Select[Any]:
    return sa.select(
        sa.func.min(deliveries.c.settled_at), sa.func.max(deliveries.c.settled_at)
    ).where(deliveries.c.run_id == run.id, deliveries.c.state == State.ACCEPTED)


def _totals(accepted: Iterable[_Alike], left: list[Any]) -> dict[str, int]:
    found = dict.fromkeys(COLUMNS, 0) | {"unsubscribed": len(left)}
    for row in accepted:
        found["accepted"] += row.number
        for column in _STRENGTH:
            found[column] += row.number if getattr(row, column) else 0
    return found


def _funnel(states: Mapping[State, int], accepted: Iterable[_Alike]) -> dict[str, int]:
    found = dict.fromkeys(FUNNEL, 0)
    for state, number in states.items():
        if state is not State.ACCEPTED:
            found[_PLACES.get(state, "waiting")] += number
    for row in accepted:
        place = next((name for name in _STRENGTH if getattr(row, name)), "unreported")
        found[place] += row.number
    return found


def _domains(accepted: Iterable[_Alike], left: Iterable[Any]) -> dict[str, Mapping[str, int]]:
    found: dict[str, Counter[str]] = {}
    for row in accepted:
        counted = found.setdefault(row.domain or ERASED, Counter())
        counted["accepted"] += row.number
        for column in _STRENGTH:
            counted[column] += row.number if getattr(row, column) else 0
    for row in left:
        found.setdefault(row.domain or ERASED, Counter())["unsubscribed"] += 1
    largest = sorted(found.items(), key=lambda one: (-one[1]["accepted"], one[0]))
    return {domain: {c: row[c] for c in COLUMNS} for domain, row in largest}


def _hours(accepted: Iterable[_Alike], left: Iterable[Any]) -> dict[dt.datetime, Mapping[str, int]]:
    found: dict[str, Counter[str]] = {}
    for row in accepted:
        for column in _STRENGTH:
            if hour := getattr(row, column):
                found.setdefault(hour, Counter())[column] += row.number
    for row in left:
        found.setdefault(row.hour, Counter())["unsubscribed"] += 1
    return {
        dt.datetime.fromisoformat(f"{hour}:00:00+00:00"): {c: row[c] for c in COLUMNS[1:]}
        for hour, row in sorted(found.items())
    }
