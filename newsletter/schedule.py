"""The dates of a schedule: a recurrence rule counted from an anchor, in local days."""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """When issues are due.

    Attributes:
        rule: an RFC 5545 recurrence rule in days or more.
        anchor: one of its days, from which intervals count.
        time: the time of day, in `zone`.
    """

    rule: str
    anchor: dt.date
    time: dt.time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One date of a schedule.

    Attributes:
        day: the local date, by which the issue is found.
        at: the moment, in UTC.
    """

    day: dt.date
    at: dt.datetime


def dates(rule: str, anchor: dt.date, *, after: dt.date) -> Iterator[dt.date]:
    """The local days of a rule after a day, without end unless the rule has one.

    Args:
        rule: an RFC 5545 recurrence rule, such as "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO".
        anchor: one of the days, from which intervals count.
        after: the first day given is later than this one.
    """
    days = _counted(rule, anchor).xafter(_midnight(after))
    return (day.date() for day in days)


def next_free(
    rule: str, anchor: dt.date, *, after: dt.date, taken: frozenset[dt.date]
) -> dt.date | None:
    """The first day after `after` that no issue has yet; None when the rule has ended."""
    # Nobody has a thousand issues waiting; a rule without end must not hang.
    days = itertools.islice(dates(rule, anchor, after=after), 1000)
    return next((day for day in days if day not in taken), None)


def first_day(rule: str, anchor: dt.date) -> dt.date | None:
    """The first day of a rule: the anchor itself, unless the rule does not fall on it."""
    day = next(iter(_counted(rule, anchor)), None)
    return day.date() if day else None


def instant(day: dt.date, time: dt.time, zone: ZoneInfo) -> dt.datetime:
    """The moment of a local time, in UTC.

    Where clocks are put forward past it, the first moment after the gap; where they are put back
    and it comes twice, the first of the two.
    """
    local = dt.datetime.combine(day, time)
    early, late = (local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    if early <= late:
        return early
    # Inside a gap Python reads the time with the offset before it and, folded, with the one
    # after it; the change lies between the two.
    low, before = late, late.astimezone(zone).utcoffset()
    seconds = range(int((early - late).total_seconds()) + 1)

    def changed(second: int) -> bool:
        return (low + dt.timedelta(seconds=second)).astimezone(zone).utcoffset() != before

    return low + dt.timedelta(seconds=bisect.bisect_left(seconds, 1, key=changed))


def ahead(timetable: Timetable, now: dt.datetime) -> Iterator[Occurrence]:
    """The occurrences later than `now` (aware), the next one first."""
    # Local days and moments differ by a day at most, where a zone has crossed the date line.
    after = now.astimezone(timetable.zone).date() - dt.timedelta(days=2)
    for day in dates(timetable.rule, timetable.anchor, after=after):
        found = _occurrence(timetable, day)
        if found.at > now:
            yield found


def latest(timetable: Timetable, now: dt.datetime) -> Occurrence | None:
    """The last occurrence that is not later than `now` (aware); None before the first."""
    rule = _counted(timetable.rule, timetable.anchor)
    day = rule.before(_midnight(now.astimezone(timetable.zone).date()), inc=True)
    while day and (found := _occurrence(timetable, day.date())).at > now:
        day = rule.before(day)
    return found if day else None


def due(timetable: Timetable, now: dt.datetime, *, catch_up: float) -> Occurrence | None:
    """The occurrence to send at `now` (aware).

    Args:
        timetable: the schedule.
        now: the moment, aware.
        catch_up: how late it may be, in hours.

    Returns:
        The last one not later than `now`, if it is at most `catch_up` hours ago; else None.
    """
    last = latest(timetable, now)
    return last if last and is_in_time(last, now, catch_up=catch_up) else None


def is_in_time(occurrence: Occurrence, moment: dt.datetime, *, catch_up: float) -> bool:
    """Whether a moment (aware) is at most `catch_up` hours after an occurrence."""
    return (moment - occurrence.at).total_seconds() <= catch_up * _HOUR


def _counted(rule: str, anchor: dt.date) -> Any:  # noqa: ANN401  # dateutil knows two kinds
    return rrulestr(rule, dtstart=_midnight(anchor))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def _occurrence(timetable: Timetable, day: dt.date) -> Occurrence:
    return Occurrence(day=day, at=instant(day, timetable.time, timetable.zone))
