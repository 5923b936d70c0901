"""An issue that an earlier service sent: in the archive, and never sent, due or waiting again."""

from __future__ import annotations

import json

import pytest

from newsletter import clocks
from newsletter.preview.shelf import History, list_issues
from tests.conftest import issue_with
from tests.support.cli_fixtures import ISSUE, folder, plain_environment, ready
from tests.support.schedule_fixtures import DUE, at

__all__ = ["at", "folder", "plain_environment", "ready"]

GOT = "readers got issue 74 from Substack already"


@pytest.fixture
def past(ready, at):
    """Issue 74, approved and due that very day; then somebody notes that it went elsewhere."""
    assert ready.run("approve", "--issue", "74").code == 0
    ready.edit(ISSUE, "date: 2026-11-22", "date: 2026-11-22\nsent_elsewhere: Substack")
    return ready


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("sent_elsewhere: Substack", "Substack"),
        ("sent_elsewhere: yes", "an earlier service"),
        ("sent_elsewhere: [Revue, Substack]", "an earlier service"),
        ("sent_elsewhere: no", ""),
        ('sent_elsewhere: ""', ""),
        ("sent_elsewhere:", ""),
    ],
)
def test_what_is_not_no_means_that_it_went(line, who):
    assert issue_with(front=f"title: A\n{line}").sent_elsewhere == who


@pytest.mark.sweep
@pytest.mark.parametrize(
    "words",
    [("send", "--issue", "74", "--confirm", "74"), ("send", "--issue", "74", "--dry-run"),
     ("approve", "--issue", "74"), ("approve", "--issue", "74", "--anyway")],
)  # fmt: skip
def test_no_command_sends_it_or_lets_it_be_sent(past, words):
    before = (past.root / ISSUE).read_bytes()
    ran = past.run(*words)
    assert (ran.code, ran.out) == (8, "")
    assert GOT in ran.error
    assert f"{ISSUE}:" in ran.error
    assert (past.root / ISSUE).read_bytes() == before
    assert past.mails() == []


def test_the_schedule_neither_sends_it_nor_asks_for_an_approval(past):
    ran = past.run(*DUE)
    assert ran.code == 0
    assert "nothing due" in ran.out + ran.err
    assert past.mails() == []
    dates = json.loads(past.run("schedule", "--json").out)["dates"]
    assert 74 not in {one["issue"] for one in dates}
    told = past.run("status")
    assert "not approved" not in told.out + told.err
    assert "74" not in told.out


@pytest.mark.processes  # a send asks git for the state of the file
def test_its_day_is_free_for_an_issue_of_ones_own(past):
    text = (past.root / ISSUE).read_text("utf-8").replace("sent_elsewhere: Substack\n", "")
    past.write("issues/080-mine.md", text.replace("number: 74", "number: 80"))
    assert past.run("approve", "--issue", "80").code == 0
    assert past.run(*DUE).code == 0
    assert past.mails(80)
    assert past.mails(74) == []


def test_it_is_in_the_archive_with_its_day_and_among_no_mails(past, at):
    ran = past.run("archive", "build", "--out", "site", "--today", "2026-11-22", "--json")
    assert json.loads(ran.out)["issues"] == [74]
    assert '<time datetime="2026-11-22">' in (past.root / "site/74/index.html").read_text("utf-8")
    checked = past.run("check")
    assert "1 sent by an earlier service left out" in checked.err
    assert json.loads(past.run("check", "--issue", "74", "--json").out)["issues"] == 1


def test_the_previews_list_says_who_sent_it(past, at):
    [entry] = [
        one for one in list_issues(past.root, None, History(), lambda _: None, clocks.now())
        if one.number == 74
    ]  # fmt: skip
    assert (entry.state, entry.note) == ("sent", "by Substack")
