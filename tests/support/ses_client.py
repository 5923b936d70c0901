"""What the tests of the fake SES share: a client, requests, and what is read off an answer."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from pathlib import Path

import boto3
from botocore.config import Config

from tests.fake_ses import ACCESS_KEY, SECRET_KEY
from tests.support.commands import HANGS

ROOT = Path(__file__).parents[2]
EMAIL = "/v2/email/outbound-emails"
BULK = "/v2/email/outbound-bulk-emails"
ONCE = {"total_max_attempts": 1, "mode": "standard"}
RAW = b"From: Wren <wren@sender.example.org>\r\nTo: ada@example.org\r\nSubject: Tides\r\n\r\nHello.\r\n"


@contextlib.contextmanager
def client(ses, *, service="sesv2", key=ACCESS_KEY, secret=SECRET_KEY, retries=ONCE, **options):
    """boto3 pointed at a fake; it waits long, for only a test of silence wants to see its end."""
    config = Config(**{"retries": retries, "read_timeout": 30, "connect_timeout": 30} | options)
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
        http.client.HTTPConnection(ses.url.removeprefix("http://"), timeout=HANGS)
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
