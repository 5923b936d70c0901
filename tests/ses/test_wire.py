"""Proof is a fact of the wire: four ways to SES, what may go wrong on each, and what is proven."""

from __future__ import annotations

import contextlib
import ssl

import pytest

from newsletter.delivery import Effect, Result
from newsletter.message import Message
from newsletter.ses.client import SesTransport
from tests.fake_ses import FakeSes
from tests.support.certificates import certificate
from tests.support.gateway import SECURE, WAYS, Gateway
from tests.support.odd_answers import GOOD_ANSWERS, INSTEAD, LOST, PREVIOUS, SLOW

__all__ = ["certificate"]

pytestmark = pytest.mark.processes

DATA = b"From: wren@example.org\r\nTo: mara@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n"
TLS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture
def plain_aws(monkeypatch, tmp_path):
    """Nothing of this machine's AWS or of its proxies."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE",
                 "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@contextlib.contextmanager
def opened(gateway, monkeypatch, **waits):
    with monkeypatch.context() as patch:
        for name, value in gateway.environ.items():
            patch.setenv(name, value)
        ses = SesTransport(
            region="", profile="", configuration_set="", max_rate=None, environ=gateway.environ,
            **{"read_seconds": 5.0, "connect_seconds": 5.0, **waits},
        )  # fmt: skip
        with contextlib.closing(ses):
            yield ses


def message(position=1, data=DATA):
    return Message(
        issue=74, position=position, attempt=1, sender="wren@example.org",
        to=f"reader{position}@example.org", pieces=(data,),
    )  # fmt: skip


def through(monkeypatch, certificate, way, faults, **options):
    """A good mail before each fault and after the last; the outcomes by fault.

    Whatever SES took is accepted or unknown, and no mail was handed over twice.
    """
    faulty = {2 * number: fault for number, fault in enumerate(faults, 1)}
    last = 2 * len(faulty) + 1
    with (
        FakeSes() as fake,
        Gateway(fake, way, certificate, choose=lambda n: faulty.get(n, ""), **options) as gateway,
        opened(gateway, monkeypatch) as ses,
    ):
        outcomes = {number: ses.deliver(message(number)) for number in range(1, last + 1)}
        state = fake.quiet()
    assert gateway.mails == last
    assert set(state.received_tags.values()) == {1}
    assert len(state.accepted) == last
    assert [o.reason for o in outcomes.values() if "@" in o.reason] == []
    good = {number: o for number, o in outcomes.items() if number not in faulty}
    assert {n: o for n, o in good.items() if o.result is not Result.ACCEPTED} == {}
    named = [o.message_id for o in outcomes.values() if o.message_id]
    assert len(set(named)) == len(named)
    return {fault: outcomes[number] for number, fault in faulty.items()}


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("way", WAYS)
def test_a_mail_whose_answer_is_lost_or_not_from_ses_is_unknown(monkeypatch, certificate, way):
    found = through(monkeypatch, certificate, way, [*INSTEAD, *LOST, PREVIOUS])
    assert {f: o for f, o in found.items() if o.result is not Result.UNKNOWN} == {}


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("fault", SLOW)
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_never_ends_is_given_up_as_unknown(monkeypatch, certificate, way, fault):
    with (
        FakeSes() as fake,
        Gateway(fake, way, certificate, choose=lambda _: fault) as gateway,
        opened(gateway, monkeypatch, read_seconds=0.3) as ses,
    ):
        assert ses.deliver(message()).result is Result.UNKNOWN
        assert set(fake.quiet().received_tags.values()) <= {1}


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("version", TLS)
@pytest.mark.parametrize("way", sorted(SECURE))
def test_a_tls_alert_after_the_request_proves_nothing(monkeypatch, certificate, way, version):
    found = through(monkeypatch, certificate, way, ["alert"], tls=TLS[version])
    assert found["alert"].result is Result.UNKNOWN
    assert "SSL" in found["alert"].reason


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_in_another_form_counts_once(monkeypatch, certificate, way):
    found = through(monkeypatch, certificate, way, GOOD_ANSWERS)
    assert {f: o for f, o in found.items() if o.result is not Result.ACCEPTED} == {}


#: Before any request; some only where there is a tunnel, or TLS.
IN_TUNNEL = ("connect-403", "connect-407", "connect-429", "connect-502", "connect-302", "drip-connect",
             "garbage-connect", "close-tunnel", "reset-tunnel", "speaks")  # fmt: skip
IN_TLS = ("close", "reset", "garbage-tls", "drip-tls", "reset-tls", "alert-tls")
BEFORE = [
    *(("connect", before) for before in IN_TUNNEL),
    *((way, before) for way in sorted(SECURE) for before in IN_TLS),
]


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize(("way", "before"), BEFORE)
def test_where_no_request_was_begun_it_is_proven_and_said(monkeypatch, certificate, way, before):
    waits = {"connect_seconds": 0.3} if before.startswith("drip") else {}
    with (
        FakeSes() as fake,
        Gateway(fake, way, certificate, before=before) as gateway,
        opened(gateway, monkeypatch, **waits) as ses,
    ):
        outcome = ses.deliver(message())
        assert fake.quiet().requests == 0
    assert gateway.connections == 1
    assert (outcome.result, outcome.effect) == (Result.DEFERRED, Effect.BACK_OFF)
    if before == "connect-407":
        assert outcome.reason == "the proxy wants a log-in (HTTP 407)"
    assert "SES" in outcome.reason or "proxy" in outcome.reason


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("before", ["close", "reset", "speaks"])
@pytest.mark.parametrize("way", ["direct", "plain"])
def test_without_tls_a_hang_up_may_cross_the_request_and_is_never_a_success(
    monkeypatch, way, before
):
    with (
        FakeSes() as fake,
        Gateway(fake, way, before=before) as gateway,
        opened(gateway, monkeypatch) as ses,
    ):
        outcome = ses.deliver(message())
        assert set(fake.quiet().received.values()) <= {1}
    assert outcome.result in {Result.DEFERRED, Result.UNKNOWN}


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("way", sorted(SECURE))
def test_a_certificate_nobody_trusts_is_proven_and_said(monkeypatch, certificate, way):
    with FakeSes() as fake, Gateway(fake, way, certificate) as gateway:
        with opened(gateway, monkeypatch) as ses:
            ses._wire._bundle = ""
            outcome = ses.deliver(message())
        assert fake.quiet().requests == 0
    assert (outcome.result, outcome.effect) == (Result.DEFERRED, Effect.BACK_OFF)
    assert "its certificate is not trusted" in outcome.reason
