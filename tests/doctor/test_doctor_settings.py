"""`newsletter doctor` names what `send` refuses whatever the issue, and counts all that is unknown."""

from __future__ import annotations

import shutil

import pytest

from tests.doctor.test_doctor import found, past_the_guards, told
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

ADDRESS = 'from_address = "wren@slackwater.example.org"\n'
POSTAL = 'postal_address = "Slack Water, 4 Ferry Stairs, Port Example"\n'


@pytest.fixture
def by_ses(ready, monkeypatch):
    """A newsletter whose mail leaves through SES, in bulk, with a queue of events."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MODE", "bulk")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE", "http://127.0.0.1:9/1/events")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET", "letters")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "invented")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return ready


def _no_queue(letters, patch):
    patch.setenv("NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE", "")


def _no_configuration_set(letters, patch):
    patch.setenv("NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET", "")


def _no_address(letters, patch):
    letters.edit("newsletter.toml", ADDRESS, "")


def _no_postal_address(letters, patch):
    letters.edit("newsletter.toml", POSTAL, "")


def _blank_postal_address(letters, patch):
    letters.edit("newsletter.toml", POSTAL, 'postal_address = " "\n')


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (_no_address, "there is no sender address"),
        (_no_postal_address, "there is no postal address"),
        (_blank_postal_address, "there is no postal address"),
        (_no_queue, 'transport.ses.mode is "bulk", but transport.ses.events_queue is not set'),
        (_no_configuration_set, "but transport.ses.configuration_set is not set"),
    ],
)
def test_what_send_refuses_whatever_the_issue_is_an_error(by_ses, monkeypatch, break_it, words):
    assert found(by_ses.run("doctor", "--offline", "--json")) == {}
    break_it(by_ses, monkeypatch)
    ran = by_ses.run("doctor", "--offline", "--json")
    assert (ran.code, found(ran)) == (5, {"sending": "error"})
    detail, hint = told(ran, "sending")
    assert words in detail
    assert "set " in hint
    refused = by_ses.run("send", "--issue", "74", "--dry-run")
    assert refused.code in {2, 5}
    assert words in refused.err


def test_a_missing_postal_address_that_the_author_answers_for_is_none_of_the_doctors(by_ses):
    by_ses.edit("newsletter.toml", POSTAL, "")
    by_ses.edit("newsletter.toml", "[checks.ignore]\n", '[checks.ignore]\nno-address = "none"\n')
    assert found(by_ses.run("doctor", "--offline", "--json")) == {}


def test_a_queue_is_missed_in_bulk_alone(by_ses, monkeypatch):
    _no_queue(by_ses, monkeypatch)
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MODE", "single")
    assert found(by_ses.run("doctor", "--offline", "--json")) == {}


def test_a_rehearsal_needs_none_of_it(ready, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    _no_address(ready, monkeypatch)
    checks = only_json(ready.run("doctor", "--json"))["checks"]
    assert "sending" not in {one["id"] for one in checks}


@pytest.mark.processes
def test_all_that_is_unknown_is_counted_however_many(ready, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    ready.send()
    past_the_guards(
        ready,
        "UPDATE runs SET rehearsal = 0, recipients = 1225",
        "UPDATE deliveries SET rehearsal = 0",
        """
        WITH RECURSIVE more(n) AS (SELECT 101 UNION ALL SELECT n + 1 FROM more WHERE n < 1300)
        INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position,
                                state, attempt, claimed_at, settled_at)
        SELECT run_id, issue, 0, n + 100000, 'hash ' || n, n, 'unknown', 1,
               '2026-01-01T10:00:00.000000Z', '2026-01-01T10:00:00.000000Z'
        FROM deliveries, more WHERE position = 1
        """,
    )
    detail, _ = told(ready.run("doctor", "--only", "unknown", "--json"), "unknown")
    assert detail == "issue 74: 1,200 mails are unknown for more than a day"
