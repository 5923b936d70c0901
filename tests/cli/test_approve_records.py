"""`newsletter approve`, `schedule` and `status` do not promise what the records rule out."""

from __future__ import annotations

import pytest

from tests.support.cli_fixtures import ISSUE
from tests.support.schedule_fixtures import approved, at, folder, plain_environment, post, ready

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes


def approve(newsletter, number=74):
    ran = newsletter.run("approve", "--issue", str(number))
    return ran.code, ran.error


def test_a_cancelled_issue_is_promised_by_none_of_them(post, at):
    newsletter = post.newsletter
    at("2026-11-22 07:00")
    assert newsletter.run("approve", "--issue", "74").code == 0
    cancelled = newsletter.run("cancel", "--issue", "74")
    assert cancelled.code == 0
    assert cancelled.err == (
        "no schedule sends it any more, approved again or not; to send it after all, by hand: "
        "newsletter send --issue 74\n"
    )
    assert approve(newsletter) == (
        8, "error: issue 74 is cancelled, so no schedule sends it",
    )  # fmt: skip
    by_hand = "cancelled: only newsletter send --issue 74 sends it\n"
    assert f"  74     {by_hand}" in newsletter.run("schedule").out
    assert f"issue 74, {by_hand}" in newsletter.run("status").out
    at("2026-11-22 08:00")
    assert "issue 74 is cancelled" in post.due().err
    assert post.readers == []


def test_an_issue_that_was_sent_is_not_due_again(post):
    assert post.newsletter.send().code == 0
    assert approve(post.newsletter) == (
        8, "error: issue 74 was sent already, so no schedule sends it again",
    )  # fmt: skip


def test_a_second_issue_for_a_date_that_is_used_up_is_told(post):
    newsletter = post.newsletter
    assert post.due().code == 0
    text = (newsletter.root / ISSUE).read_text("utf-8")
    newsletter.edit(ISSUE, "date: 2026-11-22", "date: 2026-12-06")
    lines = (line for line in text.splitlines() if not line.startswith("approved:"))
    newsletter.write("issues/077-late.md", "\n".join(lines).replace("number: 74", "number: 77"))
    code, error = approve(newsletter, 77)
    assert code == 8
    assert "the date of issue 77, Sun 2026-11-22, is used up" in error
    before = len(post.readers)
    assert post.due().code == 0
    assert len(post.readers) == before


def test_what_was_only_rehearsed_is_cancelled_like_what_never_was(post, at):
    newsletter = post.newsletter
    at("2026-11-22 07:00")
    with newsletter.patch.context() as patch:
        patch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
        assert newsletter.send().code == 0
        cancelled = newsletter.run("cancel", "--issue", "74")
        assert (cancelled.code, cancelled.out) == (
            0, "issue 74 is cancelled; no mail had been sent\n",
        )  # fmt: skip
        assert "  74     cancelled" in newsletter.run("schedule").out
        assert approve(newsletter, 74) == (
            8, "error: issue 74 is cancelled, so no schedule sends it",
        )  # fmt: skip
        assert "rehearsal  finished" in newsletter.run("status", "--issue", "74").out
    assert "  74     cancelled" in newsletter.run("schedule").out
    at("2026-11-22 08:00")
    assert "issue 74 is cancelled" in post.due().err
    assert post.readers == []


def test_what_is_cancelled_before_the_newsletter_goes_live_does_not_go_then(post):
    newsletter = post.newsletter
    with newsletter.patch.context() as patch:
        patch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
        assert newsletter.run("cancel", "--issue", "74").code == 0
    assert "issue 74 is cancelled" in post.due().err
    assert post.readers == []


def test_what_was_sent_cannot_be_cancelled_where_the_transport_rehearses_either(post):
    newsletter = post.newsletter
    assert post.due().code == 0
    with newsletter.patch.context() as patch:
        patch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
        assert newsletter.send("--limit", "5").code == 6
        schedule, status = (newsletter.run(one).out for one in ("schedule", "status"))
        ran = newsletter.run("cancel", "--issue", "74")
        assert (ran.code, ran.error) == (
            8, "error: issue 74 was sent already; no mail can be called back",
        )  # fmt: skip
        assert [newsletter.run(one).out for one in ("schedule", "status")] == [schedule, status]


def test_a_cancel_where_the_transport_rehearses_tells_of_the_real_send(post):
    newsletter = post.newsletter
    assert newsletter.run("send", "--issue", "74", "--confirm", "74", "--limit", "10").code == 6
    with newsletter.patch.context() as patch:
        patch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
        assert newsletter.send("--limit", "5").code == 6
        ran = newsletter.run("cancel", "--issue", "74")
        assert ran.out == "issue 74 is cancelled; 10 mails had gone, 15 stay\n"
        assert "its rehearsal is stopped, too" in ran.err
        assert "its rehearsal" not in newsletter.run("cancel", "--issue", "74").err
