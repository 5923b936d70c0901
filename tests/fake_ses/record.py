"""What reached the fake: counted, and on request logged and kept."""

from __future__ import annotations

import base64
import json
import os
import time
from array import array
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Delivery and attempt, as the message's tags name them.
Tagged = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message of a request: whom it is for, and its tags."""

    recipients: tuple[str, ...]
    tags: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An accepted message as it was kept; `raw` or the rendered parts are filled in."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    tags: dict[str, str]
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The message for the control API; `raw` in base64."""
        raw = None if self.raw is None else base64.b64encode(self.raw).decode()
        names = ("message_id", "sender", "recipients", "tags", "headers", "subject", "text", "html")
        return {"raw": raw, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A snapshot of all counts, consistent in itself.

    Attributes:
        requests: HTTP requests whose head was read, control requests apart.
        cut_short: Requests that ended before their last byte.
        operations: Requests per operation.
        answers: Answers per "status code"; "none" where a fault gave none.
        connections: TCP connections that were opened.
        open_connections: Those of them still open.
        peers: The addresses they came from.
        received: Per recipient, messages in requests read whole, whatever came of them.
        accepted: Per recipient, messages accepted.
        received_tags: The same per (delivery, attempt).
        accepted_tags: The same per (delivery, attempt).
        refused_tags: Per (delivery, attempt), messages refused by themselves, not with others.
        untold_tags: Per (delivery, attempt), messages whose answer was lost or proves nothing.
        rendering_failures: Accepted messages that a missing variable keeps from being sent.
        window_maximum: Most recipients accepted within any one second.
        faults: How often each scripted fault happened.
    """

    requests: int
    cut_short: int
    operations: dict[str, int]
    answers: dict[str, int]
    connections: int
    open_connections: int
    peers: tuple[str, ...]
    received: dict[str, int]
    accepted: dict[str, int]
    received_tags: dict[Tagged, int]
    accepted_tags: dict[Tagged, int]
    refused_tags: dict[Tagged, int]
    untold_tags: dict[Tagged, int]
    rendering_failures: tuple[dict[str, Any], ...]
    window_maximum: int
    faults: tuple[dict[str, Any], ...]

    @property
    def duplicates(self) -> dict[str, int]:
        """Recipients with more than one accepted message."""
        return {address: n for address, n in self.accepted.items() if n > 1}

    def to_json(self) -> dict[str, Any]:
        """The snapshot for the control API; tags as delivery -> attempt -> count."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        for name in (name for name in self.__slots__ if name.endswith("_tags")):
            nested: dict[str, dict[str, int]] = {}
            for (delivery, attempt), count in shown[name].items():
                nested.setdefault(delivery, {})[attempt] = count
            shown[name] = nested
        return {**shown, "duplicates": self.duplicates}


class Log:
    """An append-only file of accepted messages, one JSON object a line.

    A line is written (and, on request, on the disk) before the answer leaves.
    """

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self._file = path.open("ab", buffering=0)
        self._fsync = fsync

    def write(self, lines: list[dict[str, Any]]) -> None:
        """Append the lines in one write."""
        self._file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        if self._fsync:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Record:
    """The counts while they grow; only the server's own thread touches it."""

    def __init__(self) -> None:
        self.log: Log | None = None
        self._issued = 0
        self.open_connections = 0
        self.reset()

    def reset(self) -> None:
        """Start counting anew; message ids go on and open connections stay counted."""
        self.requests = 0
        self.cut_short = 0
        self.connections = self.open_connections
        self.peers: set[str] = set()
        self.operations: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._received: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()
        self._received_tags: Counter[Tagged] = Counter()
        self._accepted_tags: Counter[Tagged] = Counter()
        self._refused_tags: Counter[Tagged] = Counter()
        self._untold_tags: Counter[Tagged] = Counter()
        self._failures: list[dict[str, Any]] = []
        self.messages: list[Mail] = []
        #: When each recipient was accepted, in seconds of the monotonic clock.
        self.times = array("d")
        self._window: deque[tuple[float, int]] = deque()
        self._in_window = 0
        self._window_maximum = 0

    def message_id(self) -> str:
        """A new message id of SES's form."""
        self._issued += 1
        return f"0102{self._issued:012x}-{self._issued:08x}-0000-4000-8000-{0:012x}-000000"

    def received(self, entries: list[Entry], tags: tuple[str, str]) -> None:
        """Count the messages of a request that was read whole."""
        _count(entries, tags, self._received, self._received_tags)

    def refused(self, entries: list[Entry], tags: tuple[str, str]) -> None:
        """Count messages that were refused by themselves."""
        _count(entries, tags, Counter(), self._refused_tags)

    def untold(self, entries: list[Entry], tags: tuple[str, str]) -> None:
        """Count the messages of a request whose sender is told nothing of them."""
        _count(entries, tags, Counter(), self._untold_tags)

    def accepted(
        self, entries: list[Entry], tags: tuple[str, str], *, ids: list[str], request: int
    ) -> None:
        """Count accepted messages, and log them before anybody is told."""
        _count(entries, tags, self._accepted, self._accepted_tags)
        self._note_time(sum(len(entry.recipients) for entry in entries))
        if self.log is not None and entries:
            at = time.time()
            self.log.write(
                [
                    {"id": message_id, "at": at, "to": entry.recipients, "tags": entry.tags,
                     "request": request}
                    for entry, message_id in zip(entries, ids, strict=True)
                ]
            )  # fmt: skip

    def failed_to_render(self, message_id: str, entry: Entry, missing: list[str]) -> None:
        """Note an accepted message that SES would drop later with a Rendering Failure."""
        self._failures.append(
            {"message_id": message_id, "recipients": entry.recipients, "missing": missing}
        )

    def _note_time(self, recipients: int) -> None:
        now = time.monotonic()
        self.times.extend([now] * recipients)
        self._window.append((now, recipients))
        self._in_window += recipients
        while self._window[0][0] <= now - 1:
            self._in_window -= self._window.popleft()[1]
        self._window_maximum = max(self._window_maximum, self._in_window)

    def state(self, faults: list[dict[str, Any]]) -> State:
        """A snapshot."""
        return State(
            requests=self.requests,
            cut_short=self.cut_short,
            operations=dict(self.operations),
            answers=dict(self.answers),
            connections=self.connections,
            open_connections=self.open_connections,
            peers=tuple(sorted(self.peers)),
            received=dict(self._received),
            accepted=dict(self._accepted),
            received_tags=dict(self._received_tags),
            accepted_tags=dict(self._accepted_tags),
            refused_tags=dict(self._refused_tags),
            untold_tags=dict(self._untold_tags),
            rendering_failures=tuple(self._failures),
            window_maximum=self._window_maximum,
            faults=tuple(faults),
        )


def _count(
    entries: list[Entry], tags: tuple[str, str], people: Counter[str], tagged: Counter[Tagged]
) -> None:
    delivery, attempt = tags
    for entry in entries:
        for address in entry.recipients:
            people[address] += 1
        if delivery in entry.tags:
            tagged[entry.tags[delivery], entry.tags.get(attempt, "")] += 1
