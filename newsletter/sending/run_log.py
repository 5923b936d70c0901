"""The log of one run: a file of JSON lines in `runs/` beside the store, without any address.

What was accepted is counted now and then; everything else has a line of its own, by the delivery's
position. The records are the truth; the log tells how it came about, and in which order.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from newsletter.delivery import Attempt, Delivery, Outcome, Result
from newsletter.project import private
from newsletter.project.disk import unwritten

FOLDER: Final = "runs"
#: How often the counts so far are noted.
_SECONDS: Final = 10.0


class RunLog:
    """One run's log, open; each line is flushed to the system as it is written.

    Args:
        folder: where the store is.
        name: what the file's name ends in, such as "74-ses".
        clock: tells the time, in UTC.

    Raises:
        InputError: the folder cannot be written.
        PausedError: the disk is full.
    """

    def __init__(self, folder: Path, name: str, clock: Callable[[], dt.datetime]) -> None:
        self._clock = clock
        stamp = f"{clock():%Y-%m-%dT%H-%M-%SZ}"
        self.path = folder / FOLDER / f"{stamp}-{name}-{os.getpid()}.jsonl"
        self._seen: Counter[str] = Counter()
        self._noted = time.monotonic()
        try:
            private.make_folder(self.path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            handle = os.open(self.path, flags, private.FILE)
            self._stream = os.fdopen(handle, "a", encoding="utf-8", buffering=1)
        except OSError as error:
            hint = "make the folder writable for this user"
            message = "the log of this run cannot be written"
            raise unwritten(self.path, error, message, hint=hint) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            # Its words may come from anywhere, so only its kind is kept.
            self.note("failed", error=type(error).__name__)
        # A full disk has its say where the records are written, and the log none.
        with contextlib.suppress(OSError):
            self._stream.close()
            if not self.path.stat().st_size:
                self.path.unlink()

    def note(self, event: str, **facts: object) -> None:
        """Write one line: the time, the event and its facts, which never hold an address."""
        line = {"at": self._clock().isoformat(), "event": event, **facts}
        try:
            self._stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        except OSError:
            # A full disk stops the run where the records are written; the log has no say in it.
            return

    def settled(self, attempt: Attempt) -> None:
        """Hear one settled attempt."""
        outcome = attempt.outcome
        self._seen[outcome.result.value] += 1
        now = time.monotonic()
        if now - self._noted >= _SECONDS:
            self._noted = now
            self.note("progress", outcomes=dict(sorted(self._seen.items())))
        if outcome.result is not Result.ACCEPTED:
            self.note(
                "outcome",
                position=attempt.position,
                attempt=attempt.number,
                result=outcome.result,
                reason=outcome.reason,
                effect=outcome.effect,
            )

    def unrecorded(self, delivery: Delivery, outcome: Outcome) -> None:
        """Keep what the records could not be told."""
        self.note(
            "unrecorded",
            position=delivery.position,
            attempt=delivery.attempt,
            result=outcome.result,
            message_id=outcome.message_id,
            reason=outcome.reason,
        )
