"""The pace of several machines that share an account: its state is a row of the records."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from newsletter.delivery.pace import LATE, PUSH, Pace
from newsletter.errors import UnreachableError
from newsletter.store.database import Backend

#: So many seconds' places are taken at once, where each mail has a request of its own.
_AHEAD: Final = 0.05


class SharedPace(Pace):
    """A pace whose places are given out by the records; see `Pace`.

    While the records are away nothing can be claimed, so that no pace matters either.

    Args:
        rate: mails a second, of all machines together.
        backend: the records, on a server: they give the places out.
        account: its name there.
        now: seconds on a clock that never goes back.
        clock: the same clock.
    """

    def __init__(
        self,
        rate: float,
        backend: Backend,
        account: str,
        *,
        now: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(rate, now=now)
        self._backend, self._account, self._clock = backend, account, clock
        self._taken: deque[float] = deque()

    def reserve(self, *, now: float, mails: int = 1) -> float:
        """Take the next place, where mails may leave now; one that was missed is lost."""
        while mails == 1 and self._taken:
            place = self._taken.popleft()
            if place >= now - LATE:
                return place
        number = mails if mails > 1 else max(1, math.ceil(self._rate * _AHEAD))
        try:
            wait, self._rate = self._backend.take_places(self._account, number, self._full)
        except UnreachableError:
            return super().reserve(now=now, mails=mails)
        first = self._clock() + wait
        if mails == 1:
            self._taken.extend(first + n / self._rate for n in range(1, number))
        return first

    def change(self, rate: float, *, now: float) -> None:  # noqa: ARG002  # as in Pace
        """The account's rate is another one; the records hear of it with the next place."""
        self._full = rate

    def throttled(self, *, now: float) -> None:
        """The server refused for speed: half the pace of all, and nothing for a second."""
        if self.held(now=now):
            return
        self._taken.clear()
        try:
            self._backend.cut_pace(self._account)
        except UnreachableError:
            super().throttled(now=now)
            return
        self.hold(PUSH, now=now)
