"""`newsletter approve`, `schedule` and `send --due`, with the clock in the test's hands."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest

from newsletter import clocks
from newsletter.delivery import Pause, RunState
from newsletter.store import Store, runs
from newsletter.store.calendar import Calendar
from tests.support import claiming
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

DUE = ("--no-input", "send", "--due", "--yes")
DRAFT = "issues/075-words-for-the-pause.md"


@pytest.fixture
def at(monkeypatch):
    """Set the clock, in UTC."""

    def turn(text: str) -> None:
        now = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        monkeypatch.setattr(clocks, "now", lambda: now)

    turn("2026-11-22 08:00")
    return turn


@pytest.fixture
def approved(ready, at):
    assert ready.run("approve", "--issue", "74").code == 0
    return ready


def store_of(newsletter: Folder) -> Store:
    return Store.open(f"sqlite:///{newsletter.root}/.newsletter/newsletter.db", create=False)


def dates_used(newsletter: Folder) -> list[tuple[str, str, int | None]]:
    with newsletter.records() as store:
        used = Calendar(store, rehearsal=True).used()
    return [(str(one.occurrence.day), one.state.value, one.issue) for one in used]


def stopped_by(newsletter: Folder, pause: Pause) -> None:
    """Have the run stand still for this reason."""
    with store_of(newsletter) as store:
        run = runs.find(store, 74, rehearsal=True)
        assert run is not None
        runs.set_state(store, run, RunState.PAUSED, clocks.now(), pause=pause, reason="so it is")


# --- approve ---------------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("change", ["", "crlf", "mark", "older"])
def test_approving_adds_one_line_and_keeps_every_other_byte(ready, at, change):
    before = (ready.root / ISSUE).read_bytes()
    if change == "crlf":
        before = before.replace(b"\n", b"\r\n")
    if change == "mark":
        before = b"\xef\xbb\xbf" + before
    old = b"approved: older\n" if change == "older" else b""
    ready.write(ISSUE, before.replace(b"number: 74\n", b"number: 74\n" + old))
    ran = ready.run("approve", "--issue", "74")
    assert ran.code == 0
    assert f"git add {ISSUE} && git commit -m" in ran.err
    after = (ready.root / ISSUE).read_bytes()
    (line,) = re.findall(rb"^approved: [0-9a-f]{64}\r?\n", after, re.MULTILINE)
    assert after.replace(line, b"") == before
    assert line.endswith(b"\r\n") == (change == "crlf")
    assert ready.run("approve", "--issue", "74").out == "issue 74 is approved already\n"
    assert (ready.root / ISSUE).read_bytes() == after


def test_a_draft_or_a_letter_with_errors_is_not_approved(ready, at):
    ran = ready.run("approve", "--issue", "75")
    assert ran.code == 5
    assert "issue 75 is a draft" in ran.error
    with (ready.root / ISSUE).open("a") as stream:
        stream.write("\nTK more\n\n[a link]()\n")
    before = (ready.root / ISSUE).read_bytes()
    ran = ready.run("approve", "--issue", "74")
    assert ran.code == 5
    assert "not fit to send" in ran.error
    assert (ready.root / ISSUE).read_bytes() == before


# --- schedule --------------------------------------------------------------------------------


def test_the_next_dates_come_with_their_issues(approved, at):
    at("2026-11-22 07:59")
    found = json.loads(approved.run("schedule", "--next", "3", "--json").out)
    assert [(d["date"], d["utc"], d["issue"], d["state"]) for d in found["dates"]] == [
        ("2026-11-22", "2026-11-22T08:00:00+00:00", 74, "approved"),
        ("2026-12-06", "2026-12-06T08:00:00+00:00", 75, "draft"),
        ("2026-12-20", "2026-12-20T08:00:00+00:00", None, "none"),
    ]
    approved.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    shown = approved.run("schedule").out.splitlines()
    assert shown[1].split() == "Sun 2026-11-22 09:00 2026-11-22 08:00 74 changed since approval".split()  # fmt: skip
    assert len(shown) == 6


def dates_of(newsletter):
    found = json.loads(newsletter.run("schedule", "--next", "1", "--json").out)["dates"]
    return [(one["date"], one["state"], one["due_now"]) for one in found]


@pytest.mark.processes
def test_an_issue_whose_date_has_come_is_shown_as_due_now_until_it_is_over(approved, at):
    ahead = ("2026-12-06", "draft", False)
    at("2026-11-22 08:00")
    assert dates_of(approved) == [("2026-11-22", "approved", True), ahead]
    assert "  74     due now, approved\n" in approved.run("schedule").out
    assert "09:00 (Europe/Amsterdam), issue 74, due now, approved\n" in approved.run("status").out
    approved.edit(ISSUE, "status: ready", "status: draft")
    assert dates_of(approved) == [("2026-11-22", "draft", True), ahead]
    approved.edit(ISSUE, "status: draft", "status: ready")
    at("2026-11-22 14:01")
    assert dates_of(approved) == [ahead]  # too late for a schedule
    at("2026-11-22 09:00")
    assert approved.run(*DUE).code == 0
    assert dates_of(approved) == [ahead]


def test_a_date_that_has_come_without_an_issue_is_over(approved, at):
    approved.edit(ISSUE, "date: 2026-11-22", "date: 2026-11-23")
    assert dates_of(approved) == [("2026-12-06", "draft", False)]


@pytest.mark.parametrize("words", [("schedule",), DUE])
def test_an_anchor_that_is_no_day_of_the_rule_is_refused_with_its_line(ready, at, words):
    ready.edit("newsletter.toml", "anchor = 2026-11-08", "anchor = 2026-11-09")
    lines = (ready.root / "newsletter.toml").read_text().splitlines()
    ran = ready.run(*words)
    assert ran.code == 2
    assert f"newsletter.toml:{lines.index('anchor = 2026-11-09') + 1}:1: " in ran.error
    assert "2026-11-09, a Monday" in ran.error


@pytest.mark.parametrize("words", [("schedule",), DUE])
def test_without_a_rule_there_is_no_schedule(ready, at, words):
    ready.edit("newsletter.toml", 'rrule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"', "")
    ran = ready.run(*words)
    assert (ran.code, ran.error) == (2, "error: there is no schedule")
    assert "schedule.rrule" in ran.hint


# --- send --due ------------------------------------------------------------------------------


@pytest.mark.processes
def test_an_approved_issue_goes_when_its_time_comes_and_once(approved, at):
    at("2026-11-22 07:59:59")
    early = approved.run(*DUE)
    assert early.code == 0
    assert "nothing due; the next date is 2026-11-22" in early.err
    assert approved.mails() == []
    at("2026-11-22 08:00")
    assert approved.run(*DUE).code == 0
    assert len(approved.mails()) == 25
    again = approved.run(*DUE)
    assert again.code == 0
    assert "already rehearsed" in again.err
    # What is changed afterwards is nobody's business: it has gone.
    approved.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    assert approved.run(*DUE).code == 0
    assert approved.states() == {"accepted": 25}


def test_what_is_not_approved_or_a_draft_is_not_due(ready, at):
    for words in (DUE, (*DUE, "--dry-run")):
        ran = ready.run(*words)
        assert ran.code == 0
        told = "issue 74 is due now and not approved (newsletter approve --issue 74); the next date"
        assert f"{told} is 2026-12-06" in ran.err
    ready.run("approve", "--issue", "74")
    ready.edit(ISSUE, "status: ready", "status: draft")
    ran = ready.run(*DUE)
    assert ran.code == 0
    assert "issue 74 is due now and a draft; the next date is 2026-12-06" in ran.err
    assert ready.mails() == []


@pytest.mark.sweep
@pytest.mark.parametrize("name", [ISSUE, "newsletter.toml", "templates/email/issue.txt"])
def test_what_changed_since_the_approval_does_not_go(approved, name):
    text = (approved.root / name).read_text()
    approved.write(name, text.replace("Slack Water", "Slack Waters") if "toml" in name else text + "\nx\n")  # fmt: skip
    ran = approved.run(*DUE)
    assert ran.code == 8
    assert "changed since it was approved" in ran.error
    assert "newsletter approve --issue 74" in ran.hint
    assert approved.mails() == []


def test_two_issues_of_one_date_are_refused(approved):
    text = (approved.root / DRAFT).read_text()
    approved.write(DRAFT, text.replace("2026-12-06", "2026-11-22").replace("draft", "ready", 1))
    ran = approved.run(*DUE)
    assert ran.code == 8
    assert ISSUE in ran.error
    assert DRAFT in ran.error
    assert approved.mails() == []


@pytest.mark.processes
def test_what_is_too_late_does_not_go_by_itself(approved, at):
    at("2026-11-22 07:00")
    assert approved.run(*DUE).code == 0
    at("2026-11-22 14:00:01")
    ran = approved.run(*DUE, "--json")
    assert ran.code == 0
    assert "2026-11-22 was missed: nothing called in time" in ran.err
    assert json.loads(ran.out)["sent_now"] == 0
    assert dates_used(approved) == [("2026-11-22", "missed", 74)]
    # What a person begins too late, a person finishes.
    assert approved.send("--limit", "10").code == 6
    assert approved.run(*DUE).code == 0
    assert len(approved.mails()) == 10


@pytest.mark.processes
def test_what_a_person_sent_before_is_no_missed_date(approved, at):
    at("2026-11-22 07:00")
    assert approved.run(*DUE).code == 0
    assert approved.send().code == 0
    at("2026-11-22 20:00")
    ran = approved.run(*DUE)
    assert ran.code == 0
    assert "missed" not in ran.err
    assert "already rehearsed" in ran.err
    assert dates_used(approved) == [("2026-11-22", "taken", 74)]


#: What a trigger goes on with.
BY_ITSELF = (Pause.INTERRUPTED, Pause.QUOTA, Pause.NETWORK)


@pytest.mark.processes
@pytest.mark.parametrize("pause", BY_ITSELF)
def test_what_was_interrupted_goes_on_also_late(approved, at, pause):
    assert approved.run(*DUE, "--limit", "10").code == 6
    stopped_by(approved, pause)
    at("2026-11-23 20:00")
    ran = approved.run(*DUE, "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["sent_now"] == 15
    assert len(approved.mails()) == 25


@pytest.mark.processes
@pytest.mark.parametrize("pause", [p for p in Pause if p not in BY_ITSELF])
def test_what_needs_a_person_waits_for_one(approved, pause):
    assert approved.run(*DUE, "--limit", "10").code == 6
    stopped_by(approved, pause)
    ran = approved.run(*DUE)
    assert ran.code == 0
    assert "waits for you: newsletter send --issue 74" in ran.err
    assert len(approved.mails()) == 10
    assert approved.send().code == 0
    assert len(approved.mails()) == 25


@pytest.mark.processes
def test_a_dry_run_needs_no_yes(approved):
    ran = approved.run("--no-input", "send", "--due", "--dry-run")
    assert ran.code == 0, ran.err
    assert "dry run: nothing was sent and nothing was written" in ran.err
    without = approved.run("--no-input", "send", "--due")
    assert (without.code, without.hint) == (2, "hint: add --yes")


@pytest.mark.processes
def test_another_run_at_work_is_no_fault(approved):
    with store_of(approved) as store, store.lock():
        ran = approved.run(*DUE)
    assert ran.code == 0
    assert "another run is sending" in ran.err
    assert approved.mails() == []


@pytest.mark.processes
def test_a_rehearsal_does_not_stand_in_the_way_of_the_real_run(approved):
    assert approved.run(*DUE).code == 0
    approved.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"\nsmtp.host = "mail.example"')
    ran = approved.run(*DUE, "--dry-run", "--json")
    assert ran.code == 0
    found = json.loads(ran.out)
    assert (found["rehearsal"], found["recipients"]) == (False, 25)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "words",
    [
        ("--due",),
        ("--yes", "--issue", "74"),
        ("--due", "--yes", "--issue", "74"),
        ("--due", "--yes", "--confirm", "74"),
        ("--due", "--yes", "--again"),
        ("--due", "--yes", "--skip-check", "leftover"),
        (),
    ],
)
def test_by_date_or_by_number_but_not_both(approved, words):
    assert approved.run("send", *words).code == 2
    assert approved.mails() == []


@pytest.mark.processes
def test_unknown_outcomes_are_told_once(approved):
    assert approved.run(*DUE, "--limit", "10").code == 6
    with store_of(approved) as store:
        run = runs.find(store, 74, rehearsal=True)
        assert run is not None
        runs.resume(store, run, by_hand=True)  # as a process that died leaves it
        assert claiming.claim(store, run, now=clocks.now()) is not None
    assert approved.run(*DUE).code == 9
    again = approved.run(*DUE)
    assert again.code == 0
    assert "already rehearsed" in again.err
    assert approved.states() == {"accepted": 24, "unknown": 1}
