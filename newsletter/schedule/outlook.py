"""Which issue is there for each date: what `schedule`, `status` and the preview's list show."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Container, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from newsletter.issue import Issue
from newsletter.schedule import Occurrence, Timetable, ahead, dates, next_free, occurrence


class IssueStanding(StrEnum):
    """How far the issue of a date is."""

    NONE = "none"  # no issue has this date
    DRAFT = "draft"
    NOT_APPROVED = "not approved"
    CHANGED = "changed since approval"
    APPROVED = "approved"
    TWICE = "two issues of one date"
    CANCELLED = "cancelled"  # by a person; only a person sends it
    BEGUN = "begun already"
    SENT = "sent already"


_NONE_CLOSED: Final[Mapping[int, IssueStanding]] = MappingProxyType({})


class Prospect(NamedTuple):
    """One date still ahead and what is there for it.

    Attributes:
        occurrence: the date.
        issue: the issue that has this date, None where there is none.
        standing: how far it is.
        zone: the newsletter's time zone.
        is_now: whether the date has come, and its issue may still begin.
    """

    occurrence: Occurrence
    issue: Issue | None
    standing: IssueStanding
    zone: ZoneInfo
    is_now: bool = False

    @property
    def when(self) -> str:
        """The local time, for people: `Sun 2026-11-22 09:00`."""
        return f"{self.occurrence.at.astimezone(self.zone):%a %Y-%m-%d %H:%M}"

    @property
    def state(self) -> str:
        """How far its issue is, for people, and what a schedule does not do for them."""
        due = "due now, " if self.is_now else ""
        by_hand = ""
        if self.issue and self.standing is IssueStanding.CANCELLED:
            by_hand = f": only newsletter send --issue {self.issue.number} sends it"
        return f"{due}{self.standing.value}{by_hand}"


def day_of(issue: Issue, zone: ZoneInfo) -> dt.date | None:
    """The local date an issue is meant for: of its `send_at`, else its `date`.

    None for one that an earlier service sent, and for the one that `init` wrote until its author
    has rewritten it: no schedule has to do with them, and their date is free.
    """
    if issue.sent_elsewhere or issue.is_sample:
        return None
    moment = _send_at(issue, zone)
    return moment.date() if moment else issue.date


def appointment(table: Timetable, issue: Issue) -> Occurrence | None:
    """The date of the schedule on which an issue would go; None when it has none there."""
    day = day_of(issue, table.zone)
    if day is None:
        return None
    after = day - dt.timedelta(days=1)
    found = next(dates(table.rule, table.anchor, after=after), None)
    return occurrence(table, day) if found == day else None


def free_day(
    table: Timetable, issues: Iterable[Issue], now: dt.datetime, *, closed: Container[int] = ()
) -> dt.date | None:
    """The next date of the schedule that no issue has; None when the schedule has ended.

    Args:
        table: the schedule.
        issues: all of them.
        now: with a time zone.
        closed: as for `candidates`.
    """
    ahead = (issue for issue in issues if issue.number not in closed)
    taken = frozenset(day for issue in ahead if (day := day_of(issue, table.zone)))
    return next_free(table, now, taken=taken)


def moved(issues: Iterable[Issue], zone: ZoneInfo) -> dict[dt.date, dt.time]:
    """The times of day that issues ask for themselves, with a `send_at` that has one."""
    ready = (one for one in issues if one.status == "ready" and day_of(one, zone))
    found = ((issue, _send_at(issue, zone)) for issue in ready)
    return {
        moment.date(): moment.time()
        for issue, moment in found
        if moment and len(str(issue.raw["send_at"]).strip()) > len("2026-11-22")
    }


def candidates(
    issues: Iterable[Issue], day: dt.date, zone: ZoneInfo, closed: Container[int]
) -> list[Issue]:
    """The issues of a day; one that is closed only where no other has it.

    Args:
        issues: all of them.
        day: a local date.
        zone: the newsletter's time zone.
        closed: numbers of issues that no schedule sends any more: sent, begun, cancelled.
    """
    found = [issue for issue in issues if day_of(issue, zone) == day]
    return [issue for issue in found if issue.number not in closed] or found[-1:]


def there(
    issues: Iterable[Issue],
    day: dt.date,
    zone: ZoneInfo,
    is_same: Callable[[Issue], bool],
    closed: Container[int] = (),
) -> tuple[Issue | None, IssueStanding]:
    """The issue of a day and how far it is: drafts count only where nothing else is there.

    Args:
        issues: all of them.
        day: a local date.
        zone: the newsletter's time zone.
        is_same: whether an approved issue is still what was approved; asked for the one that is.
        closed: as for `candidates`.
    """
    found = candidates(issues, day, zone, closed)
    ready = [issue for issue in found if issue.status == "ready"]
    if not found:
        return None, IssueStanding.NONE
    if len(ready) > 1:
        return ready[0], IssueStanding.TWICE
    if not ready:
        return found[0], IssueStanding.DRAFT
    (issue,) = ready
    if not issue.approved:
        return issue, IssueStanding.NOT_APPROVED
    return issue, IssueStanding.APPROVED if is_same(issue) else IssueStanding.CHANGED


def outlook(
    table: Timetable,
    issues: Iterable[Issue],
    now: dt.datetime,
    *,
    is_same: Callable[[Issue], bool],
    most: int,
    closed: Mapping[int, IssueStanding] = _NONE_CLOSED,
    waiting: Occurrence | None = None,
) -> tuple[Prospect, ...]:
    """The next dates, at most so many, each with its issue; first one that has come, if any.

    Args:
        table: the schedule.
        issues: all of them.
        now: with a time zone.
        is_same: as for `there`.
        most: how many dates.
        closed: of issues that no schedule sends, approved or not: sent, begun, cancelled.
        waiting: the date that has come and is not used up; shown where something may yet go.
    """
    known = tuple(issues)
    found = []
    over = {IssueStanding.NONE, IssueStanding.BEGUN, IssueStanding.SENT}
    for date in (*([waiting] if waiting else ()), *itertools.islice(ahead(table, now), most)):
        issue, standing = there(known, date.day, table.zone, is_same, closed)
        if issue and standing is not IssueStanding.TWICE:
            standing = closed.get(issue.number, standing)
        if date is waiting and standing in over:
            continue
        found.append(Prospect(date, issue, standing, table.zone, is_now=date is waiting))
    return tuple(found)


def _send_at(issue: Issue, zone: ZoneInfo) -> dt.datetime | None:
    """The local moment of `send_at`, naive."""
    moment = issue.send_at
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(zone).replace(tzinfo=None)
