"""What a trigger should do now: a pure function of the moment, the schedule and the ledger.

Any trigger may come at any time, twice or not at all. Each date is used up once: sent, or noted as
missed; both are rows of the ledger, so the question can be asked as often as one likes.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from newsletter.schedule import Occurrence, Timetable, ahead, latest

_HOUR: Final = dt.timedelta(hours=1)
_MINUTE: Final = dt.timedelta(minutes=1)
#: How far a clock may be put back before nothing is believed any more.
_BACK: Final = _HOUR
#: Dates before these days, counted from the last trigger, were settled by it.
_SETTLED: Final = dt.timedelta(days=60)
#: Hours before a date at which somebody is reminded that no issue is there.
REMINDERS: Final = (24, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What earlier triggers have left behind.

    Attributes:
        since: the first trigger ever; dates before it are nobody's. None before the first.
        seen: the latest moment at which a trigger came, None before the first.
        used: the dates that are used up: sent or missed.
        announced: when each date was announced with the letter as it is now.
    """

    since: dt.datetime | None = None
    seen: dt.datetime | None = None
    used: frozenset[dt.date] = frozenset()
    announced: Mapping[dt.date, dt.datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What to do now.

    Attributes:
        went_back: how far the clock was put back, when that is too far; nothing else is said then.
        missed: dates to be noted as missed, oldest first.
        send: the date whose issue may go now.
        announce: the date whose issue is to be announced now.
        waiting: the date that has come and is not used up, whether it may go now or not.
        coming: the next date still ahead.
    """

    went_back: dt.timedelta | None = None
    missed: tuple[Occurrence, ...] = ()
    send: Occurrence | None = None
    announce: Occurrence | None = None
    waiting: Occurrence | None = None
    coming: Occurrence | None = None


def due(now: dt.datetime, table: Timetable, ledger: Ledger, *, catch_up: float, window: int) -> Due:
    """What a trigger at `now` should do.

    Args:
        now: the moment, aware.
        table: the schedule.
        ledger: what was done before.
        catch_up: how late the first mail may leave, in hours.
        window: minutes between announcement and sending; 0 for no announcement.
    """
    if ledger.seen and now < ledger.seen - _BACK:
        return Due(went_back=ledger.seen - now)
    late = dt.timedelta(hours=min(catch_up, 1e5))
    wait = window * _MINUTE
    coming = next(ahead(table, now), None)
    open_ = tuple(o for o in _past(table, now, ledger, late) if o.day not in ledger.used)
    last = latest(table, now)
    missed = tuple(o for o in open_ if o != last or now > _deadline(o, ledger, late, wait))
    waiting = next((o for o in open_ if o not in missed), None)
    send = waiting if waiting and _may_leave(waiting, now, ledger, wait) else None
    return Due(
        missed=missed,
        send=send,
        announce=_to_announce(now, ledger, wait, waiting, coming),
        waiting=waiting,
        coming=coming,
    )


def waiting(
    now: dt.datetime, table: Timetable, ledger: Ledger, *, catch_up: float
) -> Occurrence | None:
    """The date that has come and whose issue may still begin, None where there is none.

    The arguments are those of `due`.
    """
    return due(now, table, ledger, catch_up=catch_up, window=0).waiting


def reminder(coming: Occurrence, now: dt.datetime) -> int | None:
    """Which reminder is due for a date without an issue: hours before it, None for not yet."""
    left = coming.at - now
    return min((hours for hours in REMINDERS if left <= hours * _HOUR), default=None)


def _past(
    table: Timetable, now: dt.datetime, ledger: Ledger, late: dt.timedelta
) -> Iterator[Occurrence]:
    """The dates that have come since the first trigger, as far as they can be open."""
    start = (ledger.since or now) - late
    if ledger.seen:
        start = max(start, ledger.seen - late - _SETTLED)
    # One microsecond less: a date at that very moment belongs to it.
    coming = ahead(table, start - dt.timedelta(microseconds=1))
    return itertools.takewhile(lambda o: o.at <= now, coming)


def _deadline(
    date: Occurrence, ledger: Ledger, late: dt.timedelta, wait: dt.timedelta
) -> dt.datetime:
    """Until when the first mail may leave; what was announced late still gets its window."""
    announced = ledger.announced.get(date.day)
    in_time = announced is not None and date.at <= announced <= date.at + late
    return date.at + late + (wait if in_time else dt.timedelta())


def _may_leave(date: Occurrence, now: dt.datetime, ledger: Ledger, wait: dt.timedelta) -> bool:
    if not wait:
        return True
    announced = ledger.announced.get(date.day)
    return announced is not None and (announced < date.at or now >= announced + wait)


def _to_announce(
    now: dt.datetime,
    ledger: Ledger,
    wait: dt.timedelta,
    waiting: Occurrence | None,
    coming: Occurrence | None,
) -> Occurrence | None:
    near = coming if coming and coming.at - now <= wait and coming.day not in ledger.used else None
    found = waiting or near
    return found if wait and found and found.day not in ledger.announced else None
