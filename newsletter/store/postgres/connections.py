"""Connections that give up a server which is there and does not answer.

Where a server, or a pooler before it, stands still, its machine acknowledges every packet: TCP sees
nothing wrong, and a client waits for ever. What must be answered at once is waited for a while
only; and once that has found the server silent, so is whatever else waits for it, however long it
may take otherwise. Where nothing else is asked meanwhile, a connection of its own looks.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import ConnectionTimeout

from newsletter.store.postgres.silence import ANSWERED, MUTE, Silence

R = TypeVar("R")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that does not wait for ever.

    Attributes:
        patience: so many seconds each answer may take; None where the work may take any time.
        silence: what all of them know.
        another: makes one more.
    """

    patience: float | None = ANSWERED
    silence: Silence | None = None
    another: Callable[[], PatientConnection]

    def wait(self, gen: PQGen[R], *arguments: Any, **named: Any) -> R:  # noqa: ANN401
        """As the driver waits, and no longer than that."""
        return super().wait(self._bounded(gen), *arguments, **named)

    def _bounded(self, gen: PQGen[R]) -> PQGen[R]:
        asked = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self._is_too_late(asked):  # woken to look around
                    self.pgconn.finish()
                    raise psycopg.OperationalError(MUTE)
                wanted = gen.send(ready)
        except StopIteration as end:
            if self.silence:
                self.silence.heard()
            answer: R = end.value
            return answer

    def _is_too_late(self, asked: float) -> bool:
        if self.silence is None:
            return False
        if self.patience is not None:
            late = time.monotonic() - asked >= self.silence.allowed(self.patience)
            if late:
                self.silence.found(asked)
            return late
        self.silence.doubt(asked, self._look)
        return self.silence.lasts()

    def _look(self) -> None:
        """Hear whether the server answers another connection."""
        # One that is refused has been answered.
        with contextlib.suppress(psycopg.Error), self.another() as other:
            other.execute("SELECT 1")


def connect(silence: Silence, arguments: Any, named: Any) -> PatientConnection:  # noqa: ANN401
    """Make one, as the driver's own `connect` does.

    Raises:
        psycopg.OperationalError: there is no server, or it does not answer.
    """
    asked = time.monotonic()
    if silence.is_final():
        raise psycopg.OperationalError(MUTE)
    try:
        made = PatientConnection.connect(*arguments, **named)
    except ConnectionTimeout as error:
        silence.found(asked)
        raise psycopg.OperationalError(MUTE) from error
    made.silence = silence
    made.another = functools.partial(connect, silence, arguments, named)
    return made
