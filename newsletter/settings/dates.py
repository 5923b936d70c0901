"""The schedule of the settings, as the plain value the stages take."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from newsletter.errors import InputError, Place
from newsletter.schedule import Timetable, first_day
from newsletter.settings.loading import Settings


def timetable(settings: Settings, *, moved: Mapping[dt.date, dt.time] | None = None) -> Timetable:
    """When issues are due.

    Args:
        settings: the newsletter's.
        moved: other times of day, by date, from `newsletter.schedule.outlook.moved`.

    Raises:
        InputError: there is no schedule, or its anchor is not one of its days.
    """
    rule, anchor = settings.schedule.rrule, settings.schedule.anchor
    if not rule or anchor is None:
        raise InputError(
            "there is no schedule",
            hint='set schedule.rrule, such as "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO", and '
            "schedule.anchor, the date of one issue",
        )
    first = first_day(rule, anchor)
    if first != anchor:
        raise InputError(
            f'"schedule.anchor" is {anchor}, a {anchor:%A}, which is no day of "schedule.rrule"',
            place=_place(settings, "schedule.anchor"),
            hint=f"write {first}, or the date of another issue" if first else "mend the rule",
        )
    zone = ZoneInfo(settings.site.timezone)
    return Timetable(
        rule=rule, anchor=anchor, time=settings.schedule.time, zone=zone, moved=moved or {}
    )


def _place(settings: Settings, key: str) -> Place:
    """Where a setting was made: a line of a file, or the name of its variable."""
    file, colon, line = settings.origin(key).rpartition(":")
    return Place(file, int(line)) if colon and line.isdecimal() else Place(settings.origin(key))
