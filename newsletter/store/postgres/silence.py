"""Whether a server answers at all, as far as this process has heard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from newsletter.store.hurry import Hurry

#: What needs no work is answered within so many seconds; and within fewer by a server that was
#: found silent, or when this process must end.
ANSWERED: Final = 15.0
HURRIED: Final = 5.0
#: What may take any time is doubted after so many seconds in which nothing was heard.
DOUBTED: Final = 10.0
#: What is said of it.
MUTE: Final = "it does not answer"


class Silence:
    """What the connections of one store know of their server; safe to share between threads.

    Args:
        hurry: whether this process is to stop.
    """

    def __init__(self, hurry: Hurry) -> None:
        self._hurry = hurry
        self._heard, self._asked, self._looked = 0.0, 0.0, 0.0
        #: One looks at a time.
        self._looking = threading.Lock()

    def heard(self) -> None:
        """It has answered."""
        self._heard = time.monotonic()

    def found(self, asked: float) -> None:
        """It has not answered what was asked then, for as long as that may take."""
        self._asked = max(asked, self._asked)

    def doubt(self, asked: float, look: Callable[[], object]) -> None:
        """What may take any time was asked then: look whether the server answers at all.

        That is done on a thread of its own, where nothing has been heard for a while, neither by
        this connection nor by another.

        Args:
            asked: when.
            look: asks the server something else, and says here what it found.
        """
        if time.monotonic() - max(asked, self._heard, self._looked) < DOUBTED:
            return
        if self._looking.acquire(blocking=False):
            threading.Thread(target=self._look, args=(look,), daemon=True).start()

    def _look(self, look: Callable[[], object]) -> None:
        try:
            look()
        finally:
            self._looked = time.monotonic()
            self._looking.release()

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
