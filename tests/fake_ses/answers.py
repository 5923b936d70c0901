"""What goes back: answers, and refusals in the two error formats of AWS (REST-JSON, query XML)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STS = "https://sts.amazonaws.com/doc/2011-06-15/"

#: The query protocol has its own words for the same refusals.
_QUERY_CODES = {
    "ExpiredTokenException": "ExpiredToken",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
}


class RefusedError(Exception):
    """A request that AWS would answer with an error.

    Attributes:
        status: The HTTP status.
        code: The name of the error, as in `x-amzn-ErrorType`.
        message: The text in the body.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer before it is put on the wire; `error` becomes `x-amzn-ErrorType`."""

    status: int
    body: bytes
    media: str = "application/json"
    error: str = ""

    def wire(self, request_id: str, *, close: bool) -> bytes:
        """The answer as bytes, head and body."""
        lines = [
            f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, 'Unknown')}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {self.media}",
            f"Content-Length: {len(self.body)}",
            f"x-amzn-RequestId: {request_id}",
        ]
        if self.error:
            lines.append(f"x-amzn-ErrorType: {self.error}")
        lines.append("Connection: close" if close else "Connection: keep-alive")
        return "\r\n".join((*lines, "", "")).encode("latin-1", "replace") + self.body


def bad_request(message: str) -> RefusedError:
    """SESv2's error for input it will not take."""
    return RefusedError(400, "BadRequestException", message)


def in_json(content: Any, *, status: int = 200) -> Answer:
    """An answer whose body is `content`."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status=status, body=body)


def refusal(error: RefusedError, *, query: bool = False) -> Answer:
    """The refusal as REST-JSON, or as the query protocol's XML."""
    if not query:
        body = json.dumps({"message": error.message}, ensure_ascii=False).encode()
        return Answer(status=error.status, body=body, error=error.code)
    code = _QUERY_CODES.get(error.code, error.code)
    text = (
        f'<ErrorResponse xmlns="{_STS}"><Error><Type>Sender</Type><Code>{escape(code)}</Code>'
        f"<Message>{escape(error.message)}</Message></Error>"
        "<RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
    )
    return Answer(status=error.status, body=text.encode(), media="text/xml")


def caller_identity(account: str) -> Answer:
    """What STS GetCallerIdentity says of the one user there is."""
    text = (
        f'<GetCallerIdentityResponse xmlns="{_STS}"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{account}:user/newsletter</Arn><UserId>AIDAFAKE</UserId>"
        f"<Account>{account}</Account></GetCallerIdentityResult><ResponseMetadata>"
        "<RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )
    return Answer(status=200, body=text.encode(), media="text/xml")


def html_page(status: int) -> Answer:
    """What a load balancer in front of the service says."""
    phrase = _PHRASES.get(status, "Error")
    page = (
        f"<html><head><title>{status}</title></head><body><h1>{status} {phrase}</h1></body></html>"
    )
    return Answer(status=status, body=page.encode(), media="text/html")
