"""What the page says agrees with itself and with the command line: one size, one state."""

from __future__ import annotations

import re

import pytest

from newsletter import clocks
from newsletter.check import Finding
from newsletter.errors import InputError, Place
from newsletter.preview.choices import TABS
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.readers import READERS
from tests.preview.test_preview_sending import sending
from tests.support.cli_fixtures import ISSUE, folder, plain_environment, ready, whole_letter
from tests.support.pages import parse_page, with_class
from tests.support.preview_fixtures import a_preview, by_id, desk, words_of
from tests.support.web_fixtures import settings_of

__all__ = ["desk", "folder", "plain_environment", "ready", "whole_letter"]

WARNING = Finding(
    id="link-http", severity="warning", place=Place("issues/074-a-letter.md", 12), message="an old warning",
    hint="write https",
)  # fmt: skip
FAULT = InputError(
    "the front matter is not valid YAML", place=Place("issues/074-a-letter.md", 6, 9), hint="quote it"
)  # fmt: skip


@pytest.mark.processes
@pytest.mark.parametrize("more", ["", 'unsubscribe_mailto = "leave@example.org"\n'])
def test_one_size_stands_everywhere(ready, more):
    if more:  # people leave by a mail where there is no page
        ready.edit("newsletter.toml", "[sender]\n", f"[sender]\n{more}")
        ready.edit(
            "newsletter.toml", 'public_url = "https://letters.slackwater.example.org"', 'public_url = ""'
        )  # fmt: skip
    assert ready.run("build", "--issue", "74", "--out", "built").code == 0
    size = (ready.root / "built/074.html").stat().st_size
    said = ready.run("send", "--issue", "74", "--dry-run").err
    assert f"size  {size:,} of 102,400 bytes" in said
    assert dict(sending(ready).ready(74).rows)["size"].startswith(f"{size:,} of 102,400")
    settings = settings_of((ready.root / "newsletter.toml").read_text("utf-8"))
    previews = IssuePreviews(ready.root, lambda: settings, clocks.now)
    assert {previews.preview(74, one).size for one in READERS} == {size}  # type: ignore[union-attr]


@pytest.mark.usefixtures("whole_letter")
def test_the_checks_tell_the_same_size(ready):
    ready.edit(ISSUE, "Put the kettle on", f"Put the kettle on{' and wait' * 7200}")
    assert ready.run("build", "--issue", "74", "--out", "built").code == 0
    size = (ready.root / "built/074.html").stat().st_size
    found = ready.run("check", "--issue", "74").out
    assert re.search(rf"the HTML has {size:,} ", found), found


def broken(desk, tab="mail"):
    """The page after a good version, now that there is none."""
    desk.made[74] = a_preview(findings=(WARNING,))
    client = desk.client()
    assert client.get("/issues/74").status_code == 200
    desk.made[74] = FAULT
    return client.get(f"/issues/74?tab={tab}").text


def test_what_cannot_be_shown_is_not_called_ready(desk):
    page = broken(desk)
    assert words_of(by_id(page, "head")) == "74 A letter cannot be shown"
    following = by_id(page, "following")
    assert "stuck" in following.get("class")
    assert words_of(following) == "Shows the last good version"
    assert words_of(by_id(page, "tab-checks")) == "Checks 1"
    beside = words_of(by_id(page, "overview"))
    assert beside.startswith(
        "Ready to send? No: it cannot be shown. the front matter is not valid YAML"
    )
    assert "issues/074-a-letter.md:6:9 quote it" in beside
    assert with_class(by_id(page, "overview"), "fine") == []


def test_what_was_sent_is_not_asked_to_be_ready(desk):
    desk.made[74] = a_preview()
    before = words_of(by_id(desk.client().get("/issues/74").text, "overview"))
    assert "Ready to send? No check blocks it." in before
    desk.made[74] = a_preview(begun=True)
    after = words_of(by_id(desk.client().get("/issues/74").text, "overview"))
    assert "Ready to send" not in after
    assert "No check blocks it" not in after
    assert after.endswith("Begun or sent already How far it is")


@pytest.mark.sweep
@pytest.mark.parametrize("tab", ["overview", *dict(TABS)])
def test_nothing_of_the_last_good_version_passes_for_what_is_there_now(desk, tab):
    page = broken(desk, tab)
    assert "an old warning" not in page
    assert "No check blocks it" not in page
    assert "Nothing stops it" not in page
    assert [words_of(e) for e in with_class(parse_page(page), "state")] == ["cannot be shown"]


def test_all_of_it_comes_back(desk):
    broken(desk)
    desk.made[74] = a_preview()
    page = desk.page()
    assert words_of(by_id(page, "head")) == "74 A letter ready"
    assert words_of(by_id(page, "following")) == "Reloads on save"
    assert "No check blocks it" in words_of(by_id(page, "overview"))


def test_a_fault_from_the_start_waits(desk):
    desk.made[74] = FAULT
    assert words_of(by_id(desk.page(), "following")) == "Waits for a version to show"
    assert "No: it cannot be shown." in words_of(by_id(desk.page(), "overview"))
