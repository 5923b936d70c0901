"""When a run must stop by itself: for one answer that everybody would get, or for too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from newsletter.delivery import Effect, Outcome, Pause, Result, Stop

_IN_A_ROW: Final = 5
_REFUSED_SHARE: Final = 0.02
_UNKNOWN_SHARE: Final = 0.01
_UNKNOWN_MOST: Final = 25
#: How an answer stops a run at once; the others let it go on.
_STOPS: Final = {
    Effect.ABORT: Pause.ACCOUNT,
    Effect.REJECT: Pause.MALFORMED,
    Effect.STOP: Pause.QUOTA,
    Effect.PAUSE: Pause.BREAKER,
}
#: Shares say nothing about a handful of mails.
_ENOUGH: Final = 100
#: How long it is tried while nothing can be reached; ten minutes.
UNREACHABLE_SECONDS: Final = 600.0


@dataclass(slots=True)
class Breaker:
    """Counts the answers of one run and says when to stop.

    Attributes:
        total: recipients of the run, for the shares.
        batch: mails in one request at most; two lost answers are borne, of whatever size.
    """

    total: int
    batch: int = 1
    refused: int = 0
    in_a_row: int = 0
    unknown: int = 0
    unreachable_since: float | None = None

    def hear(self, outcome: Outcome, *, now: float) -> Stop | None:
        """Count one answer; why the run must stop, or None to go on.

        Args:
            outcome: the answer.
            now: seconds on a clock that never goes back.
        """
        if outcome.effect is Effect.OURS or outcome.effect is Effect.ONE_BY_ONE:
            # No refusal of the provider's that is this one's; what is asked again is heard again.
            return None
        refused = outcome.result is Result.REFUSED
        self.in_a_row = self.in_a_row + 1 if refused else 0
        self.refused += refused
        self.unknown += outcome.result is Result.UNKNOWN
        if outcome.effect is not Effect.BACK_OFF:
            self.unreachable_since = None
        elif self.unreachable_since is None:
            self.unreachable_since = now
        if outcome.effect in _STOPS:
            return Stop(_STOPS[outcome.effect], outcome.reason)
        if outcome.result is Result.NOT_SENT:
            return Stop(Pause.ACCOUNT, outcome.reason)
        return self._too_much(outcome, now)

    def _too_much(self, outcome: Outcome, now: float) -> Stop | None:
        most = max(self.total, _ENOUGH)
        if self.in_a_row >= _IN_A_ROW:
            return Stop(Pause.BREAKER, f"{self.in_a_row} mails in a row were refused")
        if self.refused > most * _REFUSED_SHARE:
            return Stop(Pause.BREAKER, f"{self.refused} mails were refused, over 2 %")
        borne = 2 * self.batch if self.batch > 1 else 0
        if self.unknown > max(min(_UNKNOWN_MOST, most * _UNKNOWN_SHARE), borne):
            return Stop(Pause.BREAKER, f"{self.unknown} outcomes are unknown")
        since = self.unreachable_since
        if since is not None and now - since >= UNREACHABLE_SECONDS:
            reason = f"nothing could be reached for ten minutes: {outcome.reason}"
            return Stop(Pause.NETWORK, reason)
        return None
