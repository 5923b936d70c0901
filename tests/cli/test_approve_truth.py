"""`newsletter approve` says yes only where the schedule then sends the issue."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.support.cli_fixtures import ISSUE, folder, plain_environment, ready
from tests.support.schedule_fixtures import DUE, at

__all__ = ["at", "folder", "plain_environment", "ready"]

ANYWAY = "--anyway approves it all the same"


def approve(newsletter, *words):
    return newsletter.run("approve", "--issue", "74", *words)


def refused(newsletter, sentence, way_out):
    """Refused with nothing written, and then approved anyway, with the same sentence."""
    before = (newsletter.root / ISSUE).read_bytes()
    ran = approve(newsletter)
    assert (ran.code, ran.out) == (8, "")
    assert sentence in ran.error
    assert way_out in ran.hint
    assert ANYWAY in ran.hint
    assert (newsletter.root / ISSUE).read_bytes() == before
    anyway = approve(newsletter, "--anyway")
    assert anyway.code == 0
    assert f"warning: {ran.error.removeprefix('error: ')}" in anyway.err
    assert b"\napproved: " in (newsletter.root / ISSUE).read_bytes()


def test_without_a_schedule_nothing_would_send_it(ready, at):
    text = (ready.root / "newsletter.toml").read_text("utf-8")
    ready.write("newsletter.toml", text.partition("[schedule]")[0])
    refused(ready, "there is no schedule, so nothing sends issue 74", "newsletter send --issue 74")


@pytest.mark.sweep
@pytest.mark.parametrize(
    "line", ["date: 2026-11-23", "date: 2026-11-29", "send_at: 2026-11-24 10:00"]
)
def test_a_date_that_is_not_in_the_schedule_is_told_with_the_next_free_one(ready, at, line):
    ready.edit(ISSUE, "date: 2026-11-22", line if "date" in line else f"date: 2026-11-22\n{line}")
    day = dt.date.fromisoformat(line.split()[1])
    refused(
        ready, f"issue 74 is dated {day:%a %Y-%m-%d}, which is no date of the schedule",
        f'write "{line.split(":")[0]}: 2026-12-20"',
    )  # fmt: skip


@pytest.mark.parametrize("day", ["2026-11-21", "2020-01-05"])
def test_a_date_that_has_passed_is_told_as_passed_in_the_schedule_or_not(ready, at, day):
    ready.edit(ISSUE, "date: 2026-11-22", f"date: {day}")
    named = f"{dt.date.fromisoformat(day):%a %Y-%m-%d}"
    refused(ready, f"the date of issue 74, {named}, has passed", 'write "date: 2026-12-20"')


def test_a_send_at_may_name_another_date_of_the_schedule(ready, at):
    ready.edit(ISSUE, "date: 2026-11-22", "date: 2026-11-24\nsend_at: 2026-11-22 18:00")
    ran = approve(ready)
    assert ran.code == 0, ran.err
    assert "it is due on Sun 2026-11-22 18:00 (" in ran.err


def test_an_issue_without_a_date_is_told(ready, at):
    ready.edit(ISSUE, "date: 2026-11-22\n", "")
    refused(ready, "issue 74 has no date, so no schedule sends it", "2026-12-20")


def test_a_rule_that_has_ended_has_no_date_to_propose(ready, at):
    ready.edit("newsletter.toml", 'WKST=MO"', 'WKST=MO;UNTIL=20261108"')
    refused(ready, "which is no date of the schedule", "the schedule has ended")


@pytest.mark.processes
def test_a_date_that_has_passed_is_told_and_only_then(ready, at):
    at("2026-11-22 14:00")  # six hours late: the very last moment
    assert approve(ready).code == 0
    assert ready.run(*DUE).code == 0
    assert len(ready.mails()) == 25


def test_what_is_refused_as_passed_would_not_have_gone(ready, at):
    ready.run(*DUE)  # the first trigger ever
    at("2026-11-22 14:01")
    refused(ready, "the date of issue 74, Sun 2026-11-22, has passed", "newsletter send --issue 74")
    ready.run(*DUE)
    assert ready.mails() == []


def test_another_issue_ready_for_the_same_day_is_told(ready, at):
    text = (ready.root / ISSUE).read_text("utf-8")
    ready.write("issues/080-x.md", text.replace("number: 74", "number: 80"))
    refused(
        ready, "issues/080-x.md is ready for Sun 2026-11-22 as well, so neither would be sent",
        "give one of them another date",
    )  # fmt: skip
    ready.run(*DUE)
    assert ready.mails() == []


def test_a_cancelled_issue_is_told_as_such_whatever_else_is_ready_for_its_day(ready, at):
    text = (ready.root / ISSUE).read_text("utf-8")
    ready.write("issues/080-x.md", text.replace("number: 74", "number: 80"))
    assert ready.run("cancel", "--issue", "74").code == 0
    ran = approve(ready)
    assert (ran.code, "issue 74 is cancelled" in ran.error) == (8, True)


def test_an_approval_that_was_true_once_is_told_when_it_is_no_longer(ready, at):
    assert approve(ready).code == 0
    assert approve(ready).out == "issue 74 is approved already\n"
    at("2026-11-25 08:00")
    assert approve(ready).code == 8


# --- new -------------------------------------------------------------------------------------


def test_new_says_its_date_and_what_comes_next(ready, at):
    ran = ready.run("new", "Low water")
    assert ran.err.splitlines() == [
        "its date is Sun 2026-12-20, the next free date of the schedule",
        "next: write it while you look at it: newsletter preview --issue 76",
        'then write "status: ready" there, and: newsletter approve --issue 76',
    ]


@pytest.mark.parametrize("rule", ["", "FREQ=WEEKLY;UNTIL=20261108"])
def test_without_a_date_of_the_schedule_new_leads_to_sending_by_hand(ready, at, rule):
    ready.patch.setenv("NEWSLETTER_SCHEDULE__RRULE", rule)
    ran = ready.run("new", "Low water")
    assert ran.err.splitlines()[0].startswith("its date is Sun 2026-11-22, today, for ")
    assert ran.err.splitlines()[-1].endswith("newsletter send --issue 76")
