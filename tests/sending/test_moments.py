"""Days and moments as people write them: read within 1970 to 2200, else refused with their line."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from newsletter import moments
from newsletter.errors import InputError
from newsletter.schedule import Timetable
from newsletter.schedule.decision import Ledger, due
from newsletter.schedule.outlook import IssueStanding, moved, outlook
from tests.conftest import issue_with
from tests.support.cli_fixtures import ISSUE, Folder
from tests.support.effort import either, examples
from tests.support.schedule_fixtures import DUE, approved, at, folder, plain_environment, ready

__all__ = ["approved", "at", "folder", "plain_environment", "ready"]

COMMANDS = (("status",), ("schedule",), ("approve", "--issue", "74"), DUE)
REFUSED = [
    "9999-12-31T23:59:59-14:00", "9999-12-31", "0001-01-01", "0001-01-01T00:00:00+23:59",
    "1969-12-31", "2201-01-01", "2201-01-01T00:00+14:00", "10000-01-01", "2026-02-29",
    "2026-11-22T23:59:60", "2026-11-22T24:30", "2026-11-22T09:00+24:00", "2026-13-01", "now", "~",
    "2026-11-22T09:00 Europe/Amsterdam", "!!timestamp 2026-11-22x", "1e9", "0", "-1", "٢٠٢٦-١١-٢٢",
]  # fmt: skip
TAKEN = [
    "2026-11-22", "20261122", "2026-W47-7", "2028-02-29", "1970-01-01", "2200-12-31",
    "1970-01-01T00:00+23:59", "2200-12-31T23:59:59-23:59", "2026-11-22T09:00:00.123456+05:30",
    "2026-03-29T02:30", "2026-10-25T02:30", "2026-11-22T09:00+23:59:59", "2026-11-22 09:00",
]  # fmt: skip


def written(text: str) -> str:
    """One value of front matter, whatever is in it."""
    return json.dumps(text)


def run_all(newsletter: Folder) -> set[int]:
    return {newsletter.run(*words).code for words in COMMANDS}


@pytest.mark.parametrize("key", ["date", "send_at"])
@pytest.mark.parametrize("text", REFUSED)
def test_a_date_that_is_none_or_lies_too_far_off_is_refused_with_its_line(key, text):
    with pytest.raises(InputError) as caught:
        issue_with(front=f"title: A title\n{key}: {written(text)}")
    assert str(caught.value).startswith("issues/007.md:3:1: ")


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01", "2201-01-01"])
def test_a_year_too_far_off_is_named_as_such(text):
    with pytest.raises(InputError, match='"send_at" lies outside the years 1970 to 2200'):
        issue_with(front=f"title: A title\nsend_at: {text}")


@pytest.mark.parametrize("key", ["date", "send_at"])
@pytest.mark.parametrize("text", TAKEN)
def test_every_moment_in_range_can_be_reckoned_with(key, text):
    reckon(issue_with(front=f"title: A title\n{key}: {written(text)}"))


def reckon(issue) -> None:
    """Everything a schedule does with the moments of an issue, in zones at both ends of the day."""
    for name in ("Europe/Amsterdam", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        zone = zoneinfo.ZoneInfo(name)
        table = Timetable(
            rule="FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO", anchor=dt.date(2026, 11, 8),
            time=dt.time(9), zone=zone, moved=moved([issue], zone),
        )  # fmt: skip
        for now in (
            dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC),
            dt.datetime(1970, 1, 2, tzinfo=dt.UTC),
        ):
            due(now, table, Ledger(), catch_up=6, window=15)
            found = outlook(table, [issue], now, is_same=lambda _: True, most=3)
            assert {one.standing for one in found} <= {
                IssueStanding.NONE,
                IssueStanding.NOT_APPROVED,
            }


@pytest.mark.sweep
@pytest.mark.parametrize(
    "anchor",
    ["0001-01-01", "9999-12-26", '"0001-01-07"', '"9999-12-26"', "1969-12-28", "2201-01-04",
     "2026-11-08T09:00:00", '"2026-02-30"', "2026", '"now"', '"2026-11-08T24:00"', '""'],
)  # fmt: skip
def test_an_anchor_that_is_no_day_within_range_is_refused_with_its_line(ready, at, anchor):
    ready.edit("newsletter.toml", "anchor = 2026-11-08", f"anchor = {anchor}")
    for words in COMMANDS:
        ran = ready.run(*words)
        assert ran.code == 2
        assert "newsletter.toml:" in ran.error
        assert '"schedule.anchor"' in ran.error


@pytest.mark.parametrize(
    ("until", "code"), [("99991231", 2), ("00010101", 2), ("19691231", 2), ("21991231", 0)]
)
def test_a_rule_ends_within_range(ready, at, until, code):
    rule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"
    ready.edit("newsletter.toml", rule, f"{rule};UNTIL={until}")
    assert ready.run("schedule").code == code


@pytest.mark.parametrize("key", ["date", "send_at"])
@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01"])
def test_what_lies_too_far_off_stops_no_command_with_a_bug(ready, at, key, text):
    ready.edit(ISSUE, "date: 2026-11-22", f"{key}: {text}")
    assert run_all(ready) <= {0, 2}
    ran = ready.run("approve", "--issue", "74")
    assert f"{ISSUE}:" in ran.error
    assert "1970 to 2200" in ran.error


TIMES = st.one_of(
    st.text(max_size=30),
    st.datetimes(timezones=st.timezones() | st.none()).map(lambda m: m.isoformat()),
    st.builds(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}".format,
        st.integers(0, 10_000), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25),
        st.integers(0, 60), st.integers(0, 61), st.sampled_from("+-"), st.integers(0, 24),
        st.integers(0, 60),
    ),
)  # fmt: skip


@given(TIMES, st.sampled_from(["date", "send_at"]))
@example("9999-12-31T23:59:59-14:00", "send_at")
@settings(max_examples=examples(300))
def test_any_text_is_a_moment_that_can_be_reckoned_with_or_is_refused(text, key):
    try:
        issue = issue_with(front=f"title: A title\n{key}: {written(text)}")
    except InputError:
        return
    reckon(issue)


@given(TIMES, TIMES, TIMES)
@example("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00", "9999-12-31")
@settings(
    max_examples=either(5, 12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_text_in_a_date_is_a_bug_of_any_command(ready, at, date, send_at, anchor):
    issue, config = ready.root / ISSUE, ready.root / "newsletter.toml"
    before = issue.read_text("utf-8"), config.read_text("utf-8")
    try:
        ready.edit(ISSUE, "date: 2026-11-22", f"date: {written(date)}\nsend_at: {written(send_at)}")
        assert 1 not in run_all(ready)
        ready.edit("newsletter.toml", "anchor = 2026-11-08", f"anchor = {written(anchor)}")
        assert 1 not in run_all(ready)
    finally:
        issue.write_text(before[0], "utf-8")
        config.write_text(before[1], "utf-8")


def test_the_range_is_whole_years():
    assert moments.day("1970-01-01") == dt.date(1970, 1, 1)
    assert moments.day("2200-12-31") == dt.date(2200, 12, 31)
    for text in ("1969-12-31", "2201-01-01"):
        with pytest.raises(moments.OutOfRangeError):
            moments.day(text)
