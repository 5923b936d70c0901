"""SES's answers, from a server that counts, through the real transport."""

from __future__ import annotations

import contextlib
import time

import pytest

from newsletter.delivery import Allowance, Effect, Result
from newsletter.delivery.pace import SHARE
from newsletter.errors import AccountError, InputError
from newsletter.message import Message
from newsletter.ses.client import SesTransport
from tests.fake_ses import FakeSes, Fault
from tests.support.commands import HANGS

pytestmark = pytest.mark.processes

DATA = b"From: wren@example.org\r\nTo: mara@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n"


@pytest.fixture
def world(monkeypatch, tmp_path):
    """AWS's environment holds what a fake says, and nothing of this machine."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def enter(fake):
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        return fake.environ

    return enter


def transport(environ, *, region="", configuration_set="", **waits):
    return contextlib.closing(
        SesTransport(
            region=region, profile="", configuration_set=configuration_set, max_rate=None,
            environ=environ, **waits,
        )
    )  # fmt: skip


def message(position=1, to="mara@example.org"):
    return Message(
        issue=74, position=position, attempt=1, sender="wren@example.org", to=to, pieces=(DATA,)
    )


def error(code, status=400, text="No."):
    return Fault(kind="error", code=code, status=status, message=text)


TABLE = [
    (error("ExpiredTokenException", 403), Result.NOT_SENT, Effect.ABORT),
    (error("AccessDeniedException", 403), Result.NOT_SENT, Effect.ABORT),
    (error("SignatureDoesNotMatch", 403), Result.NOT_SENT, Effect.ABORT),
    (error("SendingPausedException"), Result.NOT_SENT, Effect.ABORT),
    (error("AccountSuspendedException"), Result.NOT_SENT, Effect.ABORT),
    (error("MailFromDomainNotVerifiedException"), Result.NOT_SENT, Effect.ABORT),
    (error("NotFoundException", 404), Result.NOT_SENT, Effect.ABORT),
    (error("MessageRejected", 400, "a@b.org is not verified"), Result.NOT_SENT, Effect.ABORT),
    (Fault(kind="throttle"), Result.DEFERRED, Effect.SLOW_DOWN),
    (Fault(kind="quota"), Result.NOT_SENT, Effect.STOP),
    (error("LimitExceededException", 400, "Daily message quota exceeded."), Result.NOT_SENT, Effect.STOP),
    (error("BadRequestException"), Result.REFUSED, Effect.GO_ON),
    (error("MessageRejected", 400, "Not that, mara@example.org"), Result.REFUSED, Effect.GO_ON),
    (error("mara@example.org", 400), Result.UNKNOWN, Effect.GO_ON),
    (error("RequestTimeout", 408), Result.UNKNOWN, Effect.GO_ON),
    *((Fault(kind="html", status=status), Result.UNKNOWN, Effect.GO_ON) for status in (500, 502, 503)),
    (Fault(kind="stall"), Result.UNKNOWN, Effect.GO_ON),
    (Fault(kind="stall", accept=True), Result.UNKNOWN, Effect.GO_ON),
    (Fault(kind="reset"), Result.UNKNOWN, Effect.GO_ON),
    (Fault(kind="reset", accept=True), Result.UNKNOWN, Effect.GO_ON),
    (Fault(kind="reset_unread"), Result.UNKNOWN, Effect.GO_ON),
    (Fault(kind="close", accept=True), Result.UNKNOWN, Effect.GO_ON),
    (Fault(kind="truncated"), Result.UNKNOWN, Effect.PAUSE),
    (Fault(kind="garbage"), Result.UNKNOWN, Effect.PAUSE),
    (Fault(kind="no_message_id"), Result.UNKNOWN, Effect.PAUSE),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "result", "effect"), TABLE)
def test_every_row_of_the_table_is_one_request_and_one_outcome(
    world, monkeypatch, fault, result, effect
):
    # What would make boto3 try again, if anything could.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    with FakeSes(fault) as fake:
        with transport(world(fake), read_seconds=0.3 if fault.kind == "stall" else HANGS) as ses:
            outcome = ses.deliver(message())
        assert fake.quiet().operations == {"SendEmail": 1}
    assert (outcome.result, outcome.effect) == (result, effect)
    assert "@" not in outcome.reason
    assert outcome.reason


def test_what_is_accepted_arrives_byte_for_byte_with_its_tags(world):
    with FakeSes(keep_messages=True, configuration_sets=("letters",)) as fake:
        with transport(world(fake), configuration_set="letters") as ses:
            outcome = ses.deliver(message())
        (mail,) = fake.messages
    assert outcome.result is Result.ACCEPTED
    assert outcome.message_id == mail.message_id
    assert mail.raw == DATA
    assert mail.tags == {"delivery": "none-74-1-1"}


def test_a_profile_that_asks_for_retries_gets_none(world, tmp_path):
    (tmp_path / "config").write_text("[default]\nmax_attempts = 5\nretry_mode = legacy\n")
    with FakeSes(Fault(kind="reset", accept=True)) as fake:
        with transport(world(fake)) as ses:
            ses.deliver(message())
        assert fake.quiet().accepted == {"mara@example.org": 1}


@pytest.mark.parametrize(("idle", "result"), [(0.1, Result.ACCEPTED), (1e9, Result.UNKNOWN)])
def test_a_connection_that_was_idle_is_not_used_again(world, idle, result):
    # The reset is what a client meets that writes to a connection the server is closing.
    fault = Fault(kind="reset_unread", idle_over=0.15)
    with FakeSes(fault) as fake, transport(world(fake), idle_seconds=idle) as ses:
        assert ses.deliver(message(1)).result is Result.ACCEPTED
        time.sleep(0.3)
        assert ses.deliver(message(2)).result is result


def test_describe_names_region_origin_and_account_and_what_it_takes_is_asked_for(
    world, monkeypatch
):
    with FakeSes(rate=14, daily=200, sent_before=50, production=False) as fake:
        environ = world(fake)
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        environ.pop("AWS_DEFAULT_REGION")
        with transport(environ) as ses:
            assert ses.describe() == (
                "Amazon SES, account ...9012, eu-west-1 (from AWS_REGION), "
                "sandbox: verified addresses only"
            )
            assert ses.allowance() == Allowance(
                rate=14 * SHARE, left=150, account="123456789012", verified_only=True
            )
            assert ses.deliver(message(to="success@simulator.amazonses.com")).message_id


def test_the_settings_come_before_the_environment(world):
    with FakeSes() as fake:
        both = {"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-east-1"}
        world(fake)
        for region, environ, told in (
            ("eu-west-3", both, ("eu-west-3", "the settings")),
            ("", both, ("eu-north-1", "AWS_REGION")),
            ("", {"AWS_DEFAULT_REGION": "us-east-1"}, ("us-east-1", "AWS_DEFAULT_REGION")),
        ):
            with transport(environ, region=region) as ses:
                assert (ses.region, ses.region_from) == told


def test_no_region_no_credentials_and_no_network_are_the_accounts_fault(world, monkeypatch):
    with FakeSes() as fake:
        environ = world(fake)
    with transport(environ) as ses:
        with pytest.raises(AccountError, match="cannot be reached"):
            ses.read_account()
        outcome = ses.deliver(message())
        assert (outcome.result, outcome.effect) == (Result.DEFERRED, Effect.BACK_OFF)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with transport(environ) as ses:
        with pytest.raises(AccountError, match="cannot be used"):
            ses.read_account()
        outcome = ses.deliver(message())
        assert (outcome.result, outcome.effect) == (Result.NOT_SENT, Effect.ABORT)
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(InputError, match="no AWS region"):
        transport({})
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", "not an address")
    with pytest.raises(InputError, match="endpoint"):
        transport({}, region="eu-west-1")


def test_what_is_raised_before_or_after_the_request_has_left_is_told_apart(world):
    def fail(**_):
        raise RuntimeError("something")

    def fail_late(request, **_):
        ses._wire.send(request)
        raise RuntimeError("something")

    with FakeSes() as fake, transport(world(fake)) as ses:
        events = ses._client.meta.events
        for event, hook, result in (
            ("before-call", fail, Result.NOT_SENT),
            ("before-sign", fail, Result.NOT_SENT),
            ("before-send", fail_late, Result.UNKNOWN),
        ):
            events.register_first(f"{event}.sesv2.SendEmail", hook)
            assert ses.deliver(message()).result is result
            events.unregister(f"{event}.sesv2.SendEmail", hook)
