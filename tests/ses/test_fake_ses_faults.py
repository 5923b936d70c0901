"""The fake SES counts what reached it, and misbehaves on order."""

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
from typing import get_args
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.fake_ses import FakeSes, Fault
from tests.fake_ses.faults import Kind
from tests.fake_ses.record import Record
from tests.support.commands import HANGS
from tests.support.ses_client import (
    EMAIL,
    RAW,
    ROOT,
    bulk,
    client,
    email,
    people,
    raw_content,
    refused,
    send,
)

pytestmark = pytest.mark.processes

# Faults

#: How long a client waits whose test wants to see that it gives up; enough for a busy machine
#: to answer the requests around the silent one.
SILENCE = 1.5
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
    fault = Fault(kind=kind, accept=accept, requests=(2,), seconds=20)
    patience = SILENCE if SEEN[kind] == "ReadTimeoutError" else 30
    with FakeSes(fault) as ses, client(ses, read_timeout=patience) as aws:
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
    patience = SILENCE if kind == "stall" else 30
    with FakeSes(fault) as ses:
        with client(ses, retries={"mode": "standard"}, read_timeout=patience) as aws:
            seen_by(lambda: aws.send_email(**email("left@example.org")))
        with client(ses, read_timeout=patience) as aws:
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


def _tagged(number):
    tags = [{"Name": "delivery", "Value": f"d{number}"}]
    return bulk(*[one | {"ReplacementTags": tags} for one in people(number)][-2:])


@pytest.mark.parametrize(
    ("fault", "refused", "untold"),
    [
        (Fault(kind="truncated"), 0, 2),
        (Fault(kind="close", accept=True), 0, 2),
        (Fault(kind="error", status=503), 0, 2),
        (Fault(kind="error", status=400, code="MessageRejected"), 0, 0),  # one of both, who knows
        (Fault(kind="throttle"), 0, 0),
        (Fault(kind="delay"), 0, 0),
        (Fault(kind="entry", code="FAILED", entries=(1,)), 1, 0),
    ],
)
def test_what_was_refused_by_itself_and_what_nobody_was_told_of_is_counted(fault, refused, untold):
    with FakeSes(fault) as ses, client(ses) as aws:
        seen_by(lambda: aws.send_bulk_email(**_tagged(2)))
        state = ses.state
    assert sum(state.refused_tags.values()) == refused
    assert sum(state.untold_tags.values()) == untold


def test_one_mail_that_is_refused_alone_is_refused_by_itself():
    with FakeSes(Fault(kind="error", status=400)) as ses, client(ses) as aws:
        seen_by(lambda: aws.send_bulk_email(**_tagged(1)))
        assert ses.state.refused_tags == {("d1", ""): 1}


def test_the_first_mail_of_what_was_refused_may_be_late_when_it_comes_again():
    fault = Fault(kind="error", status=400, times=1, again=SILENCE * 3)
    with FakeSes(fault) as ses, client(ses, read_timeout=SILENCE) as aws:
        seen = [seen_by(lambda: aws.send_email(**email())) for _ in range(3)]
        assert ses.accepted == {"ada@example.org": 2}
    assert seen == ["InternalFailure", "ReadTimeoutError", "id"]


def test_an_idle_connection_is_closed():
    with FakeSes(idle_close=0.05) as ses:
        with socket.create_connection(ses.address, timeout=HANGS) as line:
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
    with FakeSes(latency=20, jitter=0.1) as ses, client(ses, read_timeout=SILENCE) as aws:
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
        with socket.create_connection(ses.address, timeout=HANGS) as line:
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
        with socket.create_connection(ses.address, timeout=HANGS) as line:
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


def test_stopping_waits_for_no_stalled_request():
    before = threading.active_count()
    with FakeSes(Fault(kind="stall")) as ses:
        line = socket.create_connection(ses.address)
        line.sendall(b"POST / HTTP/1.1\r\n\r\n")
    # Whoever waited for the end of this request would wait for ever: the line is open still.
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
    with urlopen(Request(url, body, method=method), timeout=HANGS) as answer:
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
        assert len(ask(f"{control}/times")) == ask(f"{control}/accepted") == 2
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["id"] for line in lines] == [message["message_id"] for message in messages]
        assert [line["to"] for line in lines] == [["ada@example.org"], ["bo@example.org"]]
        ask(f"{control}/reset", "POST")
        assert ask(f"{control}/state")["accepted"] == {}
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=HANGS)
    assert server.returncode == 0
    assert told.startswith("0 requests on 0 connections, 0 messages accepted for 0 recipients")


def test_how_many_were_accepted_is_told_without_a_look_at_each(monkeypatch):
    with FakeSes() as ses, client(ses) as aws:
        aws.send_email(**email())
        monkeypatch.setattr(Record, "state", None)  # which takes the longer the more there are
        url = f"http://127.0.0.1:{ses.address[1]}/__control__/accepted"
        assert ask(url) == 1
        monkeypatch.undo()


def test_a_script_file_and_options_set_the_fake_up(tmp_path):
    script = tmp_path / "script.json"
    script.write_text('{"faults": [{"kind": "html", "status": 502}], "settings": {"daily": 7}}')
    with by_hand("--no-signatures", "--rate", "3", "--script", str(script)) as (_, environ):
        account = ask(environ["AWS_ENDPOINT_URL_SESV2"] + "/v2/email/account")
        assert account["SendQuota"] == {"Max24HourSend": 7, "MaxSendRate": 3, "SentLast24Hours": 0}
        body = json.dumps(email(Content=raw_content(RAW))).encode()
        request = Request(environ["AWS_ENDPOINT_URL_SESV2"] + EMAIL, body)
        with pytest.raises(HTTPError) as caught:
            urlopen(request, timeout=HANGS)
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
        "accepted",
        "messages",
        "times",
        "script",
        "reset",
    }
    with FakeSes(port=0) as ses:
        told = re.findall(r"^export (\w+)=(.*)$", page, re.MULTILINE)
        assert told == [(k, v.replace(str(ses.address[1]), "9999")) for k, v in ses.environ.items()]
