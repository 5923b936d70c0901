"""Whole runs through a fake SES: how they begin, and how they follow upon one another."""

from __future__ import annotations

import socket

import pytest

from newsletter.ses import single
from tests.fake_ses import FakeSes
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


@pytest.fixture
def ses(ready, monkeypatch, tmp_path):
    """Send issue 74 through a fake; nothing of this machine's AWS is seen."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")

    def send(fake):
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        ran = ready.send()
        return ran, ready.states()

    return send


def test_the_days_quota_pauses_the_run(ses):
    with FakeSes(daily=10) as fake:
        ran, found = ses(fake)
        assert fake.quiet().duplicates == {}
    assert ran.code == 6
    assert found == {"accepted": 10, "queued": 15}


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
    assert ready.runs() == ()


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
    assert ready.runs() == ()


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
    monkeypatch.setattr(single, "parameters", lambda _message, _events: {"Destination": 5})
    with FakeSes() as fake:
        ran, states = ses(fake)
        assert fake.quiet().received == {}
    assert ran.code == 2, ran.err
    assert states == {"queued": 25}
