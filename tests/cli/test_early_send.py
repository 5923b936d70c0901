"""A send by hand before the letter's date says so, before it asks."""

from __future__ import annotations

import pytest

from tests.support.cli_fixtures import ISSUE
from tests.support.schedule_fixtures import approved, at, folder, plain_environment, post, ready

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes

NOW = "this sends it now\n"


@pytest.mark.parametrize("words", [("--dry-run",), ("--confirm", "74"), ()])
def test_a_letter_that_is_due_later_by_the_schedule(post, at, words):
    at("2026-11-22 07:59")
    ran = post.newsletter.run("--no-input", "send", "--issue", "74", *words)
    assert f"warning: {ISSUE} is due on Sun 2026-11-22 09:00 (Europe/Amsterdam): {NOW}" in ran.err
    assert ran.code == (0 if words else 2)


def test_a_letter_of_a_later_day_that_the_schedule_lacks(post, at):
    post.newsletter.edit(ISSUE, "date: 2026-11-22", "date: 2026-11-25")
    ran = post.newsletter.run("send", "--issue", "74", "--dry-run")
    assert f"warning: {ISSUE} is dated Wed 2026-11-25: {NOW}" in ran.err


def test_nothing_is_said_once_its_time_has_come_nor_by_a_schedule_nor_of_the_rest(post, at):
    assert NOW not in post.newsletter.run("send", "--issue", "74", "--dry-run").err
    assert NOW not in post.due("--limit", "3").err
    at("2026-11-21 09:00")
    assert NOW not in post.newsletter.send().err
    assert len(post.readers) == 25
