"""The clocks of this machine: the time of day, and the one by which a connection is idle.

The latter goes on while the machine is suspended. `time.monotonic` stands still then on Linux, so
that a connection of before the suspend would pass for one just used, though its server closed it
hours ago.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

#: Absent where the system has no such clock; there the monotonic one has to serve.
_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> dt.datetime:
    """Now, in UTC: what is decided by the time of day asks here, so that a test can set it."""
    return dt.datetime.now(dt.UTC)


def seconds() -> float:
    """Seconds since some fixed moment, those of a suspend included where the system counts them."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
