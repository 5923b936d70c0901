"""The schedule of the settings, as the plain value the stages take."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from newsletter.errors import InputError
from newsletter.schedule import Timetable
from newsletter.schedule.rule import in_days
from newsletter.settings.load import Settings


def timetable(settings: Settings, *, moved: Mapping[dt.date, dt.time] | None = None) -> Timetable:
    """When issues are due.

    Args:
        settings: the newsletter's.
        moved: other times of day, by date, from `newsletter.schedule.outlook.moved`.

    Raises:
        InputError: there is no schedule.
    """
    rule, anchor = settings.schedule.rrule, settings.schedule.anchor
    if not rule or anchor is None:
        raise InputError(
            "there is no schedule",
            hint='set schedule.rrule, such as "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO", and '
            "schedule.anchor, the date of one issue",
        )
    zone = ZoneInfo(settings.site.timezone)
    time = settings.schedule.time
    return Timetable(
        rule=in_days(rule, time, zone), anchor=anchor, time=time, zone=zone, moved=moved or {}
    )
