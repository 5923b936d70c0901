"""What SES may answer that is no answer: odd successes, odd accounts, odd times."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from newsletter.delivery import Allowance, Effect, Result
from newsletter.errors import AccountError
from newsletter.ses.account import read_account
from newsletter.ses.client import SesTransport
from newsletter.ses.connection import RequestProgress, RequestStage, SesConnection, route_to
from newsletter.ses.http1 import HttpResponse
from newsletter.ses.outcomes import api_error, api_success, error_code
from tests.fake_ses import FakeSes, Fault
from tests.ses.test_wire import message, opened, plain_aws
from tests.support.gateway import Gateway
from tests.support.ports import free_port

__all__ = ["plain_aws"]

pytestmark = pytest.mark.processes

ID = "0102018f00000000-00000000-0000-4000-8000-000000000000-000000"


def said(content):
    """SES's answer with this body."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


ODD = [
    *({"MessageId": odd} for odd in (
        {}, {"a": 1}, [], [ID], 0, 7, 1.5, True, False, None, "", " ", "a b", "ä", "\ud800", "a\nb", "a\x00b",
        "a\x1b[31m", "\x7f", "x" * 201, "x" * 10_000,
    )),
    {}, {"messageid": ID}, {"message": ID}, [], [ID], ID, 7, None, True,
    b'{"MessageId":NaN}', b'{"MessageId":Infinity}', b"", b" ", b"<html></html>", b"\xff\xfe", b"null",
    b'{"MessageId":"m"', b'{"MessageId":"m"}}', b"[" * 100_000, b"1" * 10_000,
    b"\xef\xbb\xbf" + b'{"MessageId":"m"}', '{"MessageId":"m"}'.encode("utf-16"),
]  # fmt: skip


@pytest.mark.usefixtures("plain_aws")
def test_a_success_that_does_not_name_its_mail_is_unknown_and_the_run_pauses(monkeypatch):
    with (
        FakeSes() as fake,
        Gateway(fake, "direct", choose=lambda number: said(ODD[number - 1])) as gateway,
        opened(gateway, monkeypatch) as ses,
    ):
        outcomes = [ses.deliver(message(number)) for number in range(1, len(ODD) + 1)]
        assert set(fake.quiet().received_tags.values()) == {1}
    for odd, outcome in zip(ODD, outcomes, strict=True):
        assert (outcome.result, outcome.effect) == (Result.UNKNOWN, Effect.PAUSE), odd
        assert outcome.reason == "an answer without a message id"


def test_a_name_is_short_and_printable():
    assert api_success(ID).message_id == ID
    assert api_success("x" * 200).result is Result.ACCEPTED
    assert api_success(ID.encode()).result is Result.UNKNOWN


QUOTA = {"MaxSendRate": 14.0, "Max24HourSend": 50_000.0, "SentLast24Hours": 1.0}
GOOD = {"SendingEnabled": True, "ProductionAccessEnabled": True, "SendQuota": QUOTA}
NO_NUMBERS: tuple[Any, ...] = (
    "14",
    [],
    {},
    None,
    True,
    float("nan"),
    float("inf"),
    -3,
    1e308,
    10**400,
)
ODD_VALUES: tuple[Any, ...] = (None, "x", [], 7, True, {})
ODD_SWITCHES: tuple[Any, ...] = ("no", 0, [], None)
ODD_ACCOUNTS = [
    *(GOOD | {"SendQuota": odd} for odd in ODD_VALUES),
    *(GOOD | {"SendQuota": QUOTA | {name: odd}} for name in QUOTA for odd in NO_NUMBERS),
    *(GOOD | {"SendQuota": {k: v for k, v in QUOTA.items() if k != name}} for name in QUOTA),
    *(GOOD | {name: odd} for name in ("SendingEnabled", "ProductionAccessEnabled") for odd in ODD_SWITCHES),
]  # fmt: skip


@pytest.mark.parametrize("content", ODD_ACCOUNTS)
def test_limits_that_make_no_sense_are_an_error_in_words(content):
    with pytest.raises(AccountError, match="does not tell this account's limits") as caught:
        read_account(content)
    assert caught.value.hint


def test_limits_that_make_sense_are_read():
    assert read_account(GOOD).left == 49_999
    assert read_account(GOOD | {"SendQuota": QUOTA | {"Max24HourSend": -1}}).left is None
    assert read_account({"SendQuota": QUOTA | {"MaxSendRate": 1}}).rate == 1.0
    with pytest.raises(AccountError, match="may send no mail"):
        read_account({"SendQuota": QUOTA | {"MaxSendRate": 0}})
    for rate in (5e-324, 1e-6, 0.09):  # a mail would wait for days, or for ever
        with pytest.raises(AccountError, match="does not tell this account's limits"):
            read_account({"SendQuota": QUOTA | {"MaxSendRate": rate}})


@pytest.mark.usefixtures("plain_aws")
def test_an_account_that_answers_nonsense_keeps_the_rate_it_had(monkeypatch):
    bodies = [
        "[]",
        "7",
        '"x"',
        "null",
        "",
        "<html>",
        '{"SendQuota":{"MaxSendRate":NaN}}',
        "[" * 50_000,
    ]
    with (
        FakeSes(rate=14) as fake,
        Gateway(fake, "direct") as gateway,
        opened(gateway, monkeypatch) as ses,
    ):
        assert isinstance(ses.allowance(), Allowance)
        for body in bodies:
            fake.script(Fault(kind="garbage", operations=("GetAccount",), body=body), clear=True)
            # What follows the account's rate during a run takes this for "ask again later".
            with pytest.raises(AccountError) as caught:
                ses.allowance()
            assert caught.value.hint
        assert ses.account.rate == 14


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
@pytest.mark.parametrize(
    "text",
    [
        "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (... - 5 min.)",
        "Signature not yet current: 20260101T002000Z is still later than 20260101T001500Z",
    ],
)
def test_a_wrong_clock_is_called_a_wrong_clock(code, text):
    outcome = api_error(code, 403, text)
    assert outcome.effect is Effect.ABORT
    assert outcome.reason == f"this machine's clock is wrong: set it by the network ({code})"
    plain = api_error(code, 403, "The request signature we calculated does not match.")
    assert plain.reason == f"the credentials are not accepted ({code})"


@pytest.mark.usefixtures("plain_aws")
def test_the_account_says_so_before_anything_begins(monkeypatch):
    text = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z"
    fault = Fault(
        kind="error", status=403, code="InvalidSignatureException", message=text,
        operations=("GetAccount",),
    )  # fmt: skip
    with (
        FakeSes(fault) as fake,
        Gateway(fake, "direct") as gateway,
        opened(gateway, monkeypatch) as ses,
        pytest.raises(AccountError, match="this machine's clock is wrong") as caught,
    ):
        ses.allowance()
    assert "timedatectl" in str(caught.value.hint)


REQUEST = ("x-amzn-requestid", "0f3a9b1c-1111-4222-8333-123456789abc")


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ((REQUEST, ("x-amzn-errortype", "MessageRejected")), "{}", "MessageRejected"),
        ((REQUEST, ("x-amzn-errortype", "MessageRejected:http://internal/")), "", "MessageRejected"),
        ((REQUEST,), '{"__type":"com.amazonaws.ses#MessageRejected"}', "MessageRejected"),
        ((REQUEST, REQUEST), '{"code":"MessageRejected"}', "MessageRejected"),
        ((REQUEST, ("x-amzn-errortype", "A"), ("x-amzn-errortype", "B")), "{}", ""),
        ((REQUEST, ("x-amzn-errortype", "A")), '{"__type":"B"}', ""),
        ((REQUEST, ("x-amzn-requestid", "other")), '{"__type":"B"}', ""),
        ((("x-amzn-requestid", "x" + REQUEST[1]),), '{"__type":"B"}', ""),
        ((), '{"__type":"B"}', ""),
        ((REQUEST,), '{"message":"B"}', ""),
        ((REQUEST,), '{"__type":7}', ""),
    ],
)  # fmt: skip
def test_an_error_has_a_name_only_where_ses_wrote_it(headers, body, code):
    answer = HttpResponse(status=400, headers=headers, body=body.encode())
    assert error_code(answer) == code
    cut = HttpResponse(status=400, headers=headers, body=body.encode(), whole=False)
    assert error_code(cut) == ""


# --- the record ------------------------------------------------------------------------------


def test_a_request_is_begun_before_its_first_byte_leaves():
    """The other end takes a part and hangs up: the write fails, and something has left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take_a_part():
            sock, _ = listener.accept()
            with sock:
                sock.recv(1000)

        thread = threading.Thread(target=take_a_part)
        thread.start()
        record = RequestProgress()
        route = route_to(f"http://127.0.0.1:{listener.getsockname()[1]}/", "")
        connection = SesConnection(route, lambda: pytest.fail("no TLS here"), 5.0, record)
        assert record.stage is RequestStage.CONNECTED
        with pytest.raises(ConnectionError):
            connection.exchange(
                "POST", "/", {"Content-Length": "50000000"}, bytes(50_000_000), seconds=20.0,
                record=record,
            )  # fmt: skip
        connection.close()
        thread.join()
    assert record.begun


def test_a_server_that_reads_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        record = RequestProgress()
        route = route_to(f"http://127.0.0.1:{listener.getsockname()[1]}/", "")
        connection = SesConnection(route, lambda: pytest.fail("no TLS here"), 5.0, record)
        with pytest.raises(TimeoutError):
            connection.exchange("POST", "/", {}, bytes(50_000_000), seconds=0.2, record=record)
        connection.close()
    assert record.begun


@pytest.mark.parametrize("header", ["a\r\nB: c", "a\nb", "a\0b", "\u2028"])
def test_a_request_that_cannot_be_written_down_is_not_begun(header):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        record = RequestProgress()
        route = route_to(f"http://127.0.0.1:{listener.getsockname()[1]}/", "")
        connection = SesConnection(route, lambda: pytest.fail("no TLS here"), 5.0, record)
        with pytest.raises(ValueError, match=r"line break|latin-1"):
            connection.exchange("POST", "/", {"A": header}, b"", seconds=1.0, record=record)
        connection.close()
    assert not record.begun


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("kind", ["refused", "html", "error", "garbage"])
def test_credentials_that_cannot_be_fetched_are_proven_not_sent(monkeypatch, tmp_path, kind):
    """A role's credentials come from STS; whatever happens there, SES has seen nothing."""
    web = {"html": Fault(kind="html", status=403, operations=()),
           "error": Fault(kind="error", code="AccessDenied", status=403, operations=()),
           "garbage": Fault(kind="garbage", operations=())}  # fmt: skip
    (tmp_path / "token").write_text("token")
    faults = [web[kind]] if kind in web else []
    with FakeSes(*faults) as sts, FakeSes() as fake, Gateway(fake, "direct") as gateway:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        environ = {k: v for k, v in gateway.environ.items() if "KEY" not in k}
        nowhere = f"http://127.0.0.1:{free_port()}"
        environ |= {
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/newsletter",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ENDPOINT_URL_STS": nowhere if kind == "refused" else sts.url,
            "AWS_MAX_ATTEMPTS": "1",
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        ses = SesTransport(
            region="", profile="", configuration_set="", max_rate=None, environ=environ
        )
        outcome = ses.deliver(message())
        ses.close()
        assert fake.quiet().requests == 0
    assert outcome.result in {Result.DEFERRED, Result.NOT_SENT}
    assert outcome.reason
