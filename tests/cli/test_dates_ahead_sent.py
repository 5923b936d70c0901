"""A date still ahead whose issue went early: told as sent, not as one to approve once more."""

from __future__ import annotations

import json

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
