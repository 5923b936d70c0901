"""When a run must stop by itself, though every single answer was allowed to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from newsletter.outbox import Effect, Outcome, Result

_IN_A_ROW: Final = 5
_REFUSED_SHARE: Final = 0.02
_UNKNOWN_SHARE: Final = 0.01
_UNKNOWN_MOST: Final = 25
#: Shares say nothing about a handful of mails.
_ENOUGH: Final = 100
_UNREACHABLE_SECONDS: Final = 600.0


@dataclass(slots=True)
class Breaker:
    """Counts the answers of one run and says when to stop.

    Attributes:
        total: recipients of the run, for the shares.
    """

    total: int
    refused: int = 0
    in_a_row: int = 0
    unknown: int = 0
    unreachable_since: float | None = None

    def hear(self, outcome: Outcome, *, now: float) -> str:
        """Count one answer; why the run must stop, or "" to go on.

        Args:
            outcome: the answer.
            now: seconds on a clock that never goes back.
        """
        refused = outcome.result is Result.REFUSED
        self.in_a_row = self.in_a_row + 1 if refused else 0
        self.refused += refused
        self.unknown += outcome.result is Result.UNKNOWN
        if outcome.effect is not Effect.BACK_OFF:
            self.unreachable_since = None
        elif self.unreachable_since is None:
            self.unreachable_since = now
        return self._reason(now)

    def _reason(self, now: float) -> str:
        most = max(self.total, _ENOUGH)
        if self.in_a_row >= _IN_A_ROW:
            return f"{self.in_a_row} mails in a row were refused"
        if self.refused > most * _REFUSED_SHARE:
            return f"{self.refused} mails were refused, over 2 %"
        if self.unknown > min(_UNKNOWN_MOST, most * _UNKNOWN_SHARE):
            return f"{self.unknown} outcomes are unknown"
        since = self.unreachable_since
        if since is not None and now - since >= _UNREACHABLE_SECONDS:
            return "nothing could be reached for ten minutes"
        return ""
