"""The dates of a schedule: a recurrence rule counted from an anchor, in local days.

rule        which recurrence rules there are
decision    what a trigger should do now: send, announce, remind, note what was missed
outlook     which issue is there for each date, for people
units       what makes a machine call `send --due` again and again
"""

from __future__ import annotations

import bisect
import datetime as dt
import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from newsletter.schedule.rule import period, without_time

_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """When issues are due.

    Attributes:
        rule: an RFC 5545 recurrence rule in days or more.
        anchor: one of its days, from which intervals count.
        time: the time of day, in `zone`.
        moved: other times of day, by date: what the issues of these dates say themselves.
    """

    rule: str
    anchor: dt.date
    time: dt.time
    zone: ZoneInfo
    moved: Mapping[dt.date, dt.time] = field(default_factory=dict)


class Occurrence(NamedTuple):
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
    days = _counted(rule, anchor, after).xafter(_midnight(after))
    return (day.date() for day in days)


def first_day(rule: str, anchor: dt.date) -> dt.date | None:
    """The first day of a rule: the anchor itself, unless the rule does not fall on it."""
    day = next(iter(_counted(rule, anchor, anchor)), None)
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
        found = occurrence(timetable, day)
        if found.at > now:
            yield found


def latest(timetable: Timetable, now: dt.datetime) -> Occurrence | None:
    """The last occurrence that is not later than `now` (aware); None before the first."""
    today = now.astimezone(timetable.zone).date()
    rule = _counted(timetable.rule, timetable.anchor, today)
    day = rule.before(_midnight(today), inc=True)
    while day and (found := occurrence(timetable, day.date())).at > now:
        day = _counted(timetable.rule, timetable.anchor, day.date()).before(day)
    return found if day else None


def is_in_time(occurrence: Occurrence, moment: dt.datetime, *, catch_up: float) -> bool:
    """Whether a moment (aware) is at most `catch_up` hours after an occurrence."""
    return (moment - occurrence.at).total_seconds() <= catch_up * _HOUR


def next_free(
    timetable: Timetable, now: dt.datetime, *, taken: frozenset[dt.date]
) -> dt.date | None:
    """The first day still to come that no issue has yet; None when the rule has ended."""
    # Nobody has a thousand issues waiting; a rule without end must not hang.
    coming = itertools.islice(ahead(timetable, now), 1000)
    return next((found.day for found in coming if found.day not in taken), None)


def occurrence(timetable: Timetable, day: dt.date) -> Occurrence:
    """The occurrence of one of the rule's days."""
    time = timetable.moved.get(day, timetable.time)
    return Occurrence(day=day, at=instant(day, time, timetable.zone))


def _counted(rule: str, anchor: dt.date, near: dt.date) -> Any:  # noqa: ANN401  # dateutil knows two kinds
    """The rule's days, counted from its anchor or from a later day that counts the same.

    Counting from 1970 at every question would take longer every year.
    """
    step = period(rule)
    # One period earlier, so that the day before `near` is found as well.
    periods = max(0, (near - anchor).days // step - 1) if step else 0
    return _days(rule, anchor + dt.timedelta(days=periods * step))


@functools.lru_cache(maxsize=64)
def _days(rule: str, start: dt.date) -> Any:  # noqa: ANN401  # as above
    from dateutil.rrule import rrulestr  # noqa: PLC0415  # `--help` names what is beside it

    return rrulestr(without_time(rule), dtstart=_midnight(start))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())
