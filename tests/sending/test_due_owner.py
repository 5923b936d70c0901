"""What the owner hears of a scheduled issue, and what the world outside hears."""

from __future__ import annotations

import socket

import pytest

from newsletter.http import calls
from newsletter.store.calendar import Calendar
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import ISSUE
from tests.support.schedule_fixtures import (
    OWNER,
    Web,
    approved,
    at,
    folder,
    owned,
    plain_environment,
    post,
    ready,
    web_listener,
)

__all__ = ["approved", "at", "certificate", "folder", "owned", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes


def body(mail):
    return mail.get_body(("plain",)).get_content()


# --- the announcement ------------------------------------------------------------------------


def test_the_letter_itself_is_announced_and_leaves_at_its_time(owned, at):
    at("2026-11-22 07:44")
    assert "nothing due" in owned.due().err
    assert owned.told == []
    at("2026-11-22 07:50")
    ran = owned.due()
    assert ran.code == 0
    (mail,) = owned.told
    assert str(mail["Subject"]).startswith("[in 10 min] Slack water")
    text = body(mail)
    assert "goes to 25 people at 09:00 on Sunday, 22 November 2026 (Europe/Amsterdam)" in text
    assert "cancel --issue 74" in text
    assert "kettle" in text
    page = mail.get_body(("html",)).get_content()
    assert page.index("25 people") < page.index("kettle")
    assert owned.readers == []
    assert [run.state for run in owned.newsletter.runs()] == ["announced"]
    at("2026-11-22 07:55")
    assert owned.due().code == 0
    at("2026-11-22 08:00")
    assert owned.due().code == 0
    assert len(set(owned.readers)) == len(owned.readers) == 25
    assert len(owned.told) == 1


def test_without_a_trigger_before_its_time_it_is_announced_late_and_leaves_a_window_later(
    owned, at
):
    at("2026-11-22 09:00")
    assert "the issue of 2026-11-22 is announced, and may be cancelled yet" in owned.due().err
    assert (len(owned.told), owned.readers) == (1, [])
    at("2026-11-22 09:14")
    assert "may be cancelled yet" in owned.due().err
    assert (len(owned.told), owned.readers) == (1, [])
    at("2026-11-22 09:15")
    ran = owned.due()
    assert "issue 74 is 1 h 15 min late" in ran.err
    assert (len(owned.told), len(owned.readers)) == (1, 25)


def test_what_is_approved_anew_is_announced_anew(owned, at):
    at("2026-11-22 07:50")
    owned.due()
    owned.newsletter.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    assert owned.newsletter.run("approve", "--issue", "74").code == 0
    at("2026-11-22 07:55")
    owned.due()
    assert ["lamp on" in body(mail) for mail in owned.told] == [False, True]
    at("2026-11-22 08:00")
    owned.due()
    assert len(owned.readers) == 25


@pytest.mark.parametrize(("window", "owner"), [("0", OWNER), ("15", "")])
def test_without_a_window_or_an_owner_it_leaves_at_once(post, at, window, owner):
    post.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__CANCEL_WINDOW", window)
    post.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__OWNER", owner)
    assert post.due().code == 0
    assert (post.told, len(post.readers)) == ([], 25)


def test_what_a_person_cancels_in_the_window_does_not_go_until_a_person_sends_it(owned, at):
    at("2026-11-22 07:50")
    owned.due()
    ran = owned.newsletter.run("cancel", "--issue", "74")
    assert (ran.code, ran.out) == (0, "issue 74 is cancelled; no mail had been sent\n")
    for when in ("2026-11-22 08:00", "2026-11-22 09:00", "2026-11-22 15:00"):
        at(when)
        assert owned.due().code == 0
    assert owned.readers == []
    assert len(owned.told) == 1  # no alert: the person knows
    with owned.newsletter.records() as store:
        [date] = Calendar(store, rehearsal=False).used()
    assert (date.state, date.reason) == ("missed", "a person has cancelled it")
    # Put right, and by hand: nothing was frozen.
    owned.newsletter.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    assert owned.newsletter.send().code == 0
    assert len(owned.readers) == 25


# --- reminders -------------------------------------------------------------------------------


def test_the_owner_is_reminded_a_day_and_two_hours_before_once_each(owned, at):
    owned.newsletter.edit(ISSUE, "status: ready", "status: draft")
    for when in ("2026-11-21 07:59", "2026-11-21 08:00", "2026-11-21 08:10", "2026-11-22 05:50",
                 "2026-11-22 06:00", "2026-11-22 06:10", "2026-11-22 07:59"):  # fmt: skip
        at(when)
        assert owned.due().code == 0
    assert owned.subjects == ["[Slack Water] Nothing is ready for 2026-11-22"] * 2
    assert "issue 74 is there, but: draft" in body(owned.told[0])
    assert "Sunday, 22 November at 09:00" in body(owned.told[0])


def test_nobody_is_reminded_of_what_is_ready_and_of_what_has_changed_since_somebody_is(owned, at):
    at("2026-11-21 09:00")
    owned.due()
    assert owned.told == []
    owned.newsletter.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    owned.due()
    assert "changed since approval" in body(owned.told[0])


# --- alerts ----------------------------------------------------------------------------------


def test_what_changed_since_its_approval_is_told_once_and_refused_every_time(owned, at):
    owned.newsletter.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    for when in ("2026-11-22 08:00", "2026-11-22 08:10", "2026-11-22 08:20"):
        at(when)
        assert owned.due().code == 8
    assert owned.readers == []
    (subject,) = owned.subjects
    assert "changed since it was approved" in subject
    assert "newsletter approve --issue 74" in body(owned.told[0])


def test_a_missed_date_is_told_once_and_never_sent_by_itself(owned, at):
    at("2026-11-15 08:00")
    owned.due()
    for when in ("2026-11-22 18:00", "2026-11-22 18:10", "2026-11-23 09:00"):
        at(when)
        assert owned.due().code == 0
    assert owned.readers == []
    assert owned.subjects == ["[Slack Water] Nothing was sent for 2026-11-22"]
    assert "newsletter send --issue 74" in body(owned.told[0])
    assert socket.gethostname() in body(owned.told[0])


def test_a_run_that_stops_is_told_with_whether_it_goes_on(owned, at):
    owned.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__CANCEL_WINDOW", "0")
    assert owned.due("--limit", "5").code == 6
    assert "Issue 74 is paused: the limit is reached" in owned.subjects[0]
    assert "It waits for you" in body(owned.told[0])


def test_an_owner_who_cannot_be_reached_is_tried_five_times(owned, at):
    owned.newsletter.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    owned.newsletter.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__PORT", "1")
    for _ in range(7):
        assert owned.due().code == 8
    assert owned.newsletter.untold("notices", "tries", "told") == [(5, 0)]


# --- webhook and heartbeat -------------------------------------------------------------------


def test_alerts_reach_the_webhook_and_every_orderly_trigger_the_monitor(post, at, certificate):
    text = (post.newsletter.root / ISSUE).read_text("utf-8")
    changed = text.replace("Put the kettle on", "Put the lamp on")
    patch = post.newsletter.patch
    patch.setenv("SSL_CERT_FILE", str(certificate))
    with web_listener(Web(), server_side(certificate)) as web:
        patch.setenv(
            "NEWSLETTER_SCHEDULE__WEBHOOK", f"https://127.0.0.1:{web.port}/hook?key=secret"
        )
        patch.setenv("NEWSLETTER_SCHEDULE__HEARTBEAT_URL", f"https://127.0.0.1:{web.port}/alive")
        for when, code in (("2026-11-22 07:00", 0), ("2026-11-22 07:10", 0),
                           ("2026-11-22 08:00", 8), ("2026-11-22 08:10", 8)):  # fmt: skip
            if code:
                post.newsletter.write(ISSUE, changed)
            at(when)
            ran = post.due()
            assert ran.code == code
            assert "secret" not in ran.out + ran.err
        post.newsletter.run("send", "--due", "--yes", "--dry-run")
    hook, *beats = sorted(web.calls, key=lambda call: call[1] != "/hook?key=secret")
    assert [path for _, path, _ in beats] == ["/alive"] * 2
    told = hook[2]
    assert (told["schema"], told["newsletter"]) == (1, "Slack Water")
    assert "changed since it was approved" in told["subject"]
    assert "newsletter approve --issue 74" in told["text"]


def test_a_monitor_that_does_not_answer_changes_nothing(post, at):
    post.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__HEARTBEAT_URL", "https://127.0.0.1:1/secret")
    ran = post.due()
    assert ran.code == 0
    assert "the heartbeat could not be sent: nobody answers there" in ran.err
    assert "secret" not in ran.err
    assert len(post.readers) == 25


@pytest.mark.parametrize(
    ("status", "said"), [(200, ""), (204, ""), (302, "it answered 302"), (500, "it answered 500")]
)
def test_a_call_is_one_request_and_follows_nothing(status, said):
    with web_listener(Web(status)) as web:
        assert calls.post(f"http://127.0.0.1:{web.port}/a?b=c", {"x": "é"}) == said
    assert web.calls == [("POST", "/a?b=c", {"x": "é"})]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/", "nobody answers there"),
        ("http://127.0.0.1:99999/", "it is no plain web address"),
    ],
)
def test_a_call_that_fails_says_why_without_its_address(url, said):
    assert calls.post(url) == said


def test_a_call_does_not_wait_for_ever_and_trusts_no_unknown_certificate(certificate):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        assert calls.post(url, seconds=0.1) == "no answer in time"
    with web_listener(Web(), server_side(certificate)) as web:
        why = calls.post(f"https://127.0.0.1:{web.port}/")
    assert why == "its certificate is not valid"
    assert web.calls == []
