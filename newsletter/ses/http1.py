"""HTTP/1.1 as one request and one answer, read so strictly that an answer cannot be mistaken.

The standard library's reader takes the first of two lengths, numbers such as "+1_0" for a length,
and a cut-short body for a whole one; here each of these is an answer that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import io

#: Bytes; SES's own answers have less than 2,000.
_LONGEST_LINE: Final = 16_384
_LONGEST_BODY: Final = 1_048_576
_MOST_HEADERS: Final = 100
#: Answers such as "103 Early Hints", before the one that counts.
_MOST_INTERIM: Final = 10

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,7})[ \t]*(?:;.*)?")
_LINE_BREAK: Final = re.compile(r"[\r\n\0]")
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class MalformedResponseError(Exception):
    """What came is not one HTTP/1.1 answer; the message says in words why."""


class ClosedError(Exception):
    """The connection ended where an answer should have begun, or gone on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """One answer.

    Attributes:
        headers: name in lower case and value, in the order they came.
        body: bytes, all of them when `whole`.
        whole: whether the body came to its end.
        keep: whether another request may follow on the same connection.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool = True
    keep: bool = False

    @property
    def refuses(self) -> bool:
        """Whether it is a 4xx."""
        return HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR

    def header(self, name: str) -> str:
        """The header's one value; "" where it is missing or two of them differ.

        Args:
            name: in lower case.
        """
        values = {value for found, value in self.headers if found == name}
        return values.pop() if len(values) == 1 else ""


def serialize(method: str, target: str, headers: Mapping[str, str | bytes], body: bytes) -> bytes:
    """A request in one piece.

    Raises:
        ValueError: a line break in a header, or a letter that is not Latin-1.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers.items():
        lines.append(f"{name}: {value.decode('latin-1') if isinstance(value, bytes) else value}")
    for line in lines:
        if _LINE_BREAK.search(line):
            # Not the line itself: it may hold a key.
            raise ValueError("a header of the request has a line break")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def read_head(stream: io.BufferedReader[Any]) -> tuple[int, bool, tuple[tuple[str, str], ...]]:
    """Status, whether it is HTTP/1.1, and headers of the answer that counts.

    Raises:
        ClosedError: the connection ended.
        MalformedResponseError: it is no answer.
        OSError: as the stream raises.
    """
    for _ in range(_MOST_INTERIM):
        found = _STATUS.fullmatch(_line(stream))
        if not found:
            raise MalformedResponseError("it does not begin like HTTP/1.1")
        status, headers = int(found[2]), _headers(stream)
        if status >= HTTPStatus.OK or status == HTTPStatus.SWITCHING_PROTOCOLS:
            return status, found[1] == b"1", headers
    raise MalformedResponseError("it never ends")


def read_answer(stream: io.BufferedReader[Any]) -> HttpResponse:
    """One answer with its body.

    Raises:
        ClosedError: the connection ended before the body.
        MalformedResponseError: it is no answer, or its length is not clear.
        OSError: as the stream raises.
    """
    status, keeps, headers = read_head(stream)
    lengths = [value for name, value in headers if name == "content-length"]
    codings = [value.lower() for name, value in headers if name == "transfer-encoding"]
    connection = ",".join(value.lower() for name, value in headers if name == "connection")
    keep = keeps and "close" not in connection
    whole = True
    if status in _BODILESS:
        body = b""
    elif codings:
        if codings != ["chunked"] or lengths:
            raise MalformedResponseError("the length of its body is not clear")
        body, whole = _chunks(stream)
    elif lengths:
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            raise MalformedResponseError("the length of its body is not clear")
        length = int(lengths[0])
        if length > _LONGEST_BODY:
            raise MalformedResponseError("its body is too long")
        body = stream.read(length)
        whole = len(body) == length
    else:
        keep, body = False, stream.read(_LONGEST_BODY + 1)
        whole = len(body) <= _LONGEST_BODY
    return HttpResponse(status=status, headers=headers, body=body, whole=whole, keep=keep and whole)


def _line(stream: io.BufferedReader[Any]) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        if len(line) == _LONGEST_LINE:
            raise MalformedResponseError("a line of it is too long")
        raise ClosedError
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _headers(stream: io.BufferedReader[Any]) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    while line := _line(stream):
        found = _HEADER.fullmatch(line)
        if not found or len(headers) == _MOST_HEADERS:
            raise MalformedResponseError("its headers cannot be read")
        headers.append((found[1].decode("ascii").lower(), found[2].decode("latin-1")))
    return tuple(headers)


def _chunks(stream: io.BufferedReader[Any]) -> tuple[bytes, bool]:
    """The body, and whether its last chunk came."""
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            found = _CHUNK.fullmatch(_line(stream))
            if not found:
                raise MalformedResponseError("its chunks cannot be read")
            length = int(found[1], 16)
            size += length
            if size > _LONGEST_BODY:
                raise MalformedResponseError("its body is too long")
            if not length:
                _headers(stream)
                return b"".join(parts), True
            parts.append(stream.read(length))
            if len(parts[-1]) < length or _line(stream):
                return b"".join(parts), False
        except ClosedError:
            return b"".join(parts), False
