"""Who sends what a person has cancelled, or what was paused, reads that before anything leaves."""

from __future__ import annotations

import pytest

from tests.support.schedule_fixtures import approved, at, folder, plain_environment, post, ready

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes

CANCELLED = "     state  cancelled: a person cancelled it on 2026-11-22 at 08:30 UTC; "
BACK = "to send it takes that back\n"


@pytest.mark.parametrize("begun", [False, True])
def test_the_plan_says_that_a_person_cancelled_it_and_when(post, at, begun):
    newsletter = post.newsletter
    at("2026-11-22 08:00")
    if begun:
        assert newsletter.send("--limit", "3").code == 6
    at("2026-11-22 08:30")
    assert newsletter.run("cancel", "--issue", "74").code == 0
    at("2026-11-22 09:00")
    assert newsletter.run("cancel", "--issue", "74").code == 0  # the first one counts
    for words in ("--dry-run",), ("--confirm", "74"):
        assert CANCELLED + BACK in newsletter.run("send", "--issue", "74", *words).err
    assert len(post.readers) == 25
    # What is sent is not cancelled any more.
    assert "cancelled" not in newsletter.send().err


def test_the_plan_says_why_a_run_was_paused(post, at):
    assert post.newsletter.send("--limit", "3").code == 6
    ran = post.newsletter.send("--limit", "3")
    assert "     state  paused: the limit is reached\n" in ran.err


def test_nothing_is_said_of_what_was_never_stopped(post, at):
    assert "     state  " not in post.newsletter.send().err
