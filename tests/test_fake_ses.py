"""The fake SES is as strict as SES, counts what reached it, and misbehaves on order."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import get_args
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from tests.fake_ses import ACCESS_KEY, SECRET_KEY, FakeSes, Fault
from tests.fake_ses.faults import Kind

ROOT = Path(__file__).parent.parent
EMAIL = "/v2/email/outbound-emails"
BULK = "/v2/email/outbound-bulk-emails"
ONCE = {"total_max_attempts": 1, "mode": "standard"}
RAW = b"From: Wren <wren@sender.example.org>\r\nTo: ada@example.org\r\nSubject: Tides\r\n\r\nHello.\r\n"


@contextlib.contextmanager
def client(ses, *, service="sesv2", key=ACCESS_KEY, secret=SECRET_KEY, retries=ONCE, **options):
    config = Config(retries=retries, read_timeout=0.4, connect_timeout=2, **options)
    made = boto3.client(
        service,
        endpoint_url=ses.url,
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=config,
    )
    with contextlib.closing(made):
        yield made


def email(to="ada@example.org", *, delivery="d1", attempt="1", **changes):
    tags = [{"Name": "delivery", "Value": delivery}, {"Name": "attempt", "Value": attempt}]
    return {
        "FromEmailAddress": "wren@sender.example.org",
        "Destination": {"ToAddresses": [to]},
        "EmailTags": tags,
        "Content": {"Raw": {"Data": RAW}},
        **changes,
    }


def entry(to, data=None, **changes):
    made = {"Destination": {"ToAddresses": [to]}, **changes}
    if data is not None:
        replaced = {"ReplacementTemplateData": json.dumps(data)}
        made["ReplacementEmailContent"] = {"ReplacementTemplate": replaced}
    return made


def bulk(*entries, data=None, template=None, **changes):
    content = {"Subject": "Hi {{firstName}}", "Html": "<p>{{firstName}}</p>", "Text": "Hi"}
    default = template or {"TemplateContent": content}
    return {
        "FromEmailAddress": "wren@sender.example.org",
        "DefaultContent": {"Template": {"TemplateData": json.dumps(data or {}), **default}},
        "BulkEmailEntries": list(entries),
        **changes,
    }


def people(count):
    return [entry(f"p{i}@example.org", {"firstName": str(i)}) for i in range(count)]


def simple(**changes):
    message = {"Subject": {"Data": "Tides"}, "Body": {"Text": {"Data": "Hello."}}, **changes}
    return {"Simple": message}


def raw_content(data):
    return {"Raw": {"Data": base64.b64encode(data).decode()}}


def send(ses, method, path, body=b"", headers=None):
    """One request without an SDK; status, error name and content of the answer."""
    with contextlib.closing(
        http.client.HTTPConnection(ses.url.removeprefix("http://"), timeout=5)
    ) as line:
        line.request(method, path, body, headers or {})
        answer = line.getresponse()
        return answer.status, answer.headers["x-amzn-ErrorType"], answer.read()


def refused(ses, path, payload):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    status, code, content = send(ses, "POST", path, body)
    return status, code, json.loads(content).get("message")


def code_of(caught):
    return caught.value.response["Error"]["Code"]


def message_of(caught):
    return caught.value.response["Error"]["Message"]


def status_of(caught):
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


# What it takes


def test_a_raw_message_is_kept_to_the_byte():
    with FakeSes(keep_messages=True) as ses, client(ses) as aws:
        answer = aws.send_email(**email())
        (kept,) = ses.messages
    assert kept.message_id == answer["MessageId"]
    assert kept.raw == RAW
    assert kept.recipients == ("ada@example.org",)
    assert kept.tags == {"delivery": "d1", "attempt": "1"}


def test_a_raw_message_alone_tells_its_recipients_and_tags():
    data = RAW.replace(
        b"\r\n\r\n",
        b"\r\nCc: Bo <bo@example.org>\r\nX-SES-MESSAGE-TAGS: delivery=d9, attempt=2\r\n\r\n",
    )
    with FakeSes() as ses, client(ses) as aws:
        aws.send_email(Content={"Raw": {"Data": data}})
        assert ses.accepted == {"ada@example.org": 1, "bo@example.org": 1}
        assert ses.state.accepted_tags == {("d9", "2"): 1}


def test_a_simple_message_is_kept_with_its_headers():
    headers = [{"Name": "X-Tide", "Value": "high"}]
    with FakeSes(keep_messages=True) as ses, client(ses) as aws:
        aws.send_email(**email("Ada <ada@example.org>", Content=simple(Headers=headers)))
        (kept,) = ses.messages
    assert (kept.subject, kept.text, kept.html) == ("Tides", "Hello.", None)
    assert kept.headers == (("X-Tide", "high"),)
    assert kept.recipients == ("ada@example.org",)


def test_bulk_answers_by_position_and_does_not_escape():
    with FakeSes(keep_messages=True) as ses, client(ses) as aws:
        call = bulk(
            entry("a@example.org", {"firstName": "<b>&"}),
            entry("b@@"),
            entry("c@example.org"),
            data={"firstName": "you"},
        )
        results = aws.send_bulk_email(**call)["BulkEmailEntryResults"]
        first, last = ses.messages
    assert [result["Status"] for result in results] == ["SUCCESS", "INVALID_PARAMETER", "SUCCESS"]
    assert "MessageId" not in results[1]
    assert results[1]["Error"]
    assert (first.message_id, first.subject, first.html) == (
        results[0]["MessageId"],
        "Hi <b>&",
        "<p><b>&</p>",
    )
    assert (last.message_id, last.subject) == (results[2]["MessageId"], "Hi you")


def test_bulk_takes_a_stored_template_and_merges_headers_and_tags():
    stored = {"letter": {"Subject": "{{greeting}} {{name}}", "Text": "x"}}
    template = {
        "TemplateName": "letter",
        "Headers": [{"Name": "X-A", "Value": "1"}, {"Name": "X-B", "Value": "1"}],
    }
    one = entry(
        "a@example.org",
        {"name": "Ada"},
        ReplacementHeaders=[{"Name": "x-b", "Value": "2"}],
        ReplacementTags=[{"Name": "attempt", "Value": "2"}],
    )
    tags = [{"Name": "delivery", "Value": "d1"}, {"Name": "attempt", "Value": "1"}]
    with FakeSes(keep_messages=True, templates=stored) as ses, client(ses) as aws:
        aws.send_bulk_email(
            **bulk(one, data={"greeting": "Hi"}, template=template, DefaultEmailTags=tags)
        )
        (kept,) = ses.messages
        assert ses.state.accepted_tags == {("d1", "2"): 1}
        with pytest.raises(ClientError) as caught:
            aws.send_bulk_email(**bulk(one, template={"TemplateName": "other"}))
    assert kept.subject == "Hi Ada"
    assert kept.headers == (("X-A", "1"), ("x-b", "2"))
    assert (status_of(caught), code_of(caught)) == (404, "NotFoundException")


@pytest.mark.parametrize(("merge", "missing"), [(True, []), (False, ["firstName"])])
def test_a_missing_variable_is_a_success_and_a_later_rendering_failure(merge, missing):
    with FakeSes(merge_defaults=merge) as ses, client(ses) as aws:
        call = bulk(entry("a@example.org", {"other": "x"}), data={"firstName": "you"})
        (result,) = aws.send_bulk_email(**call)["BulkEmailEntryResults"]
        failures = ses.state.rendering_failures
    assert result["Status"] == "SUCCESS"
    assert [failure["missing"] for failure in failures] == ([missing] if missing else [])


def test_the_account_is_described_with_what_was_sent():
    with (
        FakeSes(
            rate=14, daily=50_000, sent_before=10, production=False, verified=("example.org",)
        ) as ses,
        client(ses) as aws,
    ):
        aws.send_email(**email())
        account = aws.get_account()
    assert account["SendQuota"] == {
        "Max24HourSend": 50_000,
        "MaxSendRate": 14,
        "SentLast24Hours": 11,
    }
    assert account["ProductionAccessEnabled"] is False
    assert account["SendingEnabled"] is True
    assert account["EnforcementStatus"] == "HEALTHY"


def test_sts_tells_who_is_calling():
    with FakeSes(account="111122223333") as ses:
        with client(ses, service="sts") as aws:
            assert aws.get_caller_identity()["Account"] == "111122223333"
        with (
            client(ses, service="sts", secret="wrong") as aws,
            pytest.raises(ClientError) as caught,
        ):
            aws.get_caller_identity()
    assert (status_of(caught), code_of(caught)) == (403, "SignatureDoesNotMatch")


# What it refuses

HEADERS_16 = [{"Name": f"X-{i}", "Value": "v"} for i in range(16)]
TO_51 = {"ToAddresses": [f"p{i}@example.org" for i in range(51)]}
BAD_EMAILS = [
    ({"Content": None}, "BadRequestException", "Value at 'Content' failed"),
    ({"Content": {}}, "BadRequestException", "exactly one of"),
    ({"Content": raw_content(RAW) | simple()}, "BadRequestException", "exactly one of"),
    ({"Nonsense": 1}, "SerializationException", "unknown member Nonsense"),
    ({"FromEmailAddress": 7}, "SerializationException", "FromEmailAddress: expected string"),
    ({"Destination": {"ToAddresses": "a@example.org"}}, "SerializationException", "Destination.ToAddresses: expected a list"),
    ({"Destination": TO_51}, "BadRequestException", "exceeds 50"),
    ({"Destination": {"ToAddresses": []}, "Content": simple()}, "BadRequestException", "at least one recipient"),
    ({"Destination": {"ToAddresses": ["ada"]}}, "BadRequestException", "Missing final '@domain'"),
    ({"Destination": {"ToAddresses": ["a..b@example.org"]}}, "BadRequestException", "dot-dot"),
    ({"Destination": {"ToAddresses": ["a b@example.org"]}}, "BadRequestException", "control or whitespace"),
    ({"Destination": {"ToAddresses": ["zoë@example.org"]}}, "BadRequestException", "non-ASCII"),
    ({"Destination": {"ToAddresses": ["a@ex_ample.org"]}}, "BadRequestException", "Domain contains"),
    ({"EmailTags": [{"Name": "delivery", "Value": "a b"}]}, "BadRequestException", "Invalid tag value"),
    ({"EmailTags": [{"Name": "d" * 257, "Value": "a"}]}, "BadRequestException", "Invalid tag name"),
    ({"EmailTags": [{"Name": "delivery"}]}, "BadRequestException", "EmailTags[0].Value"),
    ({"Content": simple(), "FromEmailAddress": None}, "BadRequestException", "FromEmailAddress is missing"),
    ({"Content": simple(Body={})}, "BadRequestException", "Text or Html"),
    ({"Content": simple(Subject={"Data": "a\nb"})}, "BadRequestException", "one line"),
    ({"Content": simple(Headers=HEADERS_16)}, "BadRequestException", "length less than or equal to 15"),
    ({"Content": simple(Headers=[{"Name": "X", "Value": "é"}])}, "BadRequestException", "regular expression"),
    ({"Content": simple(Headers=[{"Name": "X", "Value": "v" * 996}])}, "BadRequestException", "less than or equal to 995"),
    ({"Content": simple(Headers=[{"Name": "X" * 9, "Value": "v" * 990}])}, "BadRequestException", "longer than 996"),
    ({"Content": {"Raw": {"Data": "%%%"}}}, "BadRequestException", "not base64"),
    ({"Content": raw_content(RAW + b"x" * 1000)}, "BadRequestException", "longer than 1,000"),
    ({"Content": raw_content(b"To: a@example.org\r\n\r\nx")}, "BadRequestException", "header 'From'"),
    ({"Content": raw_content(b"Subject: x\r\n" + RAW)}, "BadRequestException", "Duplicate header 'subject'"),
    ({"Content": raw_content(b"From: nobody\r\n\r\nx")}, "BadRequestException", "Missing final"),
    ({"Content": raw_content(b"From: a@example.org\r\n")}, "BadRequestException", "blank line"),
    ({"Content": raw_content("Subject: é\r\n".encode() + RAW)}, "BadRequestException", "non-ASCII"),
    ({"Content": raw_content(b"nonsense\r\n" + RAW)}, "BadRequestException", "without a name"),
    ({"Content": raw_content(RAW + b"long enough\r\n" * 100)}, "BadRequestException", "Message length"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "message"), BAD_EMAILS)
def test_an_email_that_ses_would_refuse_is_refused(change, code, message):
    with FakeSes(signatures=False, message_limit=1500) as ses:
        good = email(Content=raw_content(RAW))
        status, got, text = refused(ses, EMAIL, good | change)
        assert (status, got) == (400, code)
        assert message in text
        assert ses.accepted == {}
        assert refused(ses, EMAIL, good)[0] == 200


BIG = {"TemplateContent": {"Subject": "x", "Text": "x" * 1_048_576}}
TEMPLATE_8 = {"TemplateContent": {"Subject": "x", "Text": "x"}, "Headers": HEADERS_16[8:]}
BAD_BULKS = [
    (bulk(*people(51)), "BadRequestException", "1 to 50"),
    (bulk(), "BadRequestException", "1 to 50"),
    (bulk(*people(1), template=BIG), "BadRequestException", "limited to 1048576"),
    (bulk(*people(1), template={"TemplateContent": {"Subject": "{{#if x}}"}}), "BadRequestException", "simple substitution"),
    (bulk(*people(1), template={"TemplateContent": {"Subject": "{{first_name}}"}}), "BadRequestException", "simple substitution"),
    (bulk(*people(1), template={"TemplateContent": {"Subject": "{{name"}}), "BadRequestException", "without its '}}'"),
    (bulk(*people(1), template={"TemplateName": "x", "TemplateContent": {}}), "BadRequestException", "exactly one of"),
    (bulk(*people(1), template={"TemplateContent": {}, "TemplateData": "[]"}), "BadRequestException", "not a JSON object"),
    (bulk(*people(1), template={"TemplateContent": {}, "TemplateData": "x" * 262_145}), "BadRequestException", "equal to 262144"),
    (bulk({"ReplacementTags": []}), "BadRequestException", "BulkEmailEntries[0].Destination"),
    (bulk(*people(1), FromEmailAddress=None), "BadRequestException", "FromEmailAddress is missing"),
    (b"{", "SerializationException", "not a JSON object"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "code", "message"), BAD_BULKS)
def test_a_bulk_call_that_ses_would_refuse_is_refused(call, code, message):
    with FakeSes(signatures=False) as ses:
        status, got, text = refused(ses, BULK, call)
        assert (status, got) == (400, code)
        assert message in text
        assert ses.accepted == {}


def test_fifty_entries_pass_and_fifty_one_are_refused_with_boto3():
    with FakeSes() as ses, client(ses) as aws:
        assert len(aws.send_bulk_email(**bulk(*people(50)))["BulkEmailEntryResults"]) == 50
        with pytest.raises(ClientError) as caught:
            aws.send_bulk_email(**bulk(*people(51)))
        assert sum(ses.accepted.values()) == 50
        assert sum(ses.received.values()) == 101
    assert (status_of(caught), code_of(caught)) == (400, "BadRequestException")


def test_one_bad_entry_fails_the_call_where_the_settings_say_so():
    with FakeSes(bulk_invalid="call") as ses, client(ses) as aws:
        with pytest.raises(ClientError) as caught:
            aws.send_bulk_email(**bulk(*people(2), entry("nobody")))
        assert ses.accepted == {}
    assert code_of(caught) == "BadRequestException"


def test_more_than_fifteen_headers_after_merging_fail_the_entry():
    headers = [{"Name": f"Y-{i}", "Value": "v"} for i in range(8)]
    with FakeSes() as ses, client(ses) as aws:
        crowded = entry("a@example.org", ReplacementHeaders=headers)
        call = bulk(*people(1), crowded, template=TEMPLATE_8)
        results = aws.send_bulk_email(**call)["BulkEmailEntryResults"]
    assert [result["Status"] for result in results] == ["SUCCESS", "INVALID_PARAMETER"]


# Signatures


def signed(ses, body, *, path=EMAIL):
    headers = {"Content-Type": "application/json", "X-Amz-Test": "a  b"}
    request = AWSRequest("POST", ses.url + path, data=body, headers=headers)
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "ses", "eu-west-1").add_auth(request)
    return dict(request.headers.items())


def test_a_signature_fails_when_one_byte_differs():
    body = json.dumps(email(Content=raw_content(RAW))).encode()
    with FakeSes() as ses:
        good = signed(ses, body)
        assert send(ses, "POST", EMAIL, body, good)[:2] == (200, None)
        wrong = (403, "InvalidSignatureException")
        assert send(ses, "POST", EMAIL, body.replace(b"d1", b"d2"), good)[:2] == wrong
        assert send(ses, "POST", EMAIL + "?a=b", body, good)[:2] == wrong
        assert send(ses, "POST", EMAIL, body, good | {"X-Amz-Test": "a c"})[:2] == wrong
        assert send(ses, "POST", EMAIL, body, good | {"X-Amz-More": "unsigned"})[:2] == wrong
        last = good["Authorization"]
        changed = last[:-1] + ("0" if last[-1] != "0" else "1")
        assert send(ses, "POST", EMAIL, body, good | {"Authorization": changed})[:2] == wrong
        assert sum(ses.accepted.values()) == 1
        assert ses.received == {"ada@example.org": 6}


def test_a_query_is_part_of_the_signature():
    with FakeSes() as ses:
        body = json.dumps(email(Content=raw_content(RAW))).encode()
        path = EMAIL + "?b=2&a=x%20y"
        assert send(ses, "POST", path, body, signed(ses, body, path=path))[0] == 200


def test_wrong_or_missing_credentials_get_the_codes_of_aws():
    with FakeSes() as ses:
        with client(ses, secret="wrong") as aws, pytest.raises(ClientError) as wrong:
            aws.send_email(**email())
        with client(ses, key="AKIDOTHER") as aws, pytest.raises(ClientError) as other:
            aws.send_email(**email())
        assert send(ses, "POST", EMAIL, b"{}")[:2] == (403, "MissingAuthenticationTokenException")
        odd = {"Authorization": "Bearer x"}
        assert send(ses, "POST", EMAIL, b"{}", odd)[:2] == (403, "IncompleteSignatureException")
        ses.change(credentials_expired=True)
        with client(ses) as aws, pytest.raises(ClientError) as expired:
            aws.send_email(**email())
        assert ses.accepted == {}
    assert (status_of(wrong), code_of(wrong)) == (403, "InvalidSignatureException")
    assert (status_of(other), code_of(other)) == (403, "UnrecognizedClientException")
    assert (status_of(expired), code_of(expired)) == (403, "ExpiredTokenException")


@pytest.mark.parametrize("offset", [-330, 330])
def test_a_clock_five_minutes_off_is_refused(offset):
    with FakeSes(clock_offset=offset) as ses, client(ses) as aws:
        with pytest.raises(ClientError) as caught:
            aws.send_email(**email())
        ses.change(clock_offset=offset * 0.8)
        assert aws.send_email(**email())["MessageId"]
    assert (status_of(caught), code_of(caught)) == (403, "RequestExpired")


def test_a_credential_scoped_to_another_service_is_refused():
    with FakeSes() as ses:
        body = b"Action=GetCallerIdentity&Version=2011-06-15"
        status, _, content = send(ses, "POST", "/", body, signed(ses, body, path="/"))
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in content


# Quotas and the sandbox


def test_the_bucket_holds_a_batch_and_refills_at_the_rate():
    with FakeSes(rate=0.01, burst=2) as ses, client(ses) as aws:
        aws.send_email(**email())
        aws.send_email(**email())
        with pytest.raises(ClientError) as caught:
            aws.send_email(**email())
        ses.change(rate=1000, burst=1)
        aws.send_email(**email())
        time.sleep(0.01)
        aws.send_email(**email())
        assert ses.accepted == {"ada@example.org": 4}
    assert (status_of(caught), code_of(caught)) == (429, "TooManyRequestsException")
    assert message_of(caught) == "Maximum sending rate exceeded."


def test_the_fullest_second_is_told_with_the_time_of_every_acceptance():
    with FakeSes() as ses, client(ses) as aws:
        aws.send_bulk_email(**bulk(*people(3)))
        assert ses.state.window_maximum == 3
        time.sleep(1.01)
        aws.send_bulk_email(**bulk(*people(2)))
        times = ses.times
        assert ses.state.window_maximum == 3
    assert len(times) == 5
    assert times[3] - times[2] > 1


def test_by_default_the_bucket_holds_one_batch_of_the_bulk_mode():
    with FakeSes(rate=14.5) as ses, client(ses) as aws:
        with pytest.raises(ClientError):
            aws.send_bulk_email(**bulk(*people(15)))
        assert ses.accepted == {}
        aws.send_bulk_email(**bulk(*people(14)))
        assert ses.state.window_maximum == 14


@pytest.mark.parametrize(
    ("code", "status"), [("TooManyRequestsException", 429), ("LimitExceededException", 400)]
)
def test_the_day_ends_with_the_quota(code, status):
    with FakeSes(daily=200, sent_before=199, quota_code=code) as ses, client(ses) as aws:
        aws.send_email(**email())
        with pytest.raises(ClientError) as caught:
            aws.send_email(**email())
    assert (status_of(caught), code_of(caught)) == (status, code)
    assert message_of(caught) == "Daily message quota exceeded."


def test_limits_fail_single_entries_where_the_settings_say_so():
    with FakeSes(rate=0.01, burst=2, bulk_limits="entries") as ses, client(ses) as aws:
        throttled = aws.send_bulk_email(**bulk(*people(3)))["BulkEmailEntryResults"]
        ses.change(rate=None, daily=3)
        spent = aws.send_bulk_email(**bulk(*people(3)))["BulkEmailEntryResults"]
    assert [r["Status"] for r in throttled] == ["SUCCESS", "SUCCESS", "ACCOUNT_THROTTLED"]
    assert [r["Status"] for r in spent] == ["SUCCESS", *["ACCOUNT_DAILY_QUOTA_EXCEEDED"] * 2]


def test_the_sandbox_sends_to_verified_people_and_the_simulator_only():
    text = "The following identities failed the check in region EU-WEST-1: ada@example.org"
    with FakeSes(production=False, verified=("bo@example.org",)) as ses, client(ses) as aws:
        with pytest.raises(ClientError) as caught:
            aws.send_email(**email())
        aws.send_email(**email("bo@example.org"))
        aws.send_email(**email("success@simulator.amazonses.com"))
        results = aws.send_bulk_email(**bulk(entry("ada@example.org"), entry("bo@example.org")))
    assert (status_of(caught), code_of(caught)) == (400, "MessageRejected")
    assert message_of(caught) == f"Email address is not verified. {text}"
    assert [r["Status"] for r in results["BulkEmailEntryResults"]] == [
        "MESSAGE_REJECTED",
        "SUCCESS",
    ]


@pytest.mark.parametrize(("change", "code"), [
    ({"sending_enabled": False}, "SendingPausedException"),
    ({"enforcement": "SHUTDOWN"}, "AccountSuspendedException"),
    ({"senders": ("other.example.org",)}, "MessageRejected"),
    ({"configuration_sets": ("letters",)}, "NotFoundException"),
])  # fmt: skip
def test_an_account_that_may_not_send_says_why(change, code):
    with FakeSes() as ses, client(ses) as aws:
        call = email(ConfigurationSetName="news")
        aws.send_email(**call)
        ses.change(**change)
        with pytest.raises(ClientError) as caught:
            aws.send_email(**call)
        assert ses.accepted == {"ada@example.org": 1}
    assert code_of(caught) == code


# Faults

#: What boto3 makes of each kind when it tries once: the name of its exception, or "no id".
SEEN = {
    "error": "InternalFailure", "html": "500", "throttle": "TooManyRequestsException",
    "quota": "TooManyRequestsException", "reset": "ConnectionClosedError",
    "close": "ConnectionClosedError", "stall": "ReadTimeoutError", "delay": "ReadTimeoutError",
    "drip": "ReadTimeoutError", "truncated": "no id", "garbage": "no id", "no_message_id": "no id",
}  # fmt: skip


def seen_by(call):
    try:
        return "id" if call().get("MessageId") else "no id"
    except ClientError as error:
        return error.response["Error"]["Code"]
    except BotoCoreError as error:
        return type(error).__name__


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("kind", SEEN)
def test_every_fault_happens_once_before_or_after_accepting(kind, accept):
    fault = Fault(kind=kind, accept=accept, requests=(2,), seconds=1)
    with FakeSes(fault) as ses, client(ses) as aws:
        seen = [seen_by(lambda: aws.send_email(**email())) for _ in range(3)]
        state = ses.state
    assert seen == ["id", SEEN[kind], "id"]
    assert state.received == {"ada@example.org": 3}
    assert state.accepted == {"ada@example.org": 3 if accept else 2}
    assert state.accepted_tags == {("d1", "1"): 3 if accept else 2}
    assert state.faults == ({"kind": kind, "happened": 1},)
    assert state.requests == 3
    assert sum(state.answers.values()) == 3


def test_a_reset_before_reading_receives_nothing():
    with FakeSes(Fault(kind="reset_unread", times=1)) as ses, client(ses) as aws:
        assert seen_by(lambda: aws.send_email(**email())) == "ConnectionClosedError"
        state = ses.state
        assert (state.requests, state.received, state.cut_short) == (1, {}, 0)
        assert seen_by(lambda: aws.send_email(**email())) == "id"


def test_a_reset_is_a_reset_and_a_close_is_an_end():
    with FakeSes(Fault(kind="reset", times=1), Fault(kind="close"), signatures=False) as ses:
        good = json.dumps(email(Content=raw_content(RAW))).encode()
        with pytest.raises(ConnectionResetError) as reset:
            send(ses, "POST", EMAIL, good)
        with pytest.raises(ConnectionResetError) as closed:
            send(ses, "POST", EMAIL, good)
    assert (reset.type, closed.type) == (ConnectionResetError, http.client.RemoteDisconnected)


@pytest.mark.parametrize("kind", ["reset", "stall", "html"])
def test_boto3_left_alone_submits_three_times_and_told_so_once(kind):
    fault = Fault(kind=kind, accept=True)
    with FakeSes(fault) as ses:
        with client(ses, retries={"mode": "standard"}) as aws:
            seen_by(lambda: aws.send_email(**email("left@example.org")))
        with client(ses) as aws:
            seen_by(lambda: aws.send_email(**email("told@example.org")))
        assert ses.accepted == {"left@example.org": 3, "told@example.org": 1}
        assert ses.state.duplicates == {"left@example.org": 3}


def test_faults_choose_their_status_code_message_and_body():
    with FakeSes(
        Fault(kind="error", status=408, code="Odd", message="so"), signatures=False
    ) as ses:
        good = json.dumps(email(Content=raw_content(RAW))).encode()
        assert refused(ses, EMAIL, good) == (408, "Odd", "so")
        ses.script(Fault(kind="html", status=503), clear=True)
        status, _, page = send(ses, "POST", EMAIL, good)
        assert (status, page[:6]) == (503, b"<html>")
        ses.script(Fault(kind="garbage", body="[]"), clear=True)
        assert send(ses, "POST", EMAIL, good) == (200, None, b"[]")


def test_a_truncated_body_is_shorter_than_it_says():
    with FakeSes(Fault(kind="truncated"), signatures=False) as ses:
        good = json.dumps(email(Content=raw_content(RAW))).encode()
        with pytest.raises(http.client.IncompleteRead):
            send(ses, "POST", EMAIL, good)


def test_a_slow_drip_arrives_in_the_end():
    with FakeSes(Fault(kind="drip", seconds=0.0005)) as ses, client(ses) as aws:
        assert seen_by(lambda: aws.send_email(**email())) == "id"


def test_a_fault_meets_one_recipient_or_one_operation():
    to_bo = Fault(kind="throttle", recipients=("bo@example.org",))
    of_account = Fault(kind="error", operations=("GetAccount",), status=503)
    with FakeSes(to_bo, of_account) as ses, client(ses) as aws:
        assert seen_by(lambda: aws.send_email(**email())) == "id"
        assert (
            seen_by(lambda: aws.send_email(**email("bo@example.org"))) == "TooManyRequestsException"
        )
        assert seen_by(aws.get_account) == "InternalFailure"


def test_chances_are_the_same_for_the_same_seed():
    def run(seed):
        with FakeSes(Fault(kind="throttle", probability=0.5), seed=seed) as ses, client(ses) as aws:
            return [seen_by(lambda: aws.send_email(**email())) for _ in range(20)]

    assert run(1) == run(1)
    assert set(run(1)) == {"id", "TooManyRequestsException"}
    assert run(1) != run(2)


def test_entries_fail_by_position_and_by_recipient():
    third = Fault(
        kind="entry", entries=(2,), requests=(1,), code="TRANSIENT_FAILURE", message="later"
    )
    other = Fault(kind="entry", recipients=("p0@example.org",), code="FAILED")
    with FakeSes(third, other) as ses, client(ses) as aws:
        first, second = (
            aws.send_bulk_email(**bulk(*people(3)))["BulkEmailEntryResults"] for _ in range(2)
        )
        assert ses.accepted == {"p1@example.org": 2, "p2@example.org": 1}
    assert [r["Status"] for r in first] == ["FAILED", "SUCCESS", "TRANSIENT_FAILURE"]
    assert first[2]["Error"] == "later"
    assert [r["Status"] for r in second] == ["FAILED", "SUCCESS", "SUCCESS"]


def test_a_bulk_answer_may_lack_a_result_or_the_ids():
    with FakeSes(Fault(kind="result_count", times=1), Fault(kind="no_message_id")) as ses:
        with client(ses) as aws:
            fewer = aws.send_bulk_email(**bulk(*people(3)))["BulkEmailEntryResults"]
            nameless = aws.send_bulk_email(**bulk(*people(3)))["BulkEmailEntryResults"]
        assert sum(ses.accepted.values()) == 6
    assert len(fewer) == 2
    assert nameless == [{"Status": "SUCCESS"}] * 3


def test_an_idle_connection_is_closed():
    with FakeSes(idle_close=0.05) as ses:
        with socket.create_connection(ses.address, timeout=5) as line:
            line.sendall(b"GET /v2/email/account HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(65536).startswith(b"HTTP/1.1 403 ")
            assert line.recv(1) == b""
        assert ses.quiet().connections == 1


def test_a_fault_may_meet_only_connections_that_idled():
    with FakeSes(Fault(kind="reset_unread", idle_over=0.05)) as ses, client(ses) as aws:
        seen = [seen_by(lambda: aws.send_email(**email()))]
        time.sleep(0.1)
        seen += [seen_by(lambda: aws.send_email(**email())) for _ in range(2)]
        assert ses.received == {"ada@example.org": 2}
    assert seen == ["id", "ConnectionClosedError", "id"]


def test_latency_delays_the_answer_but_not_the_acceptance():
    with FakeSes(latency=0.7, jitter=0.1) as ses, client(ses) as aws:
        assert seen_by(lambda: aws.send_email(**email())) == "ReadTimeoutError"
        assert ses.accepted == {"ada@example.org": 1}


@pytest.mark.parametrize("change", [{"kind": "nonsense"}, {"kind": "error", "probability": 2}])
def test_a_fault_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match=r"no such kind|within 0\.\.1"):
        Fault(**change)


# The socket and the counts


def test_requests_share_a_connection_and_may_come_in_pieces_or_together():
    get = b"GET /v2/email/account HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    with FakeSes(signatures=False) as ses:
        with socket.create_connection(ses.address, timeout=5) as line:
            for byte in get:
                line.sendall(bytes([byte]))
            line.sendall(get * 2)
            answers = b""
            while answers.count(b"}}") < 3:
                answers += line.recv(65536)
        state = ses.quiet()
    assert (state.connections, state.requests, state.answers) == (1, 3, {"200": 3})


@pytest.mark.parametrize(("head", "status"), [
    ("nonsense", 400),
    ("GET / HTTP/1.1\r\nno colon", 400),
    ("POST / HTTP/1.1\r\nContent-Length: -1", 400),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked", 411),
    ("POST / HTTP/1.1\r\nContent-Length: 99999999999", 413),
    ("POST / HTTP/1.1\r\nContent-Encoding: gzip", 415),
    ("GET / HTTP/1.1\r\nX: " + "x" * 70_000, 431),
])  # fmt: skip
def test_what_is_not_http_is_refused_and_the_connection_closed(head, status):
    with FakeSes() as ses:
        with socket.create_connection(ses.address, timeout=5) as line:
            line.sendall(head.encode() + (b"" if status == 431 else b"\r\n\r\n"))
            answer = b"".join(iter(lambda: line.recv(65536), b""))
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_an_unknown_operation_is_404():
    with FakeSes(signatures=False) as ses:
        assert send(ses, "GET", "/v2/email/nonsense")[:2] == (404, "UnknownOperationException")
        assert send(ses, "GET", "/v2/email/identities")[:2] == (404, "UnknownOperationException")


def test_a_request_cut_short_is_counted_but_not_received():
    body = json.dumps(email(Content=raw_content(RAW))).encode()
    head = f"POST {EMAIL} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with FakeSes(signatures=False) as ses:
        with socket.create_connection(ses.address) as line:
            line.sendall(head + body[:-1])
        state = ses.quiet()
    assert (state.requests, state.cut_short, state.received) == (1, 1, {})


def test_threads_are_counted_to_the_last_request():
    def work(ses, aws, number):
        for i in range(25):
            aws.send_email(**email(f"p{number}-{i}@example.org", delivery=f"{number}-{i}"))

    with FakeSes() as ses, client(ses, max_pool_connections=8) as aws:
        threads = [threading.Thread(target=work, args=(ses, aws, n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = ses.state
    assert state.requests == len(state.accepted) == len(state.accepted_tags) == 200
    assert state.duplicates == {}
    assert state.connections <= 8


def test_stopping_takes_less_than_a_second_even_with_stalled_requests():
    before = threading.active_count()
    with FakeSes(Fault(kind="stall")) as ses:
        line = socket.create_connection(ses.address)
        line.sendall(b"POST / HTTP/1.1\r\n\r\n")
        start = time.monotonic()
    assert time.monotonic() - start < 1
    line.close()
    assert threading.active_count() == before
    assert ses.requests <= 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(ses.address)


def test_a_port_that_is_taken_is_an_error():
    with FakeSes() as ses, pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        FakeSes(port=ses.address[1]).start()


def test_a_defect_of_the_fake_reaches_the_test():
    def provoke(ses):
        with ses, client(ses) as aws, pytest.raises(ClientError):
            aws.send_bulk_email(**bulk(*people(1), template={"TemplateName": "letter"}))

    with pytest.raises(RuntimeError, match="AttributeError"):
        provoke(FakeSes(templates={"letter": 7}))


def test_waiting_for_quiet_ends_when_a_connection_stays_open():
    with FakeSes() as ses:
        line = socket.create_connection(ses.address)
        with pytest.raises(TimeoutError, match="1 connections"):
            ses.quiet(timeout=0.05)
        line.close()
        assert ses.quiet().open_connections == 0


# By hand, from another process


def ask(url, method="GET", content=None):
    body = None if content is None else json.dumps(content).encode()
    with urlopen(Request(url, body, method=method), timeout=5) as answer:
        return json.load(answer)


@contextlib.contextmanager
def by_hand(*arguments):
    """The fake as its own process, and the environment it tells."""
    command = [sys.executable, "-m", "tests.fake_ses", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as server:
        try:
            assert server.stdout is not None
            told = [server.stdout.readline().strip() for _ in range(7)]
            yield server, dict(line.removeprefix("export ").split("=", 1) for line in told)
        finally:
            server.kill()


KILLED = f"""
import boto3, os
from botocore.config import Config
aws = boto3.client("sesv2", config=Config(retries={{"total_max_attempts": 1}}))
aws.send_email(**{email()!r})
aws.send_email(**{email("bo@example.org")!r})
os.kill(os.getpid(), 9)
"""


def test_another_process_scripts_reads_and_resets_over_http(tmp_path):
    log = tmp_path / "accepted.jsonl"
    with by_hand("--log", str(log), "--fsync", "--keep-messages") as (server, environ):
        control = environ["AWS_ENDPOINT_URL_SESV2"] + "/__control__"
        fault = {"kind": "delay", "seconds": 0.1, "requests": [2]}
        settings = {"daily": 5, "verified": ["x@example.org"]}
        ask(f"{control}/script", "POST", {"clear": True, "faults": [fault], "settings": settings})
        command = [sys.executable, "-c", KILLED]
        killed = subprocess.run(command, env=os.environ | environ, check=False)
        assert killed.returncode == -signal.SIGKILL
        state = ask(f"{control}/state")
        assert state["accepted"] == {"ada@example.org": 1, "bo@example.org": 1}
        assert state["accepted_tags"] == {"d1": {"1": 2}}
        assert state["faults"] == [{"kind": "delay", "happened": 1}]
        assert (state["requests"], state["connections"]) == (2, 1)
        messages = ask(f"{control}/messages")
        assert [base64.b64decode(message["raw"]) for message in messages] == [RAW, RAW]
        assert len(ask(f"{control}/times")) == 2
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["id"] for line in lines] == [message["message_id"] for message in messages]
        assert [line["to"] for line in lines] == [["ada@example.org"], ["bo@example.org"]]
        ask(f"{control}/reset", "POST")
        assert ask(f"{control}/state")["accepted"] == {}
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=5)
    assert server.returncode == 0
    assert told.startswith("0 requests on 0 connections, 0 messages accepted for 0 recipients")


def test_a_script_file_and_options_set_the_fake_up(tmp_path):
    script = tmp_path / "script.json"
    script.write_text('{"faults": [{"kind": "html", "status": 502}], "settings": {"daily": 7}}')
    with by_hand("--no-signatures", "--rate", "3", "--script", str(script)) as (_, environ):
        account = ask(environ["AWS_ENDPOINT_URL_SESV2"] + "/v2/email/account")
        assert account["SendQuota"] == {"Max24HourSend": 7, "MaxSendRate": 3, "SentLast24Hours": 0}
        body = json.dumps(email(Content=raw_content(RAW))).encode()
        request = Request(environ["AWS_ENDPOINT_URL_SESV2"] + EMAIL, body)
        with pytest.raises(HTTPError) as caught:
            urlopen(request, timeout=5)
        with caught.value as error:
            assert error.code == 502


@pytest.mark.parametrize(("method", "path", "content", "status", "says"), [
    ("POST", "script", {"faults": [{"kind": "nonsense"}]}, 400, "no such kind"),
    ("POST", "script", {"faults": [{"status": 500}]}, 400, "kind is missing"),
    ("POST", "script", {"faults": [{"kind": "reset", "x": 1}]}, 400, "not a fault: x"),
    ("POST", "script", {"settings": {"x": 1}}, 400, "no such setting: x"),
    ("POST", "script", {"x": 1}, 400, "not of a script: x"),
    ("POST", "script", [], 400, "must be a JSON object"),
    ("GET", "nonsense", None, 404, "no such control"),
])  # fmt: skip
def test_a_mistake_in_a_control_request_is_told(method, path, content, status, says):
    with FakeSes() as ses:
        body = b"" if content is None else json.dumps(content).encode()
        got, _, answer = send(ses, method, f"/__control__/{path}", body)
        assert (got, says in json.loads(answer)["error"]) == (status, True)
        assert ses.state.connections == 0


def test_a_reset_forgets_counts_faults_and_the_day_but_not_the_settings():
    with FakeSes(daily=1, keep_messages=True) as ses, client(ses) as aws:
        assert seen_by(lambda: aws.send_email(**email())) == "id"
        ses.script(Fault(kind="throttle"))
        ses.reset()
        assert (ses.accepted, ses.messages, ses.times, ses.state.faults) == ({}, [], [], ())
        assert seen_by(lambda: aws.send_email(**email())) == "id"
        assert seen_by(lambda: aws.send_email(**email())) == "TooManyRequestsException"


def test_every_kind_of_fault_and_every_control_is_documented():
    page = (ROOT / "docs/fake-ses.md").read_text("utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(documented) == sorted(get_args(Kind))
    assert set(re.findall(r"/__control__/(\w+)", page)) == {
        "state",
        "messages",
        "times",
        "script",
        "reset",
    }
    with FakeSes(port=0) as ses:
        told = re.findall(r"^export (\w+)=(.*)$", page, re.MULTILINE)
        assert told == [(k, v.replace(str(ses.address[1]), "9999")) for k, v in ses.environ.items()]
