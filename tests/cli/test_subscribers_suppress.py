"""`newsletter subscribers suppress`: what came back to the author's mailbox counts from then on."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter import clocks
from newsletter.audience import Status
from newsletter.audience.reported import read_reported
from newsletter.audience.roster import Reject
from newsletter.feedback import Suppression
from newsletter.store import Store, feedback, suppressions
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd, scripted

__all__ = ["folder", "plain_environment", "ready"]


def suppress(newsletter, which, reason="bounced", *words):
    return newsletter.run("subscribers", "suppress", which, "--reason", reason, *words)


def reasons(newsletter):
    """Why people of the list are never mailed."""
    return sorted(one.suppression for one in newsletter.people() if one.suppression)


def active(newsletter):
    return [one.email.lower() for one in newsletter.people() if one.status is Status.ACTIVE]


@pytest.mark.processes
def test_one_address_gets_no_mail_any_more_until_it_is_allowed(ready):
    address, *_ = active(ready)
    before = reasons(ready)
    ran = suppress(ready, address)
    assert (
        ran.out
        == "1 suppressed (0 of them not on the list), 0 kept out before, 0 repeated, 0 rejected\n"
    )
    assert reasons(ready) == sorted([*before, "bounced"])
    ready.send()
    assert address not in "".join(path.read_text("utf-8").lower() for path in ready.mails())
    source = ("--consent-source", "wrote to me")
    assert "was: bounced" in ready.run("subscribers", "allow", address, *source).out
    assert reasons(ready) == before


def test_it_is_in_the_consent_log_who_said_so(ready):
    suppress(ready, "gone@elsewhere.example", "complained")
    assert ready.consents("gone@elsewhere.example") == [
        ("complained", "newsletter subscribers suppress")
    ]


def test_an_address_nobody_has_is_kept_out_of_later_imports(ready):
    ran = suppress(ready, "gone@elsewhere.example")
    assert ran.out.startswith("1 suppressed (1 of them not on the list)")
    ready.write("more.csv", "email\ngone@elsewhere.example\n")
    ran = ready.run("subscribers", "import", "more.csv", "--consent-source", "x")
    assert "0 added" in ran.out
    assert "1 kept out" in ran.out


def test_a_file_says_what_became_of_each_of_its_rows(ready):
    one, two, *_ = active(ready)
    ready.write("back.txt", f"{one}\n\n{two.upper()}\n<{one}>\nnobody at home\nx@y@\n")
    found = only_json(suppress(ready, "back.txt", "bounced", "--json"))
    assert {k: found[k] for k in ("suppressed", "strangers", "before", "repeated", "rejected")} == {
        "suppressed": 2, "strangers": 0, "before": 0, "repeated": 1, "rejected": 2,
    }  # fmt: skip
    ran = suppress(ready, "back.txt")
    assert (
        ran.out
        == "0 suppressed (0 of them not on the list), 2 kept out before, 1 repeated, 2 rejected\n"
    )
    assert "back.txt:5: left out: no address in this row" in ran.err


def test_a_complaint_outweighs_a_bounce_and_never_the_other_way_round(ready):
    for reason in ("bounced", "complained", "bounced"):
        suppress(ready, "gone@elsewhere.example", reason)
    with ready.records() as store:
        assert suppressions.reason(store, "gone@elsewhere.example") == "complained"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("nowhere.txt", "--reason", "bounced"), "nowhere.txt"),
        (("no mail@ddress", "--reason", "bounced"), "address"),
        (("a@b.example", "--reason", "soft bounces"), "--reason"),
        (("a@b.example",), "--reason"),
    ],
)
def test_what_is_wrong_or_missing_changes_nothing(ready, words, problem):
    before = ready.everything()
    ran = ready.run("subscribers", "suppress", *words)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.error
    assert ready.everything() == before


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@x.example\nb@x.example\n", ["a@x.example", "b@x.example"]),
        ("\ufeffRecipient;Why\na@x.example;full@night\n", ["a@x.example"]),
        ('date,E-Mail,name\n2026-01-01,a@x.example,"A, B"\n', ["a@x.example"]),
        ("from\tfinal_recipient\nme@x.example\ta@x.example\n", ["a@x.example"]),
        ("when,who\n2026-01-01,a@x.example\n", ["a@x.example"]),
        ("from,to\nme@x.example,a@x.example\n", [None]),  # which of them came back?
        ("me@x.example,a@x.example\n", [None]),
        ("email\n\n-\n", [None]),
        ("", []),
    ],
)
def test_a_row_is_an_address_or_left_out(text, found):
    read = list(read_reported(text.splitlines(keepends=True)))
    assert [None if isinstance(one, Reject) else one.mailbox for one in read] == found


def test_many_are_written_in_steps(ready):
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        people = [f"p{n}@elsewhere.example" for n in range(5000)]
        now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
        done = feedback.report(store, people, Suppression.BOUNCED, source="x", now=now)
    assert (done.suppressed, done.strangers) == (5000, 5000)


@pytest.mark.processes
def test_where_no_mail_was_accepted_none_can_have_come_back(ready):
    with scripted(RCPT="550 no") as server:
        through_smtp(ready, server.port)
        assert ready.send().code == 6
    assert "accepted" not in ready.states()
    for words in ("status",), ("stats",), ("stats", "--issue", "74"):
        ran = ready.run(*words)
        assert ran.code == 0
        assert "bounce" not in ran.err


@pytest.mark.processes
def test_status_reminds_of_the_mailbox_until_something_is_noted(ready, monkeypatch):
    with aiosmtpd(Keeper()) as port:
        through_smtp(ready, port)
        ready.send("--limit", "2")
    hint = "hint: mails of issue 74 that bounce come back to the sender's mailbox"
    assert hint in ready.run("status").err
    with monkeypatch.context() as later:
        later.setattr(clocks, "now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=8))
        assert "mailbox" not in ready.run("status").err
    shown = ready.run("stats", "--issue", "74")
    assert [line.split(maxsplit=1) for line in shown.out.splitlines()[:4]] == [
        ["accepted", "2"],
        ["delivered", "not reported"],
        ["bounced", "not reported"],
        ["complained", "not reported"],
    ]
    assert "0.0 %" not in "".join(shown.out.splitlines()[1:4])
    assert "suppress FILE|ADDR" in shown.err
    found = only_json(ready.run("stats", "--issue", "74", "--json"))
    assert [found[name] for name in ("delivered", "bounced", "complained")] == [None] * 3
    suppress(ready, "gone@elsewhere.example")
    assert hint not in ready.run("status").err
