"""`newsletter doctor` and the schedule: whether anything calls when an issue is due."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter import clocks
from newsletter.store import Store
from newsletter.store.calendar import Calendar
from tests.doctor.test_doctor import found, told
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def looked(ready, monkeypatch):
    """What the check says so long after the last trigger, None for before any."""
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")

    def look(after):
        if after is not None:
            with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
                calendar = Calendar(store, rehearsal=False)
                calendar.saw(clocks.now() - after - HOUR)
                calendar.saw(clocks.now() - after)
        ran = ready.run("doctor", "--only", "trigger", "--json")
        return found(ran).get("trigger", ""), *told(ran, "trigger")

    return look


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("after", "severity", "words", "hint"),
    [
        (None, "", "no trigger has come yet, and no issue waits for one", ""),
        (HOUR / 10, "", "triggers come; nothing outside watches them (schedule.heartbeat_url)", ""),
        (5 * HOUR, "warning", "the last trigger came 5 h 00 min ago", "schedule --print"),
        (-3 * HOUR, "error", "clock is 3 h 00 min behind the last trigger", "--trust-clock"),
    ],
)
def test_triggers_that_stay_away_are_told(looked, after, severity, words, hint):
    said = looked(after)
    assert said[0] == severity
    assert words in said[1]
    assert hint in said[2]


def test_an_approved_issue_that_nothing_will_send_is_told(ready, looked):
    ready.edit("issues/075-words-for-the-pause.md", "title:", f"approved: {'a' * 64}\ntitle:")
    severity, told, hint = looked(None)
    assert (severity, told) == (
        "warning",
        "issue 75 is approved, and nothing calls newsletter send --due",
    )
    assert "schedule --print systemd" in hint
    assert "newsletter send --issue 75" in hint


def test_of_several_approved_issues_all_are_named(ready, looked):
    for number in (80, 81, 82):
        ready.write(f"issues/{number:03}-x.md", f"---\ntitle: x\napproved: {'a' * 64}\n---\nx\n")
    _, told, hint = looked(None)
    assert told.startswith("issues 80, 81 and 82 are approved, and nothing calls")
    assert "newsletter send --issue 80" in hint


def test_without_a_schedule_nothing_has_to_call(looked, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SCHEDULE__RRULE", "")
    assert looked(None)[1] == "there is no schedule"
