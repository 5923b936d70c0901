"""The end of a recurrence rule: UNTIL as a day, as a local moment, and in UTC."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from newsletter.schedule import Timetable, ahead
from newsletter.schedule.rule import fault, in_days

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NINE = dt.time(9)
SUNDAYS = "FREQ=WEEKLY;BYDAY=SU"


def last_day(until, zone=AMSTERDAM, time=NINE):
    rule = f"{SUNDAYS};UNTIL={until}"
    assert fault(rule) is None
    table = Timetable(
        rule=in_days(rule, time, zone), anchor=dt.date(2027, 1, 3), time=time, zone=zone
    )
    now = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    return [one.day for one in islice(ahead(table, now), 20)][-1]


@pytest.mark.parametrize(
    ("until", "day"),
    [
        ("20270131", 31),  # the whole day
        ("20270131T090000", 31),  # local time
        ("20270131T085959", 24),
        ("20270131T080000Z", 31),  # nine in Amsterdam
        ("20270131T075959Z", 24),
        ("20270201T000000Z", 31),
        ("20270130T235959Z", 24),  # Sunday there already, but not yet nine
        ("20270206T230000Z", 31),
    ],
)
def test_the_last_issue_is_the_last_one_due_by_then(until, day):
    assert last_day(until) == dt.date(2027, 1, day)


def test_the_zone_decides_which_day_a_moment_is():
    assert last_day("20270131T000000Z", ZoneInfo("Asia/Tokyo")) == dt.date(2027, 1, 31)
    assert last_day("20270131T160000Z", ZoneInfo("America/Los_Angeles")) == dt.date(2027, 1, 24)
    assert last_day("20270131T170000Z", ZoneInfo("America/Los_Angeles")) == dt.date(2027, 1, 31)


@pytest.mark.parametrize(
    ("end", "what"),
    [
        ("UNTIL=2027-01-31", "has an UNTIL that is no date or moment: 2027-01-31"),
        ("UNTIL=20270131T0900", "has an UNTIL that is no date or moment: 20270131T0900"),
        ("UNTIL=20270131Z", "has an UNTIL that is no date or moment: 20270131Z"),
        ("UNTIL=20270230", "has an UNTIL that does not exist: 20270230"),
        ("UNTIL=20270131T250000Z", "has an UNTIL that does not exist: 20270131T250000Z"),
        ("UNTIL=00010101T000000Z", "has an UNTIL that lies outside the years 1970 to 2200"),
        ("UNTIL=20270131;COUNT=3", "has both COUNT and UNTIL"),
    ],
)
def test_an_end_that_cannot_be_read_is_told_with_its_reason(end, what):
    found = fault(f"{SUNDAYS};{end}")
    assert found is not None
    assert found[0] == what
    assert found[1]
