"""A mail server's port that begins in another way than `transport.smtp.security` says."""

from __future__ import annotations

import contextlib
import select
import signal
import threading
import time

import pytest

from newsletter import smtp
from newsletter.sending import reaching, transports
from newsletter.smtp import Server, opening, try_session
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import HANGS, started
from tests.support.smtp_servers import STALL, Late, scripted

__all__ = ["certificate", "folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

SET_BY = "NEWSLETTER_TRANSPORT__SMTP__"
SEE = f"hint: see that transport.smtp.security ({SET_BY}SECURITY) and transport.smtp.port ({SET_BY}PORT) are right"
IN_CLEAR = 'port {} does not begin with TLS: set transport.smtp.security = "starttls"'
WITH_TLS = 'port {} begins with TLS: set transport.smtp.security = "tls"'
WAYS = [("tls", IN_CLEAR), ("starttls", WITH_TLS), ("none", WITH_TLS)]


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(opening, "_SILENT", 0.3)
    monkeypatch.setattr(smtp, "_GREETS", 1.0)


def through(newsletter: Folder, port: int, security: str) -> Folder:
    for name, value in {
        "KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port), "SMTP__SECURITY": security,
    }.items():  # fmt: skip
        newsletter.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", value)
    return newsletter


@pytest.mark.parametrize(("security", "words"), WAYS)
@pytest.mark.parametrize("command", ["send", "dry run", "test"])
@pytest.mark.usefixtures("hurried")
def test_the_wrong_security_is_told_at_once_with_the_setting(
    ready, certificate, security, words, command
):
    with scripted(tls=None if security == "tls" else server_side(certificate)) as server:
        through(ready, server.port, security)
        dry = ["--dry-run"] * (command == "dry run")
        ran = trial(ready) if command == "test" else ready.send(*dry)
        told = words.format(server.port)
    assert ran.code == 4, ran.err
    assert told in ran.err
    assert SEE in ran.err
    assert not server.mails
    assert ready.runs() == ()


def test_a_dry_run_calls_the_mail_server_and_begins_no_mail(ready):
    with scripted() as server:
        assert through(ready, server.port, "none").send("--dry-run").code == 0
    assert server.verbs() == ["EHLO", "QUIT"]
    ran = ready.send("--dry-run")
    assert ran.code == 6, ran.err
    assert "cannot be reached (it refuses connections); nothing was sent now" in ran.err


def trial(newsletter):
    return newsletter.run("test", "--issue", "74", "--to", "me@elsewhere.example.net")


@pytest.mark.parametrize("early", [True, False])
def test_clear_words_are_known_whenever_they_come(monkeypatch, early):
    """Before the first byte of TLS, and in answer to it."""

    def once_there(session, *more):
        assert select.select([session.sock], [], [], HANGS)[0]
        opening.encrypt_at_once(session, *more)

    if early:
        monkeypatch.setattr(smtp, "encrypt_at_once", once_there)
    with scripted(greeting="220 ready" if early else Late("220 ready", 0.3)) as server:
        where = Server(host="127.0.0.1", port=server.port, security="tls")
        outcome = try_session(where, seconds=5.0)
    assert outcome
    assert outcome.reason == IN_CLEAR.format(server.port)


def test_who_lets_everybody_wait_is_waited_for(hurried, monkeypatch):
    monkeypatch.setattr(smtp, "_GREETS", HANGS)
    with scripted(greeting=Late("220 ready", 0.6)) as server:
        where = Server(host="127.0.0.1", port=server.port, security="none")
        with contextlib.closing(smtp.SmtpTransport(where)) as found:
            assert found.reach() is None


def test_who_says_nothing_is_told_and_nothing_is_begun(ready, hurried):
    with scripted(greeting=STALL) as server:
        ran = through(ready, server.port, "starttls").send()
    assert ran.code == 6, ran.err
    assert "the mail server did not answer in time; nothing was sent now" in ran.err
    assert f"transport.smtp.security ({SET_BY}SECURITY)" in ran.err
    assert ready.runs() == ()


def test_a_signal_ends_the_wait_for_a_silent_server(ready):
    with scripted(greeting=STALL) as server:
        through(ready, server.port, "starttls")
        send = "send", "--issue", "74", "--confirm", "74"
        # It would wait for this server for an hour.
        with started(ready.root, *send, world="patient") as process:
            while not server.connections:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=HANGS)
            assert process.returncode == 130
    assert ready.runs() == ()


def test_whoever_is_to_end_does_not_wait_for_an_answer(monkeypatch):
    answered, asked = threading.Event(), iter((False, True))
    monkeypatch.setattr(transports, "reach", lambda _: answered.wait(HANGS))
    way_out = smtp.SmtpTransport(Server(host="127.0.0.1", port=1, security="none"))
    assert reaching._called(way_out, lambda: next(asked)) is None
    answered.set()


@pytest.mark.parametrize("script", [{"EHLO": STALL, "HELO": STALL}, {"AUTH": STALL, "EHLO": "250-here\r\n250 AUTH PLAIN"}])  # fmt: skip
def test_who_stops_answering_before_the_first_mail_is_told_and_nothing_is_begun(
    ready, hurried, script
):
    with scripted(**script) as server:
        newsletter = through(ready, server.port, "none")
        newsletter.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__USERNAME", "ada")
        newsletter.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__PASSWORD", "secret")
        ran = newsletter.send()
    assert ran.code == 6, ran.err
    assert "the mail server did not answer in time; nothing was sent now" in ran.err
    assert ready.runs() == ()


@pytest.mark.parametrize(
    ("script", "words", "code"),
    [
        ({"EHLO": "250-here\r\n250 AUTH PLAIN LOGIN", "AUTH": "535 no"}, "username", 4),
        (None, "host", 6),
    ],
)
def test_a_test_names_the_settings_that_a_send_names(ready, script, words, code):
    ready.patch.setenv(f"{SET_BY}USERNAME", "wren")
    ready.patch.setenv(f"{SET_BY}PASSWORD", "secret")
    with scripted(**(script or {})) as server:
        if script is None:
            server.close()
        through(ready, server.port, "none")
        send, test = ready.send(), trial(ready)
    hints = {ran.err.partition("hint: ")[2].partition(" right")[0] for ran in (send, test)}
    assert (send.code, test.code) == (code, code)
    assert len(hints) == 1, hints
    assert f"see that transport.smtp.{words} ({SET_BY}{words.upper()}) and" in hints.pop()
