"""How often what is deferred is tried before a run gives it up for a person to decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from newsletter.delivery import Attempt

#: How often a delivery that is deferred is tried by one command, or by one who leads.
MOST_TRIES: Final = 5


@dataclass(slots=True)
class Tries:
    """How often all that was deferred has been tried: each time begins when nothing is queued.

    A time in which nobody was reached does not count: it told nothing about any recipient, and how
    long that may go on, the breaker knows. One in which only others have sent does.
    """

    begun: int = 1
    reached: bool | None = None

    def hear(self, attempt: Attempt) -> None:
        """Hear what came of one try."""
        self.reached = bool(self.reached) or attempt.outcome.reached

    def begin(self) -> bool:
        """Whether there is another time, which begins then."""
        counts = self.reached is not False
        if counts and self.begun == MOST_TRIES:
            return False
        self.begun, self.reached = self.begun + counts, None
        return True
