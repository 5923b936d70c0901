"""HTTP/1.1 by hand: one connection, its requests, and the ways an answer can go wrong."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from .answers import Answer, RefusedError, refusal
from .control import PREFIX
from .desk import Desk, Reply
from .signature import Request

_LONGEST_HEAD = 65_536
_LONGEST_BODY = 80_000_000
_REQUEST_LINE = re.compile(r"([A-Z]+) (/[!-~]*) HTTP/1\.([01])")
_CONTENT_LENGTH = re.compile(r"[0-9]{1,12}")
#: Close with RST instead of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)

#: No two answers have the same id, also when they are given at the same time.
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request's first line and headers."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    length: int
    keep: bool


@dataclass(slots=True)
class Hall:
    """What all connections share."""

    desk: Desk
    control: Callable[[Request], Answer]
    chance: random.Random
    connections: set[Connection]


class Connection(asyncio.Protocol):
    """One TCP connection; requests are served one after the other."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._head: Head | None = None
        self._served = 0
        self._busy = False
        self._ended = False
        self._is_control = False
        self._idle = 0.0
        self._free_since = self._loop.time()
        self._later: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # None where the client has already gone.
        peer = transport.get_extra_info("peername")
        self._peer: str = peer[0] if peer else ""
        self._hall.connections.add(self)
        self._hall.desk.record.connections += 1
        self._hall.desk.record.open_connections += 1
        self._watch_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hall.connections.discard(self)
        record = self._hall.desk.record
        if not self._is_control:
            record.open_connections -= 1
            if not self._ended and not self._busy and (self._buffer or self._head):
                record.cut_short += 1
        self._ended = True
        for timer in (self._later, self._idle_timer):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._advance()

    def end(self) -> None:
        """Close at once, when the server stops."""
        self._ended = True
        self._transport.abort()

    def _advance(self) -> None:
        """Serve what the buffer holds, until a reply waits or bytes are missing."""
        while not self._busy and not self._ended:
            if self._head is None:
                try:
                    self._head = self._take_head()
                except RefusedError as error:
                    self._send(refusal(error), close=True)
                    return
                if self._head is None or not self._begin(self._head):
                    return
            if len(self._buffer) < self._head.length:
                return
            self._take_request(self._head)

    def _take_head(self) -> Head | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise RefusedError(431, "RequestHeaderSectionTooLarge", "The head is too long.")
            return None
        head = read_head(self._buffer[:end].decode("latin-1"))
        del self._buffer[: end + 4]
        return head

    def _begin(self, head: Head) -> bool:
        """Count a request whose head was read; False when it goes no further."""
        self._idle = self._loop.time() - self._free_since if self._served else 0.0
        desk = self._hall.desk
        if head.path.startswith(PREFIX):
            if not self._served and not self._is_control:
                self._is_control = True
                desk.record.connections -= 1
                desk.record.open_connections -= 1
        else:
            desk.record.peers.add(self._peer)
            if desk.unread(head.method, head.path, self._idle):
                self._reset()
                return False
        if head.headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _take_request(self, head: Head) -> None:
        body = bytes(self._buffer[: head.length])
        del self._buffer[: head.length]
        self._head = None
        self._busy = True
        request = Request(
            number=self._hall.desk.record.requests,
            method=head.method,
            path=head.path,
            query=head.query,
            headers=head.headers,
            body=body,
            idle=self._idle,
        )
        close = not head.keep
        if head.path.startswith(PREFIX):
            self._send(self._hall.control(request), close=close)
            return
        reply = self._hall.desk.reply(request)
        pause = self._pause(reply)
        if pause <= 0:
            self._perform(reply, close=close)
        else:
            self._later = self._loop.call_later(pause, self._perform_later, reply, close)

    def _pause(self, reply: Reply) -> float:
        settings = self._hall.desk.account.settings
        pause = settings.latency
        if settings.jitter:
            pause += self._hall.chance.random() * settings.jitter
        if reply.fault is not None and reply.fault.kind == "delay":
            pause += reply.fault.seconds
        return pause

    def _perform_later(self, reply: Reply, close: bool) -> None:  # noqa: FBT001 - call_later passes by position
        self._perform(reply, close=close)
        self._advance()

    def _perform(self, reply: Reply, *, close: bool) -> None:
        """Put the reply on the wire the way its fault says."""
        if self._ended:
            return
        match reply.fault.kind if reply.fault else None:
            case "reset":
                self._reset()
            case "close":
                self._close()
            case "stall":
                pass  # busy for ever: the client has to give up
            case "truncated":
                data = self._wire(reply.answer, close=close)
                self._transport.write(data[: -(len(reply.answer.body) // 2) or None])
                self._close()
            case "drip":
                assert reply.fault
                self._drip(self._wire(reply.answer, close=close), 0, reply.fault.seconds, close)
            case _:
                self._send(reply.answer, close=close)

    def _send(self, answer: Answer, *, close: bool) -> None:
        self._transport.write(self._wire(answer, close=close))
        self._finish(close=close)

    def _wire(self, answer: Answer, *, close: bool) -> bytes:
        return answer.wire(f"00000000-0000-4000-8000-{next(_NUMBERS):012x}", close=close)

    def _finish(self, *, close: bool) -> None:
        self._busy = False
        self._served += 1
        self._free_since = self._loop.time()
        if close:
            self._close()
        elif self._idle_timer is None:
            self._watch_idle()

    def _drip(self, data: bytes, position: int, pause: float, close: bool) -> None:  # noqa: FBT001 - call_later passes by position
        if self._ended:
            return
        self._transport.write(data[position : position + 1])
        if position + 1 < len(data):
            self._later = self._loop.call_later(pause, self._drip, data, position + 1, pause, close)
            return
        self._finish(close=close)
        self._advance()

    def _close(self) -> None:
        self._ended = True
        self._transport.close()

    def _reset(self) -> None:
        self._ended = True
        plain: socket.socket | None = self._transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def _watch_idle(self) -> None:
        """Close the connection once it has been idle for as long as the settings allow."""
        self._idle_timer = None
        limit = self._hall.desk.account.settings.idle_close
        if limit is None or self._ended:
            return
        waiting = self._busy or bool(self._buffer) or self._head is not None
        left = limit if waiting else self._free_since + limit - self._loop.time()
        if left <= 0:
            self._close()
        else:
            self._idle_timer = self._loop.call_later(left, self._watch_idle)


def read_head(text: str) -> Head:
    """A request's head, without its last blank line.

    Raises:
        RefusedError: It is not HTTP/1.x as AWS's clients speak it.
    """
    line, *rest = text.split("\r\n")
    found = _REQUEST_LINE.fullmatch(line)
    if not found:
        raise RefusedError(400, "MalformedHttpRequestException", "Not an HTTP/1.1 request.")
    headers: dict[str, str] = {}
    for header in rest:
        name, colon, value = header.partition(":")
        if not colon or not name or name != name.strip():
            raise RefusedError(400, "MalformedHttpRequestException", "A header has no name.")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    path, _, query = found[2].partition("?")
    connection = headers.get("connection", "").lower()
    keep = connection != "close" if found[3] == "1" else connection == "keep-alive"
    return Head(
        method=found[1],
        path=path,
        query=query,
        headers=headers,
        length=_body_length(headers),
        keep=keep,
    )


def _body_length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise RefusedError(411, "MissingContentLength", "The body must have a Content-Length.")
    if headers.get("content-encoding", "identity") != "identity":
        raise RefusedError(415, "MalformedHttpRequestException", "The body must not be compressed.")
    length = headers.get("content-length", "0")
    if not _CONTENT_LENGTH.fullmatch(length):
        raise RefusedError(400, "MalformedHttpRequestException", "Content-Length is no number.")
    if int(length) > _LONGEST_BODY:
        raise RefusedError(413, "RequestEntityTooLargeException", "The body is too large.")
    return int(length)
