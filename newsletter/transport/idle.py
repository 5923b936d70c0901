"""A clock for connections nobody uses: it goes on while the machine sleeps."""

from __future__ import annotations

import time
from typing import Final

#: Linux's monotonic clock stands still during suspend, and the server's did not; elsewhere the
#: monotonic clock of the system counts sleep.
_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def elapsed_clock() -> float:
    """Seconds that never go back and count suspend as well; only differences mean anything."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
