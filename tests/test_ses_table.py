"""The outcome table through the whole command: exit code, states, one submission per attempt."""

from __future__ import annotations

import socket

import pytest

from newsletter.outbox.pace import Pace
from newsletter.transport.ses import Account, SesTransport
from newsletter.workers.local import Rhythm
from tests.cli_fixtures import folder, plain_environment, ready
from tests.fake_ses import FakeSes, Fault
from tests.test_ses_send import ses

__all__ = ["folder", "plain_environment", "ready", "ses"]


def _error(code, status, message=""):
    return Fault(kind="error", code=code, status=status, message=message)


@pytest.mark.parametrize(
    "fault",
    [
        _error("AccessDeniedException", 403),
        _error("SignatureDoesNotMatch", 403),
        _error("AccountSuspendedException", 400),
        _error("SendingPausedException", 400),
        _error("MailFromDomainNotVerifiedException", 400),
        _error("NotFoundException", 404, "Configuration set <x> does not exist."),
        _error("MessageRejected", 400, "Email address is not verified."),
    ],
    ids=lambda fault: fault.code,
)
def test_what_would_fail_for_everybody_ends_the_run_with_nobody_lost(ses, fault):
    with FakeSes(fault) as fake:
        ran, states = ses(fake)
        state = fake.quiet()
    assert ran.code == 4, ran.err
    assert states == {"queued": 25}
    assert state.accepted == {}
    assert set(state.received_tags.values()) <= {1}


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (_error("BadRequestException", 400), "refused"),
        (Fault(kind="html", status=503), "unknown"),
        (Fault(kind="reset", accept=True), "unknown"),
        (Fault(kind="truncated"), "unknown"),
        (Fault(kind="garbage"), "unknown"),
        (Fault(kind="no_message_id"), "unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_when_too_much_goes_wrong_the_run_pauses_by_itself(ses, fault, state):
    with FakeSes(fault, rate=4) as fake:
        ran, states = ses(fake)
        seen = fake.quiet()
    assert ran.code == 6, ran.err
    assert "paused: " in ran.err
    assert states["queued"] > 0
    assert states[state] > 0
    assert states[state] + states["queued"] == 25
    assert set(seen.received_tags.values()) <= {1}
    assert seen.duplicates == {}


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_an_answer_that_proves_nothing_is_unknown_and_said(ses, status):
    with FakeSes(Fault(kind="html", status=status, accept=True, requests=(7,))) as fake:
        ran, states = ses(fake)
        seen = fake.quiet()
    assert ran.code == 9, ran.err
    assert states == {"accepted": 24, "unknown": 1}
    assert "1 outcome is unknown" in ran.err
    assert seen.duplicates == {}


def test_without_credentials_nothing_begins(ready, ses, monkeypatch):
    with FakeSes() as fake:
        environ = {k: v for k, v in fake.environ.items() if "KEY" not in k}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        ran = ready.send()
        assert fake.quiet().accepted == {}
    assert ran.code == 4
    assert ran.error == "error: AWS cannot be used from here"
    assert ready.ask("select count(*) from runs") == [(0,)]


@pytest.mark.parametrize(("endpoint", "code"), [("http://127.0.0.1:{}", 4), ("not an address", 2)])
def test_an_endpoint_that_is_not_there_stops_before_the_first_claim(
    ready, ses, monkeypatch, endpoint, code
):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with FakeSes() as fake:
            for name, value in fake.environ.items():
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", endpoint.format(port))
        ran = ready.send()
    assert ran.code == code, ran.err
    assert ready.ask("select count(*) from runs") == [(0,)]


def test_a_rehearsal_then_the_real_thing_then_once_more(ready, monkeypatch):
    assert ready.send().code == 0
    with FakeSes() as fake:
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
        first, second = ready.send(), ready.send()
        state = fake.quiet()
    assert (first.code, second.code) == (0, 0)
    assert len(state.accepted) == 25
    assert set(state.accepted.values()) == {1}
    assert "already sent" in second.err


def test_a_malformed_request_of_our_own_is_refused_before_it_leaves(ses, monkeypatch):
    monkeypatch.setattr(SesTransport, "_request", lambda _self, _message: {"Destination": 5})
    with FakeSes() as fake:
        ran, states = ses(fake)
        assert fake.quiet().received == {}
    assert ran.code == 2, ran.err
    assert states == {"queued": 25}


def test_ten_minutes_without_a_connection_pause_the_run(ready, ses, monkeypatch):
    now = [0.0]

    def leap(_event, seconds):
        now[0] += seconds

    def rhythm(_transport, _allowance, _wanted):
        return Rhythm(pace=Pace(50.0, now=0.0), clock=lambda: now[0], sleep=leap)

    limits = Account(rate=50.0, day=-1, sent=0, sandbox=False)
    monkeypatch.setattr(SesTransport, "read_account", lambda _self: limits)
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    monkeypatch.setattr("newsletter.cli.draining._rhythm", rhythm)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with FakeSes() as fake:
            for name, value in fake.environ.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv(
                "AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{closed.getsockname()[1]}"
            )
            ran = ready.send()
    assert ran.code == 6, ran.err
    assert "nothing could be reached for ten minutes" in ran.err
    assert now[0] >= 600
    assert set(ready.states()) <= {"queued", "deferred"}
    assert sum(ready.states().values()) == 25
