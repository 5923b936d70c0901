"""`newsletter test`: one mail to oneself, which leaves no trace in the records."""

from __future__ import annotations

import email.policy
import re
from email import message_from_bytes

import pytest

from newsletter.audience.tokens import Key, read_token
from tests.support.cli_fixtures import Folder, Ran, folder, plain_environment, ready, snapshot
from tests.support.smtp_servers import HANG_UP, scripted

__all__ = ["folder", "plain_environment", "ready"]

TO = "me.myself@elsewhere.example.net"


def trial(newsletter: Folder, *words: str, issue: int = 74) -> Ran:
    ran = newsletter.run("test", "--issue", str(issue), "--to", TO, *words)
    assert TO not in ran.err
    return ran


def through(newsletter: Folder, port: int) -> Folder:
    for name, value in {
        "KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port), "SMTP__SECURITY": "none",
    }.items():  # fmt: skip
        newsletter.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", value)
    return newsletter


@pytest.mark.processes
def test_a_test_mail_is_the_letter_marked_and_needs_no_records(folder):
    ran = trial(folder)
    assert ran.code == 0
    assert ran.out == f"{TO} accepted: mail/074/0000.eml\n"
    assert not (folder.root / ".newsletter").exists()
    data = (folder.root / "mail/074/0000.eml").read_bytes()
    letter = message_from_bytes(data, policy=email.policy.default)
    assert letter["Subject"].startswith("[TEST] Slack water")
    assert TO in letter["To"]
    assert letter["Date"]
    assert "test" in letter["Message-ID"]
    for part in letter.iter_parts():
        assert "__NL_" not in part.get_content()


def test_its_unsubscribe_link_opens_nothing(folder):
    trial(folder)
    data = (folder.root / "mail/074/0000.eml").read_bytes()
    (token,) = re.findall(rb"List-Unsubscribe: <[^>]+/u/([\w-]+)>", data)
    keys = {255: Key(255, bytes(32))}
    assert read_token(token.decode(), keys) is None
    assert read_token(token.decode(), keys, "test") == "0" * 24


def test_every_address_gets_a_mail_of_its_own(folder):
    ran = trial(folder, "--to", "other@example.net")
    assert ran.code == 0
    assert [path.name for path in folder.mails()] == ["0000-2.eml", "0000.eml"]
    assert ran.out.splitlines()[1] == "other@example.net accepted: mail/074/0000-2.eml"


@pytest.mark.processes
def test_neither_records_nor_a_rehearsal_notice_a_test(ready):
    ready.send("--limit", "3")
    before = snapshot(ready.root)
    assert trial(ready).code == 0
    after = snapshot(ready.root)
    assert set(after) - set(before) == {"mail/074/0000.eml"}
    assert {k: v for k, v in after.items() if k in before and v[0]} == {
        k: v for k, v in before.items() if v[0]
    }


def test_a_wrong_address_stops_them_all(folder):
    ran = folder.run("test", "--issue", "74", "--to", TO, "--to", "nobody at home")
    assert ran.code == 2
    assert ran.error == "error: this is not a mail address"
    assert folder.mails() == []


def test_errors_are_shown_and_do_not_stop_it(folder):
    checked = folder.run("check", "--issue", "75")
    assert checked.code == 5
    ran = trial(folder, issue=75)
    assert ran.code == 0
    assert all(line in ran.err for line in checked.out.splitlines())
    assert len(folder.mails(75)) == 1


@pytest.mark.processes
@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ({}, 0, "accepted"),
        ({"MAIL": "550 no"}, 4, "not sent: the sender is refused (SMTP 550)"),
        ({"RCPT": "550 no"}, 4, "refused: SMTP 550"),
        ({"RCPT": "450 later"}, 6, "deferred: SMTP 450"),
        ({"greeting": "421 busy"}, 6, "deferred: the mail server takes no mail now (SMTP 421)"),
        ({"dot": HANG_UP}, 9, "unknown: the mail server hung up, after the whole mail"),
    ],
)
def test_the_answer_is_told_and_is_the_exit_code(folder, script, code, said):
    with scripted(**script) as server:
        ran = trial(through(folder, server.port))
        assert ran.code == code
        assert ran.out.startswith(f"{TO} {said}")
        assert (f"RCPT TO:<{TO}>".lower() in " ".join(server.seen).lower()) == (
            not {"MAIL", "greeting"} & set(script)
        )


@pytest.mark.processes
def test_the_worst_answer_is_the_exit_code_and_refused_for_all_ends_it(folder):
    with scripted(dot=["550 no", HANG_UP, "250 ok"]) as server:
        ran = trial(through(folder, server.port), "--to", "b@example.net", "--to", "c@example.net")
    assert ran.code == 9
    assert len(ran.out.splitlines()) == 3
    with scripted(MAIL="550 no") as server:
        ran = trial(through(folder, server.port), "--to", "b@example.net")
    assert (ran.code, len(ran.out.splitlines())) == (4, 1)


@pytest.mark.processes
@pytest.mark.parametrize("command", [("test", "--to", TO), ("send", "--confirm", "74")])
def test_without_a_way_to_leave_nothing_goes_out_for_real(ready, command):
    ready.patch.setenv("NEWSLETTER_SITE__PUBLIC_URL", "")
    with scripted() as server:
        ran = through(ready, server.port).run(*command, "--issue", "74")
        assert ran.code == 5
        assert ran.error == "error: readers could not unsubscribe from this mail"
        assert server.connections == 0
        ready.patch.setenv("NEWSLETTER_SENDER__UNSUBSCRIBE_MAILTO", "leave@slackwater.example.org")
        assert trial(ready).code == 0
