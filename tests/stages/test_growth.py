"""One address's log told as comings and goings, and a list added up from them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from newsletter.stats.glyphs import bar, spark
from newsletter.stats.growth import GrowthReason, ListChange, LogEntry, grown, steps
from newsletter.stats.issues import percent, providers, share

DAY = dt.datetime(2026, 11, 1, 23, 30, tzinfo=dt.UTC)


def told(*log: tuple[str, str]) -> list[str]:
    entries = [
        LogEntry(DAY + dt.timedelta(days=n), event, source) for n, (event, source) in enumerate(log)
    ]
    return [step.change.value for step in steps(entries)]


LIVES = {
    "is imported again": ([("imported", "a"), ("imported", "b")], ["joined"]),
    "leaves twice": ([("imported", ""), ("unsubscribed", ""), ("unsubscribed", "")], ["joined", "left"]),
    "comes back": ([("imported", ""), ("unsubscribed", ""), ("came back", "")], ["joined", "left", "back"]),
    "never confirmed": ([("imported pending", ""), ("unsubscribed", "")], []),
    "confirms": ([("imported pending", ""), ("imported", "")], ["joined"]),
    "is suppressed, then leaves": ([("imported", ""), ("suppressed", "bounced"), ("unsubscribed", "")], ["joined", "bounced"]),
    "is let in, and had left": (
        [("imported", ""), ("unsubscribed", ""), ("suppressed", "complained"), ("allowed", "")],
        ["joined", "left", "back"],
    ),
    "is let in, and never was there": ([("suppressed", "blocked"), ("allowed", ""), ("imported", "")], ["joined"]),
    "is erased, then let in, then added": (
        [("imported", ""), ("erased", ""), ("suppressed", "erased"), ("allowed", ""), ("imported", "")],
        ["joined", "erased", "back"],
    ),
    "is erased after a bounce": ([("imported", ""), ("suppressed", "soft bounces"), ("erased", "")], ["joined", "bounced"]),
    "is blocked": ([("imported", ""), ("suppressed", "blocked")], ["joined", "suppressed"]),
    "wants something else": ([("imported", ""), ("welcomed", ""), ("preferences", "")], ["joined"]),
    "moves to another address": ([("imported", ""), ("moved", "")], ["joined", "left"]),
    "asks, and confirms": ([("asked", ""), ("confirmed", "")], ["joined"]),
    "asks, and refuses": ([("asked", ""), ("refused", "")], []),
    "confirms after a bounce": (
        [("imported", ""), ("suppressed", "bounced"), ("asked", ""), ("confirmed", "")],
        ["joined", "bounced", "back"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("log", "found"), LIVES.values(), ids=LIVES)
def test_a_life_is_told_in_changes_of_the_list(log, found):
    assert told(*log) == found


def test_days_are_those_of_the_newsletter_and_the_last_one_is_counted():
    berlin = ZoneInfo("Europe/Berlin")
    growth = grown(
        [ListChange(DAY, GrowthReason.JOINED, "form"), ListChange(DAY + dt.timedelta(days=40), GrowthReason.LEFT, "")],
        active=10, now=(DAY + dt.timedelta(days=70)).astimezone(berlin),
    )  # fmt: skip
    assert growth.sizes() == {
        dt.date(2026, 11, 2): 11, dt.date(2026, 12, 12): 10, dt.date(2027, 1, 11): 10
    }  # fmt: skip
    assert {str(month): dict(changes) for month, changes in growth.months().items()} == {
        "2026-11-01": {"joined": 1}, "2026-12-01": {"left": 1}, "2027-01-01": {},
    }  # fmt: skip
    assert list(growth.month_sizes().values()) == [11, 10, 10]
    assert growth.since(dt.date(2026, 12, 1)) == -1
    assert growth.sources == {"form": 1}


def test_a_share_is_told_of_fifty_mails_and_of_what_was_measured():
    assert share(1, 50) == 0.02
    assert share(1, 49) is None
    assert share(None, 5000) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0.0 %"), (1, "100.0 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.9913, "99.1 %")],
)
def test_only_a_whole_is_shown_as_a_hundred_percent(value, shown):
    assert percent(value) == shown


def test_domains_of_one_provider_are_added_up():
    row = {"accepted": 2, "delivered": 1, "bounced": 0, "complained": 0, "unsubscribed": 1}
    found = providers(
        {"gmail.com": row, "googlemail.com": row, "example.org": row, "(erased)": row}
    )
    assert {name: row["accepted"] for name, row in found.items()} == {
        "Gmail": 4,
        "(erased)": 2,
        "other": 2,
    }


def test_a_sparkline_has_a_gap_where_nothing_is_known():
    assert spark([0, None, 7, 3.4], plain=False) == "▁ █▄"
    assert spark([0, None, 8], plain=True) == ". @"
    assert spark([5, 5], plain=False) == "▁▁"
    assert spark([None], plain=False) == ""


def test_a_bar_ends_in_eighths_and_something_is_never_nothing():
    assert bar(8, 8, 2, plain=False) == "██"
    assert bar(5, 8, 2, plain=False) == "█▎"
    assert bar(1, 10_000, 8, plain=False) == "▏"
    assert bar(0, 8, 2, plain=False) == bar(1, 0, 2, plain=False) == ""
    assert bar(1, 10_000, 8, plain=True) == "#"
