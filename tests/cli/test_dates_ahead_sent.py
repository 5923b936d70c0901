"""A date still ahead whose issue went early: told as sent, not as one to approve once more."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.cli_fixtures import ISSUE
from tests.support.schedule_fixtures import approved, at, folder, plain_environment, post, ready

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes


def state(newsletter):
    return json.loads(newsletter.run("schedule", "--json").out)["dates"][0]["state"]


def test_an_issue_sent_by_hand_is_sent_whatever_became_of_its_approval(post, at):
    newsletter = post.newsletter
    at("2026-11-20 07:00")
    assert newsletter.send("--limit", "5").code == 6
    assert state(newsletter) == "begun already"
    assert newsletter.send().code == 0
    assert state(newsletter) == "sent already"
    newsletter.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    assert state(newsletter) == "sent already"
    assert "issue 74, sent already" in newsletter.run("status").out


def test_a_rehearsal_takes_no_date(ready, at):
    at("2026-11-20 07:00")
    before = state(ready)
    assert ready.send().code == 0
    assert state(ready) == before == "not approved"


RIVAL = "issues/077-late.md"


def rival(newsletter, number=77):
    """Another ready issue of the same date."""
    text = (newsletter.root / ISSUE).read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("approved:"))
    newsletter.write(RIVAL, "\n".join(lines).replace("number: 74", f"number: {number}"))


@pytest.mark.parametrize("ended", ["sent", "begun", "cancelled"])
def test_an_issue_that_no_schedule_sends_keeps_no_date_from_another(post, at, ended):
    newsletter = post.newsletter
    at("2026-11-20 07:00")
    match ended:
        case "cancelled":
            assert newsletter.run("cancel", "--issue", "74").code == 0
        case "begun":
            assert newsletter.send("--limit", "5").code == 6
        case _:
            assert newsletter.send().code == 0
    rival(newsletter)
    assert state(newsletter) == "not approved"
    for number in ("74", "77"):
        assert "date-twice" not in newsletter.run("check", "--issue", number).out
    ran = newsletter.run("approve", "--issue", "77")
    assert ran.code == 0, ran.err
    assert state(newsletter) == "approved"
    at("2026-11-22 08:00")
    before = len(post.readers)
    went = post.due()
    assert went.code == 0
    assert "same date" not in ran.err + went.err
    assert len(post.readers) == before + 25
    assert [run.state for run in newsletter.runs() if run.content.issue == 77] == ["finished"]


def test_two_that_may_still_go_are_refused(post):
    rival(post.newsletter)
    assert "two issues have the date" in post.due().err
    assert post.newsletter.run("approve", "--issue", "77").code == 8


@pytest.mark.parametrize("ended", ["send", "cancel"])
def test_the_date_of_an_issue_that_went_early_is_free_for_a_new_one(post, at, ended):
    at("2026-11-20 07:00")
    words = ("--confirm", "74") if ended == "send" else ()
    assert post.newsletter.run(ended, "--issue", "74", *words).code == 0
    ran = post.newsletter.run("new", "Another")
    assert "2026-11-22" in ran.out + ran.err


@pytest.mark.parametrize("where", ["a clone", "a server that is away"])
def test_who_cannot_read_the_records_is_told_so_and_not_that_nothing_was_sent(post, where):
    newsletter = post.newsletter
    rival(newsletter)
    if where == "a clone":
        shutil.rmtree(newsletter.root / ".newsletter")
        newsletter.write("issues/.ledger/73.json", "{}")
        why = "no records of it here"
    else:
        newsletter.patch.setenv("NEWSLETTER_STORE__URL", "postgresql://wren@127.0.0.1:1/letters")
        why = "the database cannot be reached: nothing listens there"
    ran = newsletter.run("check", "--issue", "77")
    (said,) = (line for line in ran.out.splitlines() if "date-twice" in line)
    assert "no records tell whether one of them was sent" in said
    assert why in said
    assert ("whether lists changed" in ran.err) == (where != "a clone")
    assert newsletter.run("new", "Another").code == 0
