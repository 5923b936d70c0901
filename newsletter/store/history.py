"""The newsletter over time: how the list grew, and issue by issue what became of them."""

from __future__ import annotations

import datetime as dt
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import Status, eligible
from newsletter.delivery import Run, State
from newsletter.feedback import EventKind
from newsletter.stats.growth import LIFTED, ListChange, LogEntry, SignupMonth, grown, steps
from newsletter.stats.issues import COMPARED, IssueReport, IssueRow, Overview, silent
from newsletter.store.confirmations import MOVING
from newsletter.store.database import Database
from newsletter.store.eligibility import clause
from newsletter.store.feedback import weighing
from newsletter.store.ratings import of_issues
from newsletter.store.runs import find_all
from newsletter.store.signup_tables import signups, unanswered
from newsletter.store.stats import IS_SENT, of_run, was_sent
from newsletter.store.tables import consents, deliveries, events, runs, subscribers, suppressions

_PART: Final = 5000
_LONG_AGO: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: "2026-11" of a moment as it is written.
_TO_THE_MONTH: Final = 7
_BY_AGE: Final = attrgetter("started_at", "id")
#: What events tell of a run.
_REPORTED: Final = ("seen", "delivered", "hard", "bounced", "complained", "weighing")
#: States that one column of an issue stands for.
_UNKNOWN: Final = (State.UNKNOWN, State.ASSUMED)
_WAITING: Final = (State.QUEUED, State.CLAIMED, State.DEFERRED)


def overview(store: Database, *, now: dt.datetime, since: dt.date | None = None) -> Overview:
    """The newsletter over time.

    Args:
        store: the records.
        now: in the time zone whose days are meant.
        since: leave out what was before this day.
    """
    active = sa.select(sa.func.count()).select_from(subscribers).where(clause(eligible()))
    pending = sa.select(sa.func.count()).where(subscribers.c.status == Status.PENDING)
    start = dt.datetime.combine(since, dt.time(), now.tzinfo) if since else None
    chosen = [run for run in find_all(store) if start is None or run.started_at >= start]
    with store.reading() as connection:
        told = _steps(connection)
        return Overview(
            growth=grown(
                (step for step in told if start is None or step.at >= start),
                active=connection.execute(active).scalar_one(),
                now=now,
            ),
            pending=connection.execute(pending).scalar_one(),
            suppressed=_suppressed(connection),
            issues=_issues(connection, sorted(chosen, key=_BY_AGE, reverse=True)),
            signups=_signups(connection, start),
        )


def of_issue(store: Database, run: Run) -> IssueReport:
    """One issue, and the ten before it."""
    before = [one for one in find_all(store) if _BY_AGE(one) < _BY_AGE(run)]
    before = sorted(filter(_is_sent, before), key=_BY_AGE, reverse=True)[:COMPARED]
    stats = of_run(store, run)
    with store.reading() as connection:
        return IssueReport(
            issue=run.content.issue,
            sent_at=run.started_at,
            transport=run.transport,
            stats=stats,
            before=_issues(connection, before),
        )


def _is_sent(run: Run) -> bool:
    return run.begun and not run.rehearsal


def _suppressed(connection: sa.Connection) -> dict[str, int]:
    number = sa.func.count()
    query = (
        sa.select(suppressions.c.reason, number)
        .group_by(suppressions.c.reason)
        .order_by(number.desc(), suppressions.c.reason)
    )
    return {row.reason: row[1] for row in connection.execute(query)}


def _issues(connection: sa.Connection, chosen: Sequence[Run]) -> tuple[IssueRow, ...]:
    """What became of some issues, in the order they are given; rehearsals are none."""
    real = list(filter(_is_sent, chosen))
    if not real:
        return ()
    ids = [run.id for run in real]
    states = _states(connection, ids)
    reported = _reported(connection, ids)
    left = _left(connection)
    rated = of_issues(connection, [run.content.issue for run in real])
    return tuple(
        _row(
            run, states[run.id], reported[run.id], left.get(run.content.issue, 0),
            rated.get(run.content.issue, {}),
        )
        for run in real
    )  # fmt: skip


def _row(
    run: Run,
    states: Counter[str],
    told: Mapping[str, int],
    left: int,
    rated: Mapping[str, int],
) -> IssueRow:
    unheard = silent(told["seen"], told["delivered"])

    def number(column: str, value: int) -> int | None:
        return None if column in unheard else value

    return IssueRow(
        issue=run.content.issue,
        title=run.content.title,
        sent_at=run.started_at,
        recipients=states.total(),
        accepted=states[State.ACCEPTED],
        refused=states[State.REFUSED],
        unknown=sum(states[one] for one in _UNKNOWN),
        skipped=states[State.SKIPPED],
        waiting=sum(states[one] for one in _WAITING),
        seen=told["seen"],
        delivered=number("delivered", told["delivered"]),
        hard=number("bounced", told["hard"]),
        soft=number("bounced", told["bounced"] - told["hard"]),
        complained=number("complained", told["complained"]),
        weighing=number("complained", told["weighing"]),
        left=left,
        **rated,
    )


def _states(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Counter[str]]:
    query = (
        sa.select(deliveries.c.run_id, deliveries.c.state, sa.func.count())
        .where(deliveries.c.run_id.in_(ids))
        .group_by(deliveries.c.run_id, deliveries.c.state)
    )
    found = {number: Counter[str]() for number in ids}
    for run, state, number in connection.execute(query):
        found[run][state] = number
    return found


def _reported(connection: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """What is reported of accepted deliveries, by run."""
    found = {number: dict.fromkeys(_REPORTED, 0) for number in ids}
    for query in (_heard_of(connection, ids), _come_back(ids)):
        for row in connection.execute(query).mappings():
            found[row["run_id"]] |= {name: row[name] for name in _REPORTED if name in row}
    return found


def _heard_of(connection: sa.Connection, ids: Sequence[int]) -> sa.Select[Any]:
    """Of how many there is any report, and how many arrived.

    Events are folded by delivery in the order of their index, between the first and the last one
    of these runs.
    """
    bounds = sa.select(sa.func.min(deliveries.c.id), sa.func.max(deliveries.c.id))
    first, last = connection.execute(bounds.where(deliveries.c.run_id.in_(ids))).one()
    flags = {"seen": sa.true(), "delivered": events.c.kind == EventKind.DELIVERY}
    return _by_run(ids, flags, events.c.delivery_id.between(first or 0, last or 0))


def _come_back(ids: Sequence[int]) -> sa.Select[Any]:
    """How many bounced or brought a complaint: few, and found by their kind."""
    bounce, complaint = events.c.kind == EventKind.BOUNCE, events.c.kind == EventKind.COMPLAINT
    flags = {
        "hard": sa.and_(bounce, *weighing("permanent%")),
        "bounced": bounce,
        "complained": complaint,
        "weighing": sa.and_(complaint, *weighing("%")),
    }
    return _by_run(ids, flags, events.c.kind.in_((EventKind.BOUNCE, EventKind.COMPLAINT)))


def _by_run(
    ids: Sequence[int],
    flags: Mapping[str, sa.ColumnElement[bool]],
    chosen: sa.ColumnElement[bool],
) -> sa.Select[Any]:
    """Deliveries with an event of each sort, each once, by run."""
    each = (
        sa.select(
            events.c.delivery_id,
            *(sa.func.max(sa.case((is_so, 1), else_=0)).label(n) for n, is_so in flags.items()),
        )
        .where(chosen, events.c.delivery_id.is_not(None))
        .group_by(events.c.delivery_id)
        .subquery()
    )
    return (
        sa.select(deliveries.c.run_id, *(sa.func.sum(each.c[name]).label(name) for name in flags))
        .join(each, each.c.delivery_id == deliveries.c.id)
        .where(deliveries.c.run_id.in_(ids), deliveries.c.state == State.ACCEPTED)
        .group_by(deliveries.c.run_id)
    )


def _left(connection: sa.Connection) -> dict[int, int]:
    """How many left after each issue and before the next, of those who got it."""
    issue = (
        sa.select(runs.c.issue)
        .where(IS_SENT, runs.c.started_at <= consents.c.at)
        .order_by(runs.c.started_at.desc(), runs.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    gone = (
        sa.select(consents.c.address_hash, issue.label("issue"))
        .where(consents.c.event == "unsubscribed")
        .subquery()
    )
    query = (
        sa.select(gone.c.issue, sa.func.count(gone.c.address_hash.distinct()))
        .where(was_sent(gone.c.issue, gone.c.address_hash))
        .group_by(gone.c.issue)
    )
    return {row.issue: row[1] for row in connection.execute(query)}


def _signups(connection: sa.Connection, start: dt.datetime | None) -> tuple[SignupMonth, ...]:
    """Sign-ups by the month they were made: those answered, given up, and still waiting."""
    answers, when = consents.alias(), start or _LONG_AGO
    answer = (
        sa.select(answers.c.event)
        .where(
            answers.c.address_hash == consents.c.address_hash,
            answers.c.id > consents.c.id,
            answers.c.event.in_(("confirmed", "refused")),
        )
        .order_by(answers.c.id)
        .limit(1)
        .scalar_subquery()
    )
    queries = (
        # Who moves to another address asks on the preference page, and signs up for nothing.
        sa.select(_month(consents.c.at), answer.label("word")).where(
            consents.c.event == "asked", consents.c.source != MOVING, consents.c.at >= when
        ),
        sa.select(_month(signups.c.asked_at), sa.literal("waiting").label("word")).where(
            signups.c.moves == "", signups.c.asked_at >= when
        ),
    )
    found: dict[str, Counter[str]] = {}
    for query in queries:
        each = query.subquery()
        counted = sa.select(each.c.month, each.c.word, sa.func.count()).group_by(
            each.c.month, each.c.word
        )
        for month, word, number in connection.execute(counted):
            found.setdefault(month, Counter())[word or "waiting"] += number
    given_up = sa.select(unanswered).where(unanswered.c.day >= f"{when:%Y-%m-%d}")
    for row in connection.execute(given_up):
        found.setdefault(row.day[:_TO_THE_MONTH], Counter())["unanswered"] += row.number
    return tuple(
        SignupMonth(month=dt.date.fromisoformat(f"{month}-01"), **counts)
        for month, counts in sorted(found.items())
    )


def _month(column: sa.ColumnElement[dt.datetime]) -> sa.Label[str]:
    text = sa.type_coerce(column, sa.String)
    return sa.func.substr(text, 1, _TO_THE_MONTH).label("month")


def _steps(connection: sa.Connection) -> Iterator[ListChange]:
    """Who came and went, address by address."""
    log = (
        sa.select(consents.c.address_hash, consents.c.at, consents.c.event, consents.c.source)
        .where(consents.c.event != "preferences")
        .order_by(consents.c.address_hash, consents.c.at, consents.c.id)
    )
    held = sa.select(
        suppressions.c.address_hash,
        suppressions.c.created_at,
        sa.literal(LIFTED),
        suppressions.c.reason,
    ).order_by(suppressions.c.address_hash)
    streams = [
        connection.execute(query, execution_options={"yield_per": _PART}) for query in (log, held)
    ]
    in_order = heapq.merge(*streams, key=itemgetter(0, 1))
    for _, entries in groupby(in_order, key=itemgetter(0)):
        yield from steps(LogEntry(*entry[1:]) for entry in entries)
