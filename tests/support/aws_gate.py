"""A gate before moto's SNS, SQS and IAM: it counts what is asked, and refuses on order."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from tests.support.commands import HANGS

#: What services say of a thing that is not there.
_ABSENT = {
    "sqs": ("AWS.SimpleQueueService.NonExistentQueue", 400),
    "sns": ("NotFound", 404),
    "iam": ("NoSuchEntity", 404),
}


class AwsGate:
    """One gate; actions are named as policies name them, such as "sqs:CreateQueue".

    Attributes:
        asked: every action that came, in order.
        denied: actions that get AccessDenied.
        throttled: actions that are throttled so many times.
        hidden: looks that find nothing so many times.
        locked: whether the next queue's name is said to be locked for a minute.
        held: an action that is never answered, and whether it is done all the same.
        reached: set once that action has come, and is done if it is to be.
    """

    def __init__(self, moto: str) -> None:
        self._moto = urlsplit(moto).netloc
        self.forget()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in two packets waits for the first to be acknowledged

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = gate.answer(self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def forget(self) -> None:
        """Count anew, and refuse nothing."""
        self.asked: list[str] = []
        self.denied: set[str] = set()
        self.throttled: Counter[str] = Counter()
        self.hidden: Counter[str] = Counter()
        self.locked = False
        self.held: tuple[str, bool] | None = None
        self.reached = threading.Event()
        self._given_up = threading.Event()

    def let_go(self) -> None:
        """Whoever waits for an answer that never comes has gone."""
        self.held = None
        self._given_up.set()

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        service = headers["Authorization"].split("Credential=")[1].split("/")[3]
        target = headers.get("X-Amz-Target", "").rpartition(".")[2]
        action = f"{service}:{target or parse_qs(body.decode())['Action'][0]}"
        self.asked.append(action)
        if action in self.denied:
            return _refusal(service, "AccessDenied", 403)
        if self._takes(self.throttled, action):
            return _refusal(service, "Throttling", 400)
        if self._takes(self.hidden, action):
            return _refusal(service, *_ABSENT[service])
        if self.locked and action == "sqs:CreateQueue":
            self.locked = False
            return _refusal(service, "AWS.SimpleQueueService.QueueDeletedRecently", 400)
        if self.held and self.held[0] == action:
            if self.held[1]:
                self._forward(path, headers, body)
            self.reached.set()
            self._given_up.wait()
            return _refusal(service, "Throttling", 400)
        return self._forward(path, headers, body)

    def _forward(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        with contextlib.closing(http.client.HTTPConnection(self._moto, timeout=HANGS)) as line:
            line.request("POST", path, body, headers)
            got = line.getresponse()
            content = got.read()
        kept = {
            n: v for n, v in got.getheaders() if n.lower().startswith(("content-type", "x-amz"))
        }
        return got.status, kept, content

    @staticmethod
    def _takes(orders: Counter[str], action: str) -> bool:
        if orders[action] <= 0:
            return False
        orders[action] -= 1
        return True

    @property
    def environ(self) -> dict[str, str]:
        """What points SQS, SNS and IAM here."""
        return {f"AWS_ENDPOINT_URL_{name}": self.url for name in ("SQS", "SNS", "IAM")}


@contextlib.contextmanager
def aws_gate(moto: str) -> Iterator[AwsGate]:
    """A gate on a port of this machine."""
    gate = AwsGate(moto)
    thread = threading.Thread(target=gate.serve, daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        gate.stop()
        thread.join(HANGS)


def _refusal(service: str, code: str, status: int) -> tuple[int, dict[str, str], bytes]:
    if service == "sqs":
        body = json.dumps({"__type": f"com.amazonaws.sqs#{code.rpartition('.')[2]}"}).encode()
        named = {"x-amzn-query-error": f"{code};Sender"}
        return status, {"Content-Type": "application/x-amz-json-1.0", **named}, body
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code>"
        "<Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return status, {"Content-Type": "text/xml"}, text.encode()
