"""How the list grew: what the log says of one address, told as comings and goings.

    size of a day = size of the day before + joined + back - left - suppressed - erased

The size of the last day is counted, not added up; the days before follow from it backwards, so
that what older records do not tell lies before the first of them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from newsletter.audience import Status


class GrowthReason(StrEnum):
    """Why one person more, or fewer, would get an issue."""

    JOINED = "joined"
    BACK = "back"  # had left, or was suppressed
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"  # for another reason, such as the author's
    ERASED = "erased"


#: What each of them does to the size of the list.
SIGN: Final = {
    change: 1 if change in {GrowthReason.JOINED, GrowthReason.BACK} else -1
    for change in GrowthReason
}

#: The log's word for a suppression that was lifted later; its source is the reason.
LIFTED: Final = "suppressed"

#: Who moves leaves with one address and joins with another.
_LEAVES: Final = frozenset({"unsubscribed", "moved"})
_RETURNS: Final = frozenset({"allowed", "came back"})
_REASONS: Final = {
    "bounced": GrowthReason.BOUNCED,
    "soft bounces": GrowthReason.BOUNCED,
    "complained": GrowthReason.COMPLAINED,
    "unsubscribed": GrowthReason.LEFT,
    "erased": GrowthReason.ERASED,
}


class LogEntry(NamedTuple):
    """One line of the consent log, or a suppression, whose source is the reason."""

    at: dt.datetime
    event: str
    source: str


class ListChange(NamedTuple):
    """One person came or went; the source is the log's, or the reason of a suppression."""

    at: dt.datetime
    change: GrowthReason
    source: str


def steps(log: Iterable[LogEntry]) -> Iterator[ListChange]:
    """Tell when one address came to the list and left it.

    Args:
        log: all there is about one address, oldest first; other events change nothing.
    """
    status: Status | None = None
    suppressed = seen = on = False
    form = ""
    for entry in log:
        event, why, source = entry.event, GrowthReason.LEFT, entry.source
        if event == "asked":
            form = entry.source
        elif event == "imported":
            status = Status.ACTIVE
        elif event == "confirmed":
            status, suppressed = Status.ACTIVE, False
            source, form = form or source, ""  # the form tells more than the page of the button
        elif event == "imported pending":
            status = status or Status.PENDING
        elif event in _LEAVES:
            status = Status.UNSUBSCRIBED
        elif event == "erased":
            status, why = None, GrowthReason.ERASED
        elif event == LIFTED:
            suppressed, why = True, _REASONS.get(entry.source, GrowthReason.SUPPRESSED)
        elif event in _RETURNS:
            suppressed = False
            status = Status.ACTIVE if status is Status.UNSUBSCRIBED else status
        was, on = on, status is Status.ACTIVE and not suppressed
        if on and not was:
            yield ListChange(entry.at, GrowthReason.BACK if seen else GrowthReason.JOINED, source)
            seen = True
        elif was and not on:
            yield ListChange(entry.at, why, entry.source)


class Growth(NamedTuple):
    """The list over time.

    Attributes:
        active: how many would get an issue for everybody, on the last day.
        last: that day.
        days: comings and goings of each day that has any, in order.
        sources: how many joined, by how they agreed, the most first.
    """

    active: int
    last: dt.date
    days: Mapping[dt.date, Mapping[GrowthReason, int]]
    sources: Mapping[str, int]

    def sizes(self) -> dict[dt.date, int]:
        """The size at the end of each day with a change, and of the last day, in order."""
        found, size = {self.last: self.active}, self.active
        for day, changes in reversed(list(self.days.items())):
            found[day] = size
            size -= net(changes)
        return dict(sorted(found.items()))

    def since(self, day: dt.date) -> int:
        """How much the list grew from the beginning of a day on."""
        return sum(net(changes) for this, changes in self.days.items() if this >= day)

    def months(self) -> dict[dt.date, Mapping[GrowthReason, int]]:
        """Comings and goings by month (its first day), from the first change to now.

        Months without any are there too.
        """
        if not self.days:
            return {}
        first, found = min(self.days).replace(day=1), dict[dt.date, Counter[GrowthReason]]()
        while first <= self.last:
            found[first] = Counter()
            first = (first + dt.timedelta(days=31)).replace(day=1)
        for day, changes in self.days.items():
            found[day.replace(day=1)].update(changes)
        return dict(sorted(found.items()))

    def month_sizes(self) -> dict[dt.date, int]:
        """The size at the end of each of these months, and now."""
        size, found = self.active, dict[dt.date, int]()
        for month, changes in reversed(list(self.months().items())):
            found[month] = size
            size -= net(changes)
        return dict(reversed(found.items()))


#: What is told of the sign-ups of a month.
SIGNUPS: Final = ("asked", "confirmed", "refused", "unanswered", "waiting")


class SignupMonth(NamedTuple):
    """Who signed up by the form in a month (UTC), by what has come of it since.

    Attributes:
        month: its first day.
        confirmed: pressed the button of the confirmation mail.
        refused: said that it was not them.
        unanswered: did neither within thirty days.
        waiting: may yet do either.
    """

    month: dt.date
    confirmed: int = 0
    refused: int = 0
    unanswered: int = 0
    waiting: int = 0

    @property
    def asked(self) -> int:
        """All of them."""
        return self.confirmed + self.refused + self.unanswered + self.waiting


def net(changes: Mapping[GrowthReason, int]) -> int:
    """How much comings and goings change the size of the list."""
    return sum(SIGN[change] * number for change, number in changes.items())


def grown(told: Iterable[ListChange], *, active: int, now: dt.datetime) -> Growth:
    """Add up comings and goings, by days in the time zone of `now`."""
    days: dict[dt.date, Counter[GrowthReason]] = {}
    sources = Counter[str]()
    for at, change, source in told:
        days.setdefault(at.astimezone(now.tzinfo).date(), Counter())[change] += 1
        if change is GrowthReason.JOINED:
            sources[source] += 1
    return Growth(
        active=active,
        last=max(now.date(), *days) if days else now.date(),
        days=dict(sorted(days.items())),
        sources=dict(sorted(sources.items(), key=lambda one: (-one[1], one[0]))),
    )
