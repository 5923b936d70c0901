"""`newsletter doctor` and the way out: real servers on this machine, each wrong in one way."""

from __future__ import annotations

import datetime as dt

import pytest
from aiosmtpd.smtp import AuthResult

from newsletter import clocks
from tests.doctor.test_doctor import found, told
from tests.fake_ses import FakeSes
from tests.support.certificates import certificate, server_side
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.mailroom import mailroom, post_office
from tests.support.smtp_servers import Keeper, aiosmtpd, scripted

__all__ = ["certificate", "folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

ONLY = ("--only", "credentials", "--only", "clock", "--only", "account", "--only", "queue")
QUEUE = "transport.ses.configuration_set and transport.ses.events_queue not set: "


# --- a mail server ------------------------------------------------------------------------------


@pytest.fixture
def by_smtp(ready, monkeypatch):
    """Ask the doctor about the mail server on a port."""

    def ask(port: int, security: str = "none", **settings: str):
        values = {"HOST": "127.0.0.1", "PORT": str(port), "SECURITY": security, **settings}
        monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "smtp")
        for name, value in values.items():
            monkeypatch.setenv(f"NEWSLETTER_TRANSPORT__SMTP__{name}", value)
        return ready.run("doctor", "--only", "smtp", "--json")

    return ask


def test_a_mail_server_that_takes_the_log_in_is_well_and_gets_no_mail(by_smtp):
    keeper = Keeper()

    def knows_wren(_server, _session, _envelope, _mechanism, login):
        return AuthResult(success=login.password == b"sesame", handled=False)

    with aiosmtpd(keeper, authenticator=knows_wren, auth_require_tls=False) as port:
        good = by_smtp(port, USERNAME="wren", PASSWORD="sesame")
        bad = by_smtp(port, USERNAME="wren", PASSWORD="guessed")
    assert told(good, "smtp") == ("the mail server answers (none, logged in)", "")
    assert (bad.code, found(bad)) == (5, {"smtp": "error"})
    assert told(bad, "smtp")[0] == "the log-in is refused (SMTP 535)"
    assert "guessed" not in bad.out + bad.err
    assert keeper.mails == []


@pytest.mark.parametrize(
    ("script", "security", "words", "setting"),
    [
        ({"greeting": "554 not you"}, "none", "takes no mail from here (SMTP 554)", "PASSWORD"),
        ({}, "starttls", "the mail server does not offer STARTTLS", "SECURITY"),
        ({}, "tls", "does not begin with TLS: set transport.smtp.security", "SECURITY"),
        ({"greeting": "hang up"}, "none", "the mail server hung up", "PASSWORD"),
    ],
)
def test_a_mail_server_that_cannot_be_used_is_told_why(by_smtp, script, security, words, setting):
    with scripted(**script) as server:
        ran = by_smtp(server.port, security)
    assert (ran.code, found(ran)) == (5, {"smtp": "error"})
    assert words in told(ran, "smtp")[0]
    assert f"NEWSLETTER_TRANSPORT__SMTP__{setting}" in told(ran, "smtp")[1]


def test_a_mail_server_whose_certificate_nobody_trusts_is_told(by_smtp, certificate):
    with scripted(tls=server_side(certificate)) as server:
        ran = by_smtp(server.port, "tls")
        other = by_smtp(server.port, "starttls")
    assert (
        told(ran, "smtp")[0]
        == "the mail server's certificate is not trusted: self-signed certificate"
    )
    assert "begins with TLS: set transport.smtp.security" in told(other, "smtp")[0]


# --- Amazon SES ---------------------------------------------------------------------------------


@pytest.fixture
def by_ses(ready, monkeypatch, tmp_path):
    """Ask the doctor about an account."""

    def ask(environ, *words: str):
        monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return ready.run("doctor", *(words or ONLY), "--json")

    return ask


def test_an_account_that_may_send_is_well_but_for_the_events_nobody_hears(by_ses):
    with FakeSes(rate=14, daily=50_000) as fake:
        ran = by_ses(fake.environ)
        assert fake.accepted == {}
    assert (ran.code, found(ran)) == (0, {"queue": "warning"})
    assert told(ran, "account")[0] == "14 mails a second in eu-west-1"
    assert told(ran, "credentials")[0] == "AWS account ...9012, credentials from env"
    assert told(ran, "queue")[0].startswith(QUEUE)
    assert fake.settings.account not in ran.out


@pytest.mark.parametrize(
    ("settings", "severity", "words"),
    [
        ({"production": False}, "warning", "the account is in the sandbox"),
        ({"enforcement": "PROBATION"}, "warning", "SES has put this account under review"),
        ({"enforcement": "SHUTDOWN"}, "error", "SES has shut down sending for this account"),
        ({"sending_enabled": False}, "error", "sending is switched off for this SES account"),
        ({"daily": 200, "sent_before": 180}, "warning",
         "20 mails are left of today's quota for 25 people"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_account_is_told(by_ses, settings, severity, words):
    with FakeSes(rate=14, **settings) as fake:
        ran = by_ses(fake.environ)
    assert found(ran) == {"account": severity, "queue": "warning"}
    assert words in told(ran, "account")[0]
    assert told(ran, "account")[1]
    assert ran.code == (5 if severity == "error" else 0)


def test_without_credentials_whatever_needs_them_is_skipped(by_ses, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    region = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "eu-west-1"}
    ran = by_ses(region)
    assert (ran.code, found(ran)) == (5, {"credentials": "error"})
    assert told(ran, "credentials")[0] == "there are no AWS credentials here"
    assert told(ran, "account")[0] == told(ran, "queue")[0] == "fix this first: credentials"


def test_credentials_that_aws_refuses_are_not_repeated(by_ses):
    with FakeSes() as fake:
        wrong = fake.environ | {"AWS_SECRET_ACCESS_KEY": "another/secret"}
        ran = by_ses(wrong)
    assert (ran.code, found(ran)) == (5, {"credentials": "error"})
    assert "another/secret" not in ran.out + ran.err
    assert wrong["AWS_ACCESS_KEY_ID"] not in ran.out + ran.err


def test_an_account_that_cannot_be_reached_is_told(by_ses):
    with FakeSes() as fake:
        environ = fake.environ
    ran = by_ses(environ)
    assert found(ran) == {"credentials": "error"}


@pytest.mark.parametrize(
    ("seconds", "severity", "words"),
    [
        (30, "", "the clock agrees with AWS's"),
        (100, "warning", "this machine's clock is 2 minutes fast"),
        (-280, "error", "this machine's clock is 5 minutes slow"),
    ],
)
def test_a_clock_that_is_off_is_told(by_ses, monkeypatch, seconds, severity, words):
    now = clocks.now
    monkeypatch.setattr(clocks, "now", lambda: now() + dt.timedelta(seconds=seconds))
    with FakeSes() as fake:
        ran = by_ses(fake.environ, "--only", "clock")
    assert found(ran) == ({"clock": severity} if severity else {})
    assert told(ran, "clock")[0] == words


def test_the_queue_is_read_and_one_that_is_not_there_is_told(by_ses, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET", "letters")
    with FakeSes() as fake, post_office() as url, mailroom(url) as room:
        room.put("{}", "{}")
        good = by_ses(room.environ | fake.environ, "--only", "queue")
        assert told(good, "queue") == ("2 events wait in the queue", "")
        assert room.left() == 2
        gone = {"NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE": f"{room.queue}-gone"}
        ran = by_ses(gone, "--only", "queue")
    assert (ran.code, found(ran)) == (5, {"queue": "error"})


# --- the readers' pages -------------------------------------------------------------------------


def test_a_page_that_only_this_machine_sees_is_told(ready, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SITE__PUBLIC_URL", "https://127.0.0.1:1")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    ran = ready.run("doctor", "--only", "public-url", "--only", "leaving", "--json")
    assert (ran.code, found(ran)) == (5, {"public-url": "error"})


def test_without_a_way_to_leave_nobody_may_be_mailed(ready, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SITE__PUBLIC_URL", "")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    monkeypatch.setenv("NEWSLETTER_SENDER__UNSUBSCRIBE_MAILTO", "")
    ran = ready.run("doctor", "--only", "leaving", "--json")
    assert (ran.code, found(ran)) == (5, {"leaving": "error"})
    assert only_json(ran)["summary"]["error"] == 1
