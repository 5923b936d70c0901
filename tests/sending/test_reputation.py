"""What comes back stops a run before a provider would: bounces, complaints, sudden growth."""

from __future__ import annotations

import json
import threading

import pytest

from newsletter.delivery import Pause
from newsletter.delivery.reputation import Reputation, judge, warm_up
from tests.campaign.letters import letters
from tests.fake_ses import FakeSes
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.mailroom import mailroom, post_office
from tests.support.ses_events import Sent, bounce, complaint, sent_of

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

ISSUE = 101


@pytest.mark.parametrize(
    ("sent", "bounced", "complained", "why"),
    [
        (199, 199, 199, ""),
        (200, 7, 0, ""),
        (200, 8, 0, "4 % of 200 mails bounced, and 4 % is the most"),
        (10_000, 399, 7, ""),
        (10_000, 400, 0, "4 % of 10,000 mails bounced, and 4 % is the most"),
        (999, 0, 900, ""),
        (1_000, 0, 1, "0.1 % of 1,000 mails brought a complaint, and 0.08 % is the most"),
        (2_500, 0, 1, ""),
        (2_500, 0, 2, "0.08 % of 2,500 mails brought a complaint, and 0.08 % is the most"),
    ],
)
def test_a_run_stops_below_the_shares_at_which_ses_reviews_an_account(
    sent, bounced, complained, why
):
    stop = judge(Reputation(sent=sent, bounced=bounced, complained=complained))
    assert ("" if stop is None else stop.reason) == why
    assert stop is None or stop.pause is Pause.BREAKER


@pytest.mark.parametrize(
    ("recipients", "busiest", "warned"),
    [(1_000, 0, False), (1_001, 0, True), (4_000, 1_000, False), (4_001, 1_000, True)],
)
def test_many_more_mails_than_of_late_are_warned_about(recipients, busiest, warned):
    assert bool(warm_up(recipients, busiest)) is warned


# --- through the command -----------------------------------------------------------------------


@pytest.fixture
def crowd(tmp_path, monkeypatch, capsys, plain_environment):
    """600 readers, a fake SES, a queue, and what both are reached by."""
    log = tmp_path / "accepted.jsonl"
    with FakeSes(log=log) as fake, post_office() as url, mailroom(url) as room:
        root = letters(tmp_path / "letters", {}, people=600).root
        paced = {"NEWSLETTER_TRANSPORT__KIND": "ses", "NEWSLETTER_TRANSPORT__SES__MAX_RATE": "100"}
        for name, value in (fake.environ | room.environ | paced).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("newsletter.events.background.POLL_INTERVAL", 0.2)
        yield Folder(root, monkeypatch, capsys), log, room


def accepted(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


class Bouncer(threading.Thread):
    """Reports the first mails as they are accepted, in a thread beside the run."""

    def __init__(self, log, room, report, number):
        super().__init__(daemon=True)
        self.log, self.room, self.report, self.number = log, room, report, number
        self.over = threading.Event()

    def run(self):
        while len(mails := accepted(self.log)) < self.number:
            if self.over.wait(0.02):
                return
        self.room.put(*(self.report(sent_of(mail)) for mail in mails[: self.number]))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def test_a_run_pauses_while_bounces_come_in_and_goes_on_when_told_to(crowd):
    newsletter, log, room = crowd
    with Bouncer(log, room, lambda one: bounce("Permanent", "NoEmail", one), 40):
        ran = newsletter.send(issue=ISSUE)
    assert ran.code == 6, ran.err
    assert "bounced, and 4 % is the most" in ran.err
    states = newsletter.states(ISSUE)
    assert 200 <= states["accepted"] < 600
    assert states["accepted"] + states["queued"] == 600
    assert sum(one.suppression == "bounced" for one in newsletter.people()) == 40
    status = newsletter.run("status", "--issue", str(ISSUE))
    assert "4 % is the most" in status.out
    assert newsletter.send(issue=ISSUE).code == 0
    assert newsletter.states(ISSUE) == {"accepted": 600}


def test_what_has_come_back_is_heard_before_the_recipients_are_chosen(crowd, monkeypatch):
    newsletter, log, room = crowd
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MAX_RATE", "600")
    old = (Sent(message_id=f"old-{n}", to=f"reader{n}@example.org", issue=9) for n in range(1, 6))
    room.put(*(complaint("abuse", None, one) for one in old))
    ran = newsletter.send(issue=ISSUE)
    assert ran.code == 0, ran.err
    assert "5 addresses kept out from now on" in ran.err
    mailed = {mail["to"][0] for mail in accepted(log)}
    assert mailed == {f"reader{n}@example.org" for n in range(6, 601)}


def test_a_sender_who_grows_too_quickly_is_warned_and_not_held(crowd, monkeypatch):
    newsletter, _, _ = crowd
    monkeypatch.setattr("newsletter.delivery.reputation._SMALL", 500)
    ran = newsletter.send("--dry-run", issue=ISSUE)
    assert ran.code == 0
    assert "warning: 600 mails at once, and in the last 30 days none left" in ran.err
