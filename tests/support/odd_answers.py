"""What a gateway may say in place of SES's answer, and the forms an answer may have on the wire."""

from __future__ import annotations

import re
from collections.abc import Callable

AWS_ID = b"x-amzn-RequestId: 11111111-2222-4333-8444-555555555555\r\n"


def page(status: int, body: bytes = b"<html>no</html>", extra: bytes = b"") -> bytes:
    """An answer that is the gateway's own."""
    return b"HTTP/1.1 %d Own\r\nContent-Type: text/html\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status,
        len(body),
        extra,
        body,
    )


def half(answer: bytes) -> bytes:
    return answer[: -(len(answer.partition(b"\r\n\r\n")[2]) // 2)]


def _named(body: bytes, length: bytes | None = None, status: bytes = b"200 OK") -> bytes:
    fields = length if length is not None else b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\n" + fields + AWS_ID + b"\r\n" + body


def _always(answer: bytes) -> Callable[[bytes], bytes]:
    return lambda _: answer


GOOD = b'{"MessageId":"m-1"}'

#: What comes instead of SES's 200, by name; each takes SES's answer.
INSTEAD: dict[str, Callable[[bytes], bytes]] = {
    **{f"html-{status}": _always(page(status)) for status in (200, 400, 403, 404, 407, 413, 429, 500, 502, 503)},
    "html-403-with-id": lambda _: page(403, extra=AWS_ID),
    "html-429-with-id": lambda _: page(429, extra=AWS_ID),
    "empty-400": lambda _: page(400, b""),
    "json-400-without-id": lambda _: page(400, b'{"__type":"BadRequestException"}'),
    "json-400-odd-id": lambda _: page(400, b'{"__type":"BadRequestException"}', b"x-amzn-RequestId: 7\r\n"),
    "json-400-two-ids": lambda _: page(400, b'{"__type":"BadRequestException"}', AWS_ID + AWS_ID.replace(b"1", b"2")),
    "json-400-two-names": lambda _: page(400, b'{"__type":"BadRequestException"}', AWS_ID + b"x-amzn-ErrorType: MessageRejected\r\n"),
    "json-400-without-name": lambda _: page(400, b'{"message":"no"}', AWS_ID),
    "json-429-status-as-name": lambda _: page(429, b'{"code":"429"}', AWS_ID),
    "json-400-name-no-string": lambda _: page(400, b'{"__type":["BadRequestException"],"code":{}}', AWS_ID),
    "cut-400": lambda _: page(400, b'{"__type":"BadRequestException"}', AWS_ID)[:-3],
    "redirect": lambda _: page(307, extra=b"Location: /v2/email/outbound-emails\r\n" + AWS_ID),
    "204": lambda _: b"HTTP/1.1 204 No Content\r\n" + AWS_ID + b"\r\n",
    "not-http": lambda _: b"SSH-2.0-OpenSSH\r\n\r\n",
    "two-lengths": lambda _: _named(GOOD, b"Content-Length: 5\r\nContent-Length: 19\r\n"),
    "same-lengths": lambda _: _named(GOOD, b"Content-Length: 19\r\nContent-Length: 19\r\n"),
    "plus-length": lambda _: _named(GOOD, b"Content-Length: +19\r\n"),
    "odd-length": lambda _: _named(GOOD, b"Content-Length: 1_9\r\n"),
    "minus-length": lambda _: _named(GOOD, b"Content-Length: -1\r\n"),
    "length-and-chunks": lambda _: _named(b"0\r\n\r\n", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    "odd-chunks": lambda _: _named(b"xyz\r\n", b"Transfer-Encoding: chunked\r\n"),
    "folded-header": lambda _: _named(GOOD, b"Content-Length: 19\r\nA: b\r\n c\r\n"),
    "endless-100": lambda _: b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "endless-header": lambda _: b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000,
    "many-headers": lambda _: b"HTTP/1.1 200 OK\r\n" + b"A: a\r\n" * 1000,
    "101": lambda _: b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}  # fmt: skip
#: After these the connection ends.
LOST = ("close", "reset", "half-close", "half-reset")
#: The answer of the mail before comes again, late: answers are out of step by one.
PREVIOUS = "previous"
#: These last until somebody gives up.
SLOW = ("stall", "drip", "half-stall")
#: The answer comes right after all.
GOOD_ANSWERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda answer: answer,
    "100-first": lambda answer: b"HTTP/1.1 100 Continue\r\n\r\n" + answer,
    "103-first": lambda answer: b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer,
    "until-the-end": lambda answer: re.sub(rb"(?i)content-length: \d+\r\n", b"", answer).replace(b"keep-alive", b"close"),
    "in-chunks": lambda answer: _chunked(answer),  # noqa: PLW0108  # defined below
    "twice": lambda answer: answer + answer,
}  # fmt: skip


def _chunked(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    head = re.sub(rb"(?i)content-length: \d+", b"Transfer-Encoding: chunked", head)
    parts = b"".join(b"%x;a=b\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:]))
    return head + b"\r\n\r\n" + parts + b"0\r\n\r\n"
