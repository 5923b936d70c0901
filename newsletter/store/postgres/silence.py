"""Whether a server answers at all, as far as this process has heard."""

from __future__ import annotations

import time
from typing import Final

from newsletter.store.hurry import Hurry

#: What needs no work is answered within so many seconds; and within fewer by a server that was
#: found silent, or when this process must end.
ANSWERED: Final = 15.0
HURRIED: Final = 5.0
#: What is said of it.
MUTE: Final = "it does not answer"


class Silence:
    """What the connections of one store know of their server; safe to share between threads.

    Args:
        hurry: whether this process is to stop.
    """

    def __init__(self, hurry: Hurry) -> None:
        self._hurry = hurry
        self._heard, self._asked = 0.0, 0.0

    def heard(self) -> None:
        """It has answered."""
        self._heard = time.monotonic()

    def found(self, asked: float) -> None:
        """It has not answered what was asked then, for as long as that may take."""
        self._asked = max(asked, self._asked)

    def lasts(self) -> bool:
        """Whether it was found silent, and not heard since."""
        return self._heard < self._asked

    def is_final(self) -> bool:
        """Whether it is not even asked any more, because this process ends."""
        return self.lasts() and self._hurry.is_over()

    def allowed(self, seconds: float) -> float:
        """How long an answer is waited for that may take so long."""
        most = HURRIED if self.lasts() else max(HURRIED, self._hurry.left())
        return min(seconds, most)
