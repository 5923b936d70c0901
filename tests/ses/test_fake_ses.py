"""The fake SES takes what SES takes, and refuses what SES refuses."""

from __future__ import annotations

import json
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.fake_ses import ACCESS_KEY, SECRET_KEY, FakeSes
from tests.support.ses_client import (
    BULK,
    EMAIL,
    RAW,
    bulk,
    client,
    code_of,
    email,
    entry,
    message_of,
    people,
    raw_content,
    refused,
    send,
    simple,
    status_of,
)

pytestmark = pytest.mark.processes

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
