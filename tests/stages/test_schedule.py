"""The dates of a schedule: every zone, every change of the clocks, every edge of being due."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.schedule import (
    Occurrence,
    Timetable,
    ahead,
    dates,
    decision,
    first_day,
    instant,
    is_in_time,
    latest,
)
from newsletter.schedule.decision import Due, Ledger

RULE = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"
ANCHOR = dt.date(2020, 1, 5)
FORTNIGHT = dt.timedelta(days=14)
ZONES = (
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "America/Santiago",  # changes at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kolkata",
    "Africa/Casablanca",  # back for a month each year
    "Pacific/Apia",  # has crossed the date line
)
days = st.dates(dt.date(2020, 1, 1), dt.date(2035, 12, 31))
clocks = st.times().map(lambda time: time.replace(second=0, microsecond=0))
zones = st.sampled_from(ZONES).map(ZoneInfo)
tables = st.builds(Timetable, rule=st.just(RULE), anchor=st.just(ANCHOR), time=clocks, zone=zones)


def table(zone: str = "Europe/Amsterdam", time: str = "09:00", rule: str = RULE) -> Timetable:
    return Timetable(
        rule=rule, anchor=ANCHOR, time=dt.time.fromisoformat(time), zone=ZoneInfo(zone)
    )


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def local(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """What clocks on the wall show."""
    return moment.astimezone(zone).replace(tzinfo=None)


def decide(plan: Timetable, now: dt.datetime, **known) -> Due:
    """What a trigger does; by default the first one ever, nothing announced, six hours to catch up."""
    options = {"catch_up": known.pop("catch_up", 6), "window": known.pop("window", 0)}
    return decision.due(now, plan, Ledger(**known), **options)


def due(plan: Timetable, now: dt.datetime, *, catch_up: float) -> Occurrence | None:
    return decide(plan, now, catch_up=catch_up).send


# --- dates -----------------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("time", ["00:00", "00:30", "02:30", "09:00"])
def test_every_second_sunday_stays_fourteen_local_days_apart_for_sixteen_years(zone, time):
    plan = table(zone, time)
    end = utc("2036-01-01")
    found = list(itertools.takewhile(lambda o: o.at < end, ahead(plan, utc("2019-12-31"))))
    assert found[0].day == ANCHOR
    assert len(found) > 410
    assert {b.day - a.day for a, b in itertools.pairwise(found)} == {FORTNIGHT}
    for one in found:
        shown = local(one.at, plan.zone)
        wanted = dt.datetime.combine(one.day, plan.time)
        assert dt.timedelta() <= shown - wanted <= dt.timedelta(hours=1)
        assert shown.date() == one.day
        assert shown.strftime("%A") == "Sunday"


def test_odd_iso_weeks_would_send_on_two_sundays_in_a_row_and_the_rule_does_not():
    around = [dt.date(2026, 12, 20) + dt.timedelta(days=7 * n) for n in range(5)]
    odd = [day for day in around if day.isocalendar().week % 2]
    assert odd == [around[0] + dt.timedelta(days=n) for n in (0, 14, 21)]
    ruled = list(itertools.islice(dates(RULE, dt.date(2026, 11, 8), after=around[0]), 2))
    assert ruled == [dt.date(2027, 1, 3), dt.date(2027, 1, 17)]


def test_the_first_day_of_the_week_moves_the_dates_only_if_the_anchor_is_no_day_of_the_rule():
    def found(anchor, start):
        rule = RULE.replace("WKST=MO", f"WKST={start}")
        return first_day(rule, anchor), list(itertools.islice(dates(rule, anchor, after=anchor), 3))

    sunday, wednesday = dt.date(2026, 11, 8), dt.date(2026, 11, 11)
    assert found(sunday, "MO") == found(sunday, "SU")
    assert found(sunday, "MO")[0] == sunday
    # From a Wednesday, the same Sunday is this week's or the next one's; so it is refused.
    assert found(wednesday, "MO") != found(wednesday, "SU")
    assert wednesday not in {found(wednesday, start)[0] for start in ("MO", "SU")}


def test_a_rule_that_never_comes_true_has_no_first_day():
    assert first_day("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", ANCHOR) is None


# --- moments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "when", "moment"),
    [
        ("UTC", "2026-11-22 09:00", "2026-11-22 09:00"),
        ("Europe/Amsterdam", "2026-11-22 09:00", "2026-11-22 08:00"),
        ("Asia/Kolkata", "2026-11-22 09:00", "2026-11-22 03:30"),
        # Put forward from 02:00 to 03:00: every time between is the moment of the change.
        ("Europe/Amsterdam", "2026-03-29 01:59", "2026-03-29 00:59"),
        ("Europe/Amsterdam", "2026-03-29 02:00", "2026-03-29 01:00"),
        ("Europe/Amsterdam", "2026-03-29 02:30", "2026-03-29 01:00"),
        ("Europe/Amsterdam", "2026-03-29 02:59", "2026-03-29 01:00"),
        ("Europe/Amsterdam", "2026-03-29 03:00", "2026-03-29 01:00"),
        # Put back from 03:00 to 02:00: the first of the two.
        ("Europe/Amsterdam", "2026-10-25 02:00", "2026-10-25 00:00"),
        ("Europe/Amsterdam", "2026-10-25 02:30", "2026-10-25 00:30"),
        ("Europe/Amsterdam", "2026-10-25 03:00", "2026-10-25 02:00"),
        # Midnight itself does not exist; half an hour is missing; a whole day is.
        ("America/Santiago", "2026-09-06 00:00", "2026-09-06 04:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
        ("Pacific/Apia", "2011-12-30 09:00", "2011-12-30 10:00"),
    ],
)
def test_a_local_time_has_one_moment(zone, when, moment):
    wanted = dt.datetime.fromisoformat(when)
    assert instant(wanted.date(), wanted.time(), ZoneInfo(zone)) == utc(moment)


@given(day=days, time=clocks, zone=zones)
def test_a_moment_shows_its_local_time_or_the_first_one_after_a_gap(day, time, zone):
    wanted = dt.datetime.combine(day, time)
    found = instant(day, time, zone)
    assert found.tzinfo is dt.UTC
    shown = local(found, zone)
    assert shown >= wanted
    if shown > wanted:
        assert local(found - dt.timedelta(seconds=1), zone) < wanted
    for hours in (1, 0.5):  # no earlier moment shows it, too
        assert local(found - dt.timedelta(hours=hours), zone) != wanted


# --- due -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "catch_up", "day"),
    [
        ("2026-11-22 07:59:59", 6, None),
        ("2026-11-22 08:00:00", 6, "2026-11-22"),
        ("2026-11-22 08:00:00", 0, "2026-11-22"),
        ("2026-11-22 08:00:01", 0, None),
        ("2026-11-22 14:00:00", 6, "2026-11-22"),
        ("2026-11-22 14:00:01", 6, None),
        ("2026-11-22 08:30:00", 0.5, "2026-11-22"),
        ("2026-11-22 08:30:01", 0.5, None),
        ("2026-11-29 08:00:00", 6, None),
        # However long one may be late, the next date takes its place.
        ("2026-12-06 07:59:59", 1e300, "2026-11-22"),
        ("2026-12-06 08:00:00", 1e300, "2026-12-06"),
        ("2020-01-05 07:59:59", 1e300, None),
    ],
)
def test_an_issue_is_due_from_its_moment_until_it_is_too_late(now, catch_up, day):
    anchor = dt.date(2026, 11, 8) if now > "2026" else ANCHOR
    found = due(dataclasses.replace(table(), anchor=anchor), utc(now), catch_up=catch_up)
    assert (found and found.day.isoformat()) == day


def test_the_day_is_the_local_one_where_utc_has_another():
    plan = table("Pacific/Apia", "09:00")
    found = due(plan, utc("2020-01-18 20:00"), catch_up=1)
    assert found is not None
    assert (found.day, found.at) == (dt.date(2020, 1, 19), utc("2020-01-18 19:00"))


def test_after_its_end_a_rule_is_never_due_again():
    plan = table(rule=f"{RULE};COUNT=2")
    assert list(ahead(plan, utc("2020-01-19 08:00"))) == []
    last = latest(plan, utc("2030-01-01"))
    assert last is not None
    assert last.day == dt.date(2020, 1, 19)
    assert due(plan, utc("2030-01-01"), catch_up=6) is None


def test_lateness_is_counted_in_real_hours_when_the_clocks_change():
    plan = table(time="01:30")
    daily = Timetable(rule="FREQ=DAILY", anchor=ANCHOR, time=plan.time, zone=plan.zone)
    # 01:30 summer time; by 02:30 of the winter time two hours have passed.
    assert due(daily, utc("2026-10-25 01:30"), catch_up=2)
    assert due(daily, utc("2026-10-25 01:30:01"), catch_up=2) is None


@given(plan=tables, now=st.datetimes(dt.datetime(2020, 2, 1), dt.datetime(2035, 12, 31)))
def test_what_is_due_is_the_last_date_that_has_come(plan, now):
    now = now.replace(tzinfo=dt.UTC)
    last = latest(plan, now)
    assert last is not None
    assert last.at <= now
    coming = next(ahead(plan, now))
    assert coming.at > now
    assert coming.day - last.day == FORTNIGHT
    assert due(plan, now, catch_up=14 * 24 + 2) == last
    for catch_up in (0, 6, 100):
        expected = last if is_in_time(last, now, catch_up=catch_up) else None
        assert due(plan, now, catch_up=catch_up) == expected
