"""Whether this process was told to stop: it waits no longer than that allows for a server then."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

#: How long after the wish to stop what is known is still offered to records that are away; seconds.
STOPPING: Final = 30.0
#: How long after it any answer is waited for: a mail server's alone may take a minute.
_ENDED: Final = 65.0


class Hurry:
    """Hears of the wish to stop, whoever asks; safe to share between threads."""

    def __init__(self) -> None:
        self._stopped: Callable[[], bool] = lambda: False
        self._since: float | None = None

    def heed(self, stopped: Callable[[], bool]) -> None:
        """From now on ask this one whether to stop."""
        self._stopped = stopped

    def begun(self) -> bool:
        """Whether to stop."""
        if self._since is None and self._stopped():
            self._since = time.monotonic()
        return self._since is not None

    def is_over(self) -> bool:
        """Whether that was so long ago that nothing is waited for any more."""
        return self.begun() and time.monotonic() - (self._since or 0.0) >= STOPPING

    def left(self) -> float:
        """For how many seconds more an answer is waited for; without end until then."""
        if not self.begun() or self._since is None:
            return math.inf
        return max(0.0, self._since + _ENDED - time.monotonic())
