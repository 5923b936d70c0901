"""The dates of a schedule: a recurrence rule counted from an anchor, in local days."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator

from dateutil.rrule import rrulestr


def dates(rule: str, anchor: dt.date, *, after: dt.date) -> Iterator[dt.date]:
    """The local days of a rule after a day, without end unless the rule has one.

    Args:
        rule: an RFC 5545 recurrence rule, such as "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO".
        anchor: one of the days, from which intervals count.
        after: the first day given is later than this one.
    """
    start = dt.datetime.combine(anchor, dt.time())
    days = rrulestr(rule, dtstart=start).xafter(dt.datetime.combine(after, dt.time()))
    return (day.date() for day in days)


def next_free(
    rule: str, anchor: dt.date, *, after: dt.date, taken: frozenset[dt.date]
) -> dt.date | None:
    """The first day after `after` that no issue has yet; None when the rule has ended."""
    # Nobody has a thousand issues waiting; a rule without end must not hang.
    days = itertools.islice(dates(rule, anchor, after=after), 1000)
    return next((day for day in days if day not in taken), None)
