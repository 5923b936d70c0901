"""The day that `init` asks for is the first issue's, and the next issue has the day after it."""

from __future__ import annotations

import pytest

from newsletter.issue import OPENING
from tests.support.cli_commands import empty
from tests.support.cli_fixtures import plain_environment

__all__ = ["empty", "plain_environment"]

pytestmark = pytest.mark.processes  # init makes a git repository

TOLD = [
    "--yes", "--name", "Ebb", "--from-name", "Wren", "--from-address", "wren@ebb.example",
    "--postal-address", "Ebb, 1 Quay",
]  # fmt: skip


def front_matter(newsletter, pattern):
    [file] = (newsletter.root / "issues").glob(pattern)
    return file.read_text("utf-8").split("---\n")[1].splitlines()


def rewrite(newsletter):
    """The first issue in the author's own words."""
    newsletter.edit("issues/001-hello.md", "This is the first issue of a", "This is a")


@pytest.mark.parametrize(
    ("rhythm", "first", "following"),
    [
        ("weekly", "2126-12-08", "2126-12-15"),
        ("biweekly", "2126-12-08", "2126-12-22"),
        ("monthly", "2126-12-08", "2127-01-12"),
    ],
)
def test_the_first_issue_has_the_first_day_and_can_be_approved(empty, rhythm, first, following):
    assert empty.run("init", *TOLD, "--rhythm", rhythm, "--first", first).code == 0
    rewrite(empty)
    assert f"date: {first}" in front_matter(empty, "001-*")
    assert empty.run("new", "Second").code == 0
    assert f"date: {following}" in front_matter(empty, "002-*")
    approved = empty.run("approve", "--issue", "1")
    assert approved.code == 0
    warning, due, hint = approved.err.splitlines()[-3:]
    assert warning.startswith('warning: transport.kind is "folder" (newsletter.toml:')
    assert ", so it will only be rehearsed; " in warning
    with empty.patch.context() as patch:
        patch.setenv("NEWSLETTER_TRANSPORT__KIND", "smtp")
        patch.setenv("NEWSLETTER_TRANSPORT__SMTP__HOST", "mail.example.org")
        real = empty.run("approve", "--issue", "1", "--anyway")
    assert "it is due on" in real.err
    assert "rehearsed" not in real.err
    assert due.startswith(f"it is due on Sun {first} 09:00 (UTC), {first} 09:00 UTC; ")
    assert due.endswith("; a timer must run newsletter send --due --yes then")
    assert hint.startswith("hint: newsletter schedule --print systemd")


def test_while_the_first_issue_is_the_one_that_init_wrote_its_day_is_free(empty):
    first = "2126-12-08"
    assert empty.run("init", *TOLD, "--rhythm", "weekly", "--first", first).code == 0
    refused = empty.run("approve", "--issue", "1")
    assert (refused.code, refused.out) == (8, "")
    assert "issue 1 is still the one that init wrote, so no schedule sends it" in refused.error
    assert empty.run("new", "My own").code == 0
    assert f"date: {first}" in front_matter(empty, "002-*")
    empty.edit("issues/002-my-own.md", "status: draft", "status: ready")
    approved = empty.run("approve", "--issue", "2")
    assert approved.code == 0
    assert f"it is due on Sun {first} 09:00" in approved.err
    rewrite(empty)
    assert "ready for Sun 2126-12-08 as well" in empty.run("approve", "--issue", "1").error


def test_a_letter_that_quotes_the_first_sentence_has_its_date_like_any_other(empty):
    first = "2126-12-08"
    assert empty.run("init", *TOLD, "--rhythm", "weekly", "--first", first).code == 0
    rewrite(empty)
    path = next(empty.root.glob("issues/001-*"))
    path.write_text(path.read_text("utf-8") + f'\nTwo years ago I wrote: "{OPENING}"\n', "utf-8")
    assert "it is due on" in empty.run("approve", "--issue", "1").err
    assert "  1" in empty.run("schedule", "--next", "1").out


def test_what_was_approved_all_the_same_has_its_date(empty):
    assert empty.run("init", *TOLD, "--rhythm", "weekly", "--first", "2126-12-08").code == 0
    assert empty.run("approve", "--issue", "1", "--anyway").code == 0
    assert "approved" in empty.run("schedule", "--next", "1").out


def test_a_rhythm_that_began_long_ago_gives_a_day_to_come(empty):
    assert empty.run("init", *TOLD, "--rhythm", "weekly", "--first", "2020-01-05").code == 0
    [checked] = [line for line in empty.run("check").out.splitlines() if "date" in line] or [""]
    assert checked == ""
    rewrite(empty)
    assert empty.run("approve", "--issue", "1").code == 0


def test_without_a_rhythm_the_first_issue_has_no_date(empty):
    assert empty.run("init", *TOLD).code == 0
    assert [line for line in front_matter(empty, "001-*") if line.startswith("date:")] == []
