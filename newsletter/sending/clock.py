"""Whose clock is wrong, where a schedule depends on it: that of the records decides, if any."""

from __future__ import annotations

import datetime as dt
from typing import Final

from newsletter import clocks
from newsletter.errors import RefusedError
from newsletter.humanize import duration
from newsletter.store.calendar import Calendar

#: So far a machine's clock may be off. What one notes that is ahead, others find in the future.
_APART: Final = dt.timedelta(minutes=5)


def refuse_wrong_clock(calendar: Calendar) -> None:
    """Refuse to decide anything by a clock that is not that of the records' server.

    Raises:
        RefusedError: this machine's clock is off by more than a few minutes; nothing was noted.
    """
    ahead = calendar.ahead(clocks.now())
    if abs(ahead) > _APART:
        way = "ahead of" if ahead > dt.timedelta() else "behind"
        raise RefusedError(
            f"this machine's clock is {duration(abs(ahead).total_seconds())} {way} the database's",
            hint="set it right by the network: timedatectl set-ntp true; until then nothing is "
            "sent or noted from here",
        )


def went_back(far: dt.timedelta, *, on_server: bool) -> RefusedError:
    """The fault of a trigger that comes before one that was noted.

    Args:
        far: how long before.
        on_server: whether the records' own clock says that this one is right.
    """
    told = duration(far.total_seconds())
    if on_server:
        return RefusedError(
            f"a machine whose clock was {told} ahead has called before; this one's is right",
            hint="set that one's right, then take this one's time for all: "
            "newsletter schedule --trust-clock",
        )
    return RefusedError(
        f"the clock of this machine was put back by {told}",
        hint="set it right; where it is right now, and was wrong before: "
        "newsletter schedule --trust-clock",
    )
