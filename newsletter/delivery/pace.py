"""Pace: how soon the next mail may leave (GCRA), and what a throttle does to it.

One number, the theoretical arrival time of the next mail, is all the state there is. A mail may
leave when the clock has reached it; leaving pushes it on by 1/rate. There is no burst and no
catching up: a place that was missed is lost. SES drops what comes too fast, it does not queue.
"""

from __future__ import annotations

from typing import Final

#: A server's clock and ours never quite agree; at the full rate one mail in a hundred is refused.
SHARE: Final = 0.95
#: Seconds a place may be missed by; as many of them as fit into SHARE never crowd a second.
LATE: Final = 0.03
#: What a throttle does: nothing leaves for so many seconds, and then so much of what did.
PUSH: Final = 1.0
CUT: Final = 0.5
RECOVERY: Final = 0.05 / 60  # of the full rate, each second
FLOOR: Final = 0.1


class Pace:
    """The pace of one run; whoever shares it between threads holds a lock, and tells the time.

    Args:
        rate: mails a second, above 0.
        now: seconds on a clock that never goes back.
    """

    def __init__(self, rate: float, *, now: float) -> None:
        self._full = rate
        self._rate = rate
        self._next = now
        self._since = now
        self._held = now

    @property
    def rate(self) -> float:
        """Mails a second at the moment."""
        return self._rate

    def reserve(self, *, now: float, mails: int = 1) -> float:
        """Take the next place, for so many mails that leave together.

        Returns:
            When it is, by the same clock as `now`.
        """
        self._recover(now)
        start = max(now, self._next)
        self._next = start + mails / self._rate
        return start

    def change(self, rate: float, *, now: float) -> None:
        """The account's rate is another one; what a throttle has cut stays cut."""
        self._recover(now)
        cut = self._rate < self._full
        self._full = rate
        self._rate = min(self._rate, rate) if cut else rate

    def throttled(self, *, now: float) -> None:
        """The server refused for speed: half the pace, and nothing for a second.

        What is refused while nothing may leave was on its way before: it says nothing new.
        """
        if self.held(now=now):
            return
        self._recover(now)
        self._rate = max(self._full * FLOOR, self._rate * CUT)
        self.hold(PUSH, now=now)

    def hold(self, seconds: float, *, now: float) -> None:
        """Let nothing leave for so many seconds; places taken before are void until then."""
        self._held = max(self._held, now + seconds)
        self._next = max(self._next, self._held)

    def held(self, *, now: float) -> bool:
        """Whether nothing may leave at the moment."""
        return now < self._held

    def _recover(self, now: float) -> None:
        gained = self._full * RECOVERY * max(0.0, now - self._since)
        self._rate = min(self._full, self._rate + gained)
        self._since = max(self._since, now)
