"""Whole runs through a fake SES: exit codes, states, and never two submissions."""

from __future__ import annotations

import pytest

from tests.cli_fixtures import folder, plain_environment, ready
from tests.fake_ses import FakeSes, Fault

__all__ = ["folder", "plain_environment", "ready"]
FIFTH = (5,)


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
        return ran, ready.states() if ready.ask("select 1 from runs") else {}

    return send


@pytest.mark.parametrize(
    ("fault", "settings", "code", "states"),
    [
        (None, {}, 0, {"accepted": 25}),
        (Fault(kind="error", code="ExpiredTokenException", status=403), {}, 4, {"queued": 25}),
        (None, {"sending_enabled": False}, 4, {}),
        (None, {"credentials_expired": True}, 4, {}),
        (None, {"production": False}, 4, {"queued": 25}),
        (Fault(kind="throttle", requests=FIFTH), {}, 0, {"accepted": 25}),
        (Fault(kind="error", code="BadRequestException", status=400, requests=FIFTH), {}, 0, {"accepted": 24, "refused": 1}),
        (Fault(kind="reset", accept=True, requests=FIFTH), {}, 9, {"accepted": 24, "unknown": 1}),
        (Fault(kind="html", status=503, requests=FIFTH), {}, 9, {"accepted": 24, "unknown": 1}),
    ],
)  # fmt: skip
def test_a_run_ends_as_the_table_says(ses, fault, settings, code, states):
    with FakeSes(*([fault] if fault else []), **settings) as fake:
        ran, found = ses(fake)
        state = fake.quiet()
    assert ran.code == code, ran.err
    assert found == states
    assert set(state.received_tags.values()) <= {1}
    assert state.duplicates == {}


def test_the_days_quota_pauses_the_run(ses):
    with FakeSes(daily=10) as fake:
        ran, found = ses(fake)
        assert fake.quiet().duplicates == {}
    assert ran.code == 6
    assert found == {"accepted": 10, "queued": 15}
