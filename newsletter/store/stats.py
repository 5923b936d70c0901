"""What became of one issue after it was accepted, counted from the events on record.

A delivery counts once in each column, under the strongest thing that is known of it: a mail may be
delivered and bounce later. No open and no click is counted.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from newsletter.delivery import Run, State
from newsletter.feedback import Kind
from newsletter.store.database import Database
from newsletter.store.tables import consents, deliveries, events, runs, subscribers

#: Whose address is gone.
ERASED: Final = "(erased)"
COLUMNS: Final = ("accepted", "delivered", "bounced", "complained", "unsubscribed")
_COUNTED: Final = {
    Kind.DELIVERY: "delivered",
    Kind.BOUNCE: "bounced",
    Kind.COMPLAINT: "complained",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The numbers of one run.

    Attributes:
        silent: columns of which no event about it tells; their zeros mean nothing.
        totals: by column; every column, zeros too.
        bounces: by kind, such as "permanent/general".
        complaints: by kind, such as "abuse".
        delayed: deliveries that were put off at least once.
        domains: by recipient domain, the largest first, each by column.
        hours: by hour (UTC, its beginning), each by column but "accepted".
    """

    silent: frozenset[str]
    totals: Mapping[str, int]
    bounces: Mapping[str, int]
    complaints: Mapping[str, int]
    delayed: int
    domains: Mapping[str, Mapping[str, int]]
    hours: Mapping[dt.datetime, Mapping[str, int]]


def of_run(store: Database, run: Run) -> Stats:
    """Count one run."""
    with store.reading() as connection:
        accepted = _accepted(connection, run)
        reports = _reports(connection, run)
        left = _left(connection, run)
    kinds = {Kind.BOUNCE: Counter[str](), Kind.COMPLAINT: Counter[str]()}
    for row in reports:
        if row.kind in kinds:
            kinds[Kind(row.kind)][row.detail] += 1
    delayed = {row.delivery_id for row in reports if row.kind == Kind.DELAY}
    domain_of = {row.id: _domain(row.email) for row in accepted}
    counted = _first_of_each(reports) + [(row.id, "unsubscribed", row.at) for row in left]
    counted = [one for one in counted if one[0] in domain_of]
    totals = Counter(column for _, column, _ in counted) | Counter(accepted=len(accepted))
    return Stats(
        silent=_silent(totals) if reports else frozenset(_COUNTED.values()),
        totals={column: totals[column] for column in COLUMNS},
        bounces=dict(kinds[Kind.BOUNCE].most_common()),
        complaints=dict(kinds[Kind.COMPLAINT].most_common()),
        delayed=len(delayed),
        domains=_domains(domain_of, counted),
        hours=_hours(counted),
    )


def _silent(totals: Mapping[str, int]) -> frozenset[str]:
    """Where bounces are reported, deliveries need not be; that one arrived says they are."""
    return frozenset() if totals["delivered"] else frozenset({"delivered"})


def _accepted(connection: sa.Connection, run: Run) -> list[Any]:
    query = (
        sa.select(deliveries.c.id, subscribers.c.email)
        .select_from(
            deliveries.outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        )
        .where(deliveries.c.run_id == run.id, deliveries.c.state == State.ACCEPTED)
    )
    return list(connection.execute(query))


def _domain(email: str | None) -> str:
    return ERASED if email is None else email.rpartition("@")[2].lower()


def _reports(connection: sa.Connection, run: Run) -> list[Any]:
    query = (
        sa.select(events.c.delivery_id, events.c.kind, events.c.detail, events.c.at)
        .join(deliveries, deliveries.c.id == events.c.delivery_id)
        .where(deliveries.c.run_id == run.id, deliveries.c.rehearsal.is_(False))
        .order_by(events.c.at, events.c.id)
    )
    return list(connection.execute(query))


def _left(connection: sa.Connection, run: Run) -> list[Any]:
    """Recipients who left after this issue and before the next: a link does not say which mail."""
    following = connection.execute(
        sa.select(sa.func.min(runs.c.started_at)).where(
            runs.c.rehearsal.is_(False), runs.c.started_at > run.started_at
        )
    ).scalar()
    query = (
        sa.select(deliveries.c.id, sa.func.min(consents.c.at).label("at"))
        .join(consents, consents.c.address_hash == deliveries.c.address_hash)
        .where(
            deliveries.c.run_id == run.id,
            consents.c.event == "unsubscribed",
            consents.c.at >= run.started_at,
            consents.c.at < following if following else sa.true(),
        )
        .group_by(deliveries.c.id)
    )
    return list(connection.execute(query))


def _first_of_each(reports: Iterable[Any]) -> list[tuple[int, str, dt.datetime]]:
    """Each delivery once in a column, at the first time."""
    found: dict[tuple[int, str], dt.datetime] = {}
    for row in reports:
        if column := _COUNTED.get(row.kind):
            found.setdefault((row.delivery_id, column), row.at)
    return [(this, column, at) for (this, column), at in found.items()]


def _domains(
    domain_of: Mapping[int, str], counted: Iterable[tuple[int, str, dt.datetime]]
) -> dict[str, Mapping[str, int]]:
    by_domain: dict[str, Counter[str]] = {}
    for domain in domain_of.values():
        by_domain.setdefault(domain, Counter())["accepted"] += 1
    for this, column, _ in counted:
        by_domain[domain_of[this]][column] += 1
    largest = sorted(by_domain.items(), key=lambda one: (-one[1]["accepted"], one[0]))
    return {domain: {c: found[c] for c in COLUMNS} for domain, found in largest}


def _hours(
    counted: Iterable[tuple[int, str, dt.datetime]],
) -> dict[dt.datetime, Mapping[str, int]]:
    by_hour: dict[dt.datetime, Counter[str]] = {}
    for _, column, at in counted:
        hour = at.replace(minute=0, second=0, microsecond=0)
        by_hour.setdefault(hour, Counter())[column] += 1
    return {hour: {c: found[c] for c in COLUMNS[1:]} for hour, found in sorted(by_hour.items())}
