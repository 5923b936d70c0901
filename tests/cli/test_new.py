"""`newsletter new`: an issue to write in."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.cli.draft import _text
from newsletter.issue import parse
from tests.support.cli_commands import empty
from tests.support.cli_fixtures import (
    folder,
    plain_environment,
    ready,
    snapshot,
)

__all__ = ["empty", "folder", "plain_environment", "ready"]


# --- new -------------------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The tide gets up slowly", "076-the-tide-gets-up-slowly"),
        ('It\'s a "new" one: très #1', "076-its-a-new-one-tres-1"),
        ("  two   blanks\n", "076-two-blanks"),
        ("山田", "076"),
        ("../../etc/passwd", "076-etc-passwd"),
        ("--", "076"),
        ("a" * 200, "076-" + "a" * 60),
    ],
)
def test_a_new_issue_gets_the_next_number_and_a_name(ready, title, name):
    ran = ready.run("new", "--", title)
    assert (ran.code, ran.out) == (0, f"issues/{name}.md\n")
    data = (ready.root / ran.out.strip()).read_bytes()
    issue = parse(data, file=ran.out.strip())
    assert issue.number == 76
    assert issue.title == " ".join(title.split())
    assert issue.status == "draft"
    assert ready.run("check", "--issue", "76").code == 5  # a draft is not fit to send


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1))
@example("AT&amp;T &lt; R&D &copy=1")
@example('"quotes" \\ and: # {{ name }} - *x*')
@example("Anne\u00a0Marie")
@example("---")
@example("\u200f\U0001f3f4\u200d\u2620\ufe0f")
def test_any_title_reads_back_as_it_was_typed(title):
    title = title.strip(" ")
    if (
        not title
        or "=?" in title
        or any(0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in title)
    ):
        return
    issue = parse(_text(title, 7, dt.date(2026, 11, 22)).encode(), file="issues/007.md")
    assert issue.title == " ".join(title.split(" ")) or "  " in title


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("", "the title is empty"),
        (" \n", "the title is empty"),
        ("a\x07b", "this title cannot be written in a mail"),
        ("a\u2028b", "this title cannot be written in a mail"),
        ("=?utf-8?q?x?=", "this title cannot be written in a mail"),
        ("caf\udce9", "this title cannot be written in a mail"),
        ("a\ufffeb", "this title cannot be written in a mail"),
    ],
)
def test_a_title_that_cannot_be_is_refused(ready, title, words):
    whole = snapshot(ready.root)
    ran = ready.run("new", title)
    assert (ran.code, ran.error) == (2, f"error: {words}")
    assert snapshot(ready.root) == whole


def test_issues_take_the_scheduled_dates_one_after_the_other(ready):
    ready.edit("newsletter.toml", "anchor = 2026-11-08", "anchor = 2099-01-04")

    def day(name: str) -> dt.date | None:
        return parse((ready.root / name).read_bytes(), file=name).date

    made = [day(ready.run("new", f"Title {n}").out.strip()) for n in range(3)]
    assert made == [dt.date(2099, 1, 4), dt.date(2099, 1, 18), dt.date(2099, 2, 1)]


@pytest.mark.processes
def test_without_a_schedule_an_issue_is_dated_today(empty):
    empty.run("init")
    before = dt.datetime.now(dt.UTC).date()
    name = empty.run("new", "Today").out.strip()
    assert name == "issues/002-today.md"
    written = parse((empty.root / name).read_bytes(), file=name).date
    assert before <= (written or before) <= dt.datetime.now(dt.UTC).date()
    assert written


def test_a_schedule_that_has_ended_dates_an_issue_today(ready):
    ready.edit("newsletter.toml", "BYDAY=SU;WKST=MO", "BYDAY=SU;COUNT=1")
    ready.edit("newsletter.toml", "anchor = 2026-11-08", "anchor = 2001-01-07")
    name = ready.run("new", "Late").out.strip()
    assert parse((ready.root / name).read_bytes(), file=name).date is not None


def test_the_first_issue_of_a_folder_without_any_is_number_one(folder):
    for path in (folder.root / "issues").glob("*.md"):
        path.unlink()
    ran = folder.run("check")
    assert (ran.code, ran.error) == (2, "error: there are no issues")
    assert folder.run("new", "First").out == "issues/001-first.md\n"
