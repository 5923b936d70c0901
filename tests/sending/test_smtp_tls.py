"""Mail through a mail server: the log-in, encryption, and a whole issue."""

from __future__ import annotations

import contextlib
import email.policy
import logging
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from newsletter.delivery import Result
from newsletter.smtp import Security, Server, SmtpTransport
from tests.sending.test_smtp import (
    ABORTED,
    BACKED_OFF,
    DATA,
    LOGINS,
    PASSWORD,
    handed,
    mail,
    meaning,
    transport,
)
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import ADDRESSES, Folder, folder, plain_environment, ready
from tests.support.smtp_servers import (
    HANG_UP,
    Keeper,
    aiosmtpd,
    scripted,
)

__all__ = ["certificate", "folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

NO_LOG_IN = (
    "the mail server does not offer a log-in: see transport.smtp.security, and "
    "transport.smtp.username"
)
NO_STARTTLS = (
    'the mail server does not offer STARTTLS: set transport.smtp.security = "tls" and its port, '
    "mostly 465"
)


# --- log-in and encryption -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "expected", "reason"),
    [
        ({"AUTH": "535 wren is wrong"}, ABORTED, "the log-in is refused (SMTP 535)"),
        ({"AUTH": "454 later"}, BACKED_OFF, "the mail server takes no mail now (SMTP 454)"),
        ({"AUTH": HANG_UP}, BACKED_OFF, "the mail server hung up"),
        ({"EHLO": "250 here"}, ABORTED, NO_LOG_IN),
        (
            {"EHLO": "250-here\r\n250 AUTH GSSAPI"},
            ABORTED,
            "the mail server offers no log-in that is known here",
        ),
    ],
)
def test_a_log_in_that_fails(script, expected, reason):
    with scripted(**{"EHLO": LOGINS, **script}) as server:
        outcome = handed(server, username="wren", password=PASSWORD)
    assert meaning(outcome) == expected
    assert outcome.reason == reason
    assert "MAIL" not in server.verbs()


def test_a_password_with_other_letters_ends_the_run():
    with scripted(EHLO=LOGINS) as server:
        outcome = handed(server, username="wren", password="Schlüssel")
    assert meaning(outcome) == ABORTED
    assert "AUTH" not in server.verbs()


def test_neither_name_nor_password_is_ever_shown(caplog):
    caplog.set_level(logging.DEBUG)
    login: dict[str, Any] = {"username": "wren-the-user", "password": PASSWORD}
    server = Server(host="mail.example.org", port=587, security="starttls", **login)
    through = SmtpTransport(server)
    with scripted(EHLO=LOGINS, AUTH=f"535 wren-the-user/{PASSWORD} is wrong") as odd:
        outcome = handed(odd, **login)
    shown = f"{server!r}{server}{through!r}{through.describe()}{outcome!r}{caplog.text}"
    assert "mail.example.org:587" in shown
    assert PASSWORD not in shown
    assert "wren-the-user" not in shown


@pytest.mark.parametrize(
    ("script", "expected", "reason"),
    [
        ({}, ABORTED, NO_STARTTLS),
        (
            {"EHLO": "250-here\r\n250 STARTTLS", "STARTTLS": "454 later"},
            BACKED_OFF,
            "the mail server takes no mail now (SMTP 454)",
        ),
        (
            {"EHLO": "250-here\r\n250 STARTTLS", "STARTTLS": "220 go\r\nnot TLS at all"},
            BACKED_OFF,
            "the mail server spoke before it was asked",
        ),
        (
            {"EHLO": "250-here\r\n250 STARTTLS", "STARTTLS": "220 go"},
            BACKED_OFF,
            "the mail server 127.0.0.1:",
        ),
    ],
)
def test_without_encryption_nothing_is_said(script, expected, reason):
    with scripted(**script) as server:
        outcome = handed(server, security="starttls", username="wren", password=PASSWORD)
    assert meaning(outcome) == expected
    assert outcome.reason.startswith(reason)
    assert not {"AUTH", "MAIL"} & set(server.verbs())


def knows_wren(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
    known = (login.login, login.password) == (b"wren", PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@contextlib.contextmanager
def encrypted(certificate: Path, security: Security, keeper: Keeper) -> Iterator[int]:
    """aiosmtpd, encrypted this way, for those who log in as wren."""
    context = server_side(certificate)
    own: dict[str, Any] = (
        {"tls": context, "auth_require_tls": False}
        if security == "tls"
        else {"tls_context": context, "require_starttls": True}
    )
    with aiosmtpd(keeper, authenticator=knows_wren, **own) as port:
        yield port


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_an_encrypted_session_with_a_log_in_carries_mail(security, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    keeper, login = Keeper(), {"username": "wren", "password": PASSWORD}
    with encrypted(certificate, security, keeper) as port:
        with transport(port, security, **login) as through:
            assert [through.deliver(mail()).result for _ in range(3)] == [Result.ACCEPTED] * 3
        with transport(port, security, **{**login, "password": "wrong"}) as through:
            assert through.deliver(mail()).reason == "the log-in is refused (SMTP 535)"
    assert [data for _, _, data in keeper.mails] == [DATA] * 3
    assert len(set(keeper.connections)) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_nobody_vouches_for_stops_before_the_log_in(
    security, host, certificate, monkeypatch
):
    if host == "localhost":  # trusted, but made out to another name
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    keeper = Keeper()
    with (
        encrypted(certificate, security, keeper) as port,
        transport(port, security, host, username="wren", password=PASSWORD) as through,
    ):
        outcome = through.deliver(mail())
    assert meaning(outcome) == BACKED_OFF
    assert outcome.reason.startswith("the mail server's certificate is not trusted: ")
    assert keeper.mails == []


# --- from the command line -------------------------------------------------------------------


def through_smtp(newsletter: Folder, port: int, **more: str) -> Folder:
    """The same newsletter, set to send through a mail server of this machine."""
    settings = {"KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port)}
    for name, value in {**settings, "SMTP__SECURITY": "none", **more}.items():
        newsletter.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", value)
    return newsletter


def test_an_issue_goes_out_over_one_connection_each_mail_dated_and_named(ready):
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        ran = through_smtp(ready, port).send()
        again = ready.send()
    assert (ran.code, again.code) == (0, 0)
    assert f"through  the mail server 127.0.0.1:{port}" in ran.err
    assert "25 mails sent now" in ran.out
    assert len(keeper.mails) == len(ADDRESSES) == 25
    assert len(set(keeper.connections)) == 1
    assert {to.lower() for _, [to], _ in keeper.mails} == set(ADDRESSES)
    named = set()
    for sender, _, data in keeper.mails:
        letter = message_from_bytes(data, policy=email.policy.default)
        assert sender == "wren@slackwater.example.org"
        assert parsedate_to_datetime(letter["Date"]).tzinfo is not None
        assert re.fullmatch(r"<74\.\d+\.1\.\w+@slackwater\.example\.org>", letter["Message-ID"])
        named.add(letter["Message-ID"].strip("<>"))
    assert named == {name for (name,) in ready.untold("deliveries", "message_id")}
