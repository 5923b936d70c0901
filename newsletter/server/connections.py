"""The connections of the public pages: none is waited for without end, and bad ones fill no log.

uvicorn waits for a request for as long as somebody holds the connection, takes as many as come, and
writes a line for each that fails. Anybody can hold thousands with a few bytes. Here every part of a
request has its time, there are so many connections and no more, and of those that came without a
request there is one line a minute.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import resource
import time
from dataclasses import dataclass, replace
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.humanize import plural

_LOG: Final = logging.getLogger(__name__)
#: Connections taken from the system in one go: so many more than allowed there may be for a moment.
TAKEN_AT_ONCE: Final = 64
#: How many the system keeps waiting until they are taken.
QUEUE: Final = 1024
#: Bytes of a body that are read: an answer is lost when its connection is closed on unread ones.
_MOST_BODY: Final = 1024 * 1024
#: No descriptor was free to take a connection (POSIX).
_NONE_FREE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long things may take, in seconds, and how many connections there may be.

    Attributes:
        head: for the first line and the headers, all together.
        body: for the body, from the end of the headers.
        answer: for working out the answer, and for having it taken.
        idle: between an answer and the next request.
        connections: at the same time.
        summary: between two lines about bad connections.
    """

    head: float = 10
    body: float = 30
    answer: float = 30
    idle: int = 5
    connections: int = 1000
    summary: float = 60


def within_descriptors(limits: Limits) -> Limits:
    """The limits, with no more connections than descriptors allow; as many as may be are asked for.

    Half of them stay free: for the records, and for what is taken before others are closed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * limits.connections + 4 * TAKEN_AT_ONCE
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return replace(limits, connections=max(1, min(limits.connections, soft // 2)))


class Gate:
    """All connections of one server.

    When there are too many, the one goes that has kept its request to itself for the longest time;
    whoever sends theirs at once is answered, however many others wait.

    Args:
        limits: the server's.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open: set[TimedConnection] = set()
        #: Those that owe us something, the oldest first.
        self._unfinished: dict[TimedConnection, None] = {}
        self._bad = 0
        self._summary: asyncio.TimerHandle | None = None

    def protocol(self) -> Any:  # noqa: ANN401  # what uvicorn calls a class
        """What makes a connection, for uvicorn's configuration."""
        return functools.partial(TimedConnection, gate=self)

    def enter(self, connection: TimedConnection) -> None:
        """Take a connection; another one goes when there are too many, or it goes itself."""
        self._open.add(connection)
        self._unfinished[connection] = None
        if len(self._open) > self.limits.connections:
            next(iter(self._unfinished)).drop()

    def owes(self, connection: TimedConnection, *, something: bool) -> None:
        """Note whether a connection still owes its request, or has to take its answer."""
        if not something:
            self._unfinished.pop(connection, None)
        elif connection in self._open:
            self._unfinished.setdefault(connection)

    def leave(self, connection: TimedConnection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._unfinished.pop(connection, None)

    def count_bad(self) -> None:
        """Count a connection that was closed without having sent a request; told once a minute."""
        self._bad += 1
        if self._summary is None:
            loop = asyncio.get_running_loop()
            self._summary = loop.call_later(self.limits.summary, self.tell)

    def tell(self) -> None:
        """Say how many bad connections there were since the last time."""
        if self._summary is not None:
            self._summary.cancel()
            self._summary = None
        if self._bad:
            closed = plural(self._bad, "connection was", "connections were")
            _LOG.warning("%s closed that sent no whole request in time", closed)
            self._bad = 0

    def hear(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hear what asyncio complains about; a lack of descriptors is counted, not told."""
        fault = context.get("exception")
        if isinstance(fault, OSError) and fault.errno in _NONE_FREE:
            self.count_bad()
        else:
            loop.default_exception_handler(context)


class TimedConnection(H11Protocol):
    """A connection whose parts each have their time."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: Any,  # noqa: ANN401  # uvicorn's
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        gate: Gate,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gate = gate
        self._deadline: asyncio.TimerHandle | None = None
        self._part: tuple[str, object] = "", None
        self._body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._note()
        self._gate.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._gate.leave(self)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what is not read any more is thrown away, but not without end."""
        if self.transport.is_closing():
            return
        self._body = self._body + len(data) if self._part[0] == "body" else 0
        if self._body > _MOST_BODY:
            self.drop()
            return
        super().data_received(data)
        self._note()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless an answer was begun: it cannot be taken back."""
        self._gate.count_bad()
        if self.conn.our_state is h11.IDLE:
            super().send_400_response(msg)
            return
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the answer to be taken."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait(self._gate.limits.answer)
        else:
            self._note()

    def pause_writing(self) -> None:
        """Know who does not take what was asked for."""
        super().pause_writing()
        self._gate.owes(self, something=True)

    def drop(self) -> None:
        """Close the connection at once, whatever is under way."""
        self._gate.count_bad()
        self._gate.leave(self)
        self._stop_waiting()
        self.transport.abort()

    def _note(self) -> None:
        """See what is waited for now; when that is something new, its time begins."""
        name = {h11.IDLE: "head", h11.SEND_BODY: "body"}.get(self.conn.their_state, "answer")
        part = name, self.cycle
        if part != self._part:
            self._part = part
            self._wait(getattr(self._gate.limits, name))
            self._gate.owes(self, something=name != "answer")

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, self.drop)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Sparing(logging.Filter):
    """Lets the first of several equal messages through, and counts the rest of its minute.

    Args:
        seconds: how long one message stands for all like it.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is told."""
        kind, now = (record.name, str(record.msg)), time.monotonic()
        told, more = self._told.get(kind, (float("-inf"), 0))
        if now - told < self._seconds:
            self._told[kind] = told, more + 1
            return False
        self._told[kind] = now, 0
        if more:
            record.msg = f"{record.msg} ({more:,} more like it before)"
        return True
