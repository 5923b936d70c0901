"""The figures of issues: shares that mean something, and what is unusual about one of them.

A share is told of 50 mails or more, and only of what was measured.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from newsletter.delivery.reputation import BOUNCES, COMPLAINTS
from newsletter.humanize import plural
from newsletter.render import ANSWERS
from newsletter.stats.growth import Growth, SignupMonth
from newsletter.stats.ratings import IssueRatings

#: Whose address is gone.
ERASED: Final = "(erased)"
COLUMNS: Final = ("accepted", "delivered", "bounced", "complained", "unsubscribed")
#: Of these only reports of the provider tell.
REPORTED: Final = ("delivered", "bounced", "complained")
#: Every delivery is in exactly one of these, under the strongest thing that is known of it.
FUNNEL: Final = (
    "delivered", "bounced", "complained", "unreported", "refused", "unknown", "assumed", "skipped",
    "waiting",
)  # fmt: skip

#: Shares of fewer mails say little.
ENOUGH: Final = 50
#: How many issues one is compared with, and how few are too few.
COMPARED: Final = 10
_FEWEST: Final = 3
#: Where Amazon SES reviews an account.
REVIEWED_BOUNCES: Final = 0.05
REVIEWED_COMPLAINTS: Final = 0.001
_WATCHED: Final = 10_000

#: Addresses of one mailbox provider that go by several domains.
_PROVIDERS: Final = {
    domain: name
    for name, domains in {
        "Gmail": "gmail.com googlemail.com",
        "Outlook": "outlook.com hotmail.com live.com msn.com hotmail.co.uk hotmail.fr outlook.de",
        "Yahoo": "yahoo.com aol.com ymail.com yahoo.co.uk yahoo.de yahoo.fr rocketmail.com",
        "iCloud": "icloud.com me.com mac.com",
        "GMX": "gmx.de gmx.net gmx.at gmx.ch gmx.com web.de",
        "Proton": "proton.me protonmail.com pm.me",
    }.items()
    for domain in domains.split()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClicks:
    """How often a link was followed.

    Attributes:
        link: its number in the mail, from 1.
        url: where it leads.
        text: what readers see.
        clicks: as by readers.
        machines: as by programs that look for harm in mails, or show what is behind a link.
    """

    link: int
    url: str
    text: str
    clicks: int
    machines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The numbers of one run.

    Attributes:
        silent: columns of which nothing was reported about it; their zeros mean nothing.
        totals: by column; every column, zeros too.
        funnel: deliveries by where they stand; they add up to the recipients.
        seen: accepted deliveries with any report.
        bounces: by kind, such as "permanent/general".
        complaints: by kind, such as "abuse".
        delayed: deliveries that were put off at least once.
        reasons: why some were refused or skipped, by state.
        left: how people left, by source.
        domains: by recipient domain, the largest first, each by column.
        hours: by hour (UTC, its beginning), each by column but "accepted".
        first: when the first mail was accepted, None when none was.
        last: when the last one was.
        links: its links in their order, None where none is counted.
        ratings: what readers said of it, None where they were not asked.
    """

    silent: frozenset[str]
    totals: Mapping[str, int]
    funnel: Mapping[str, int]
    seen: int
    bounces: Mapping[str, int]
    complaints: Mapping[str, int]
    delayed: int
    reasons: Mapping[str, Mapping[str, int]]
    left: Mapping[str, int]
    domains: Mapping[str, Mapping[str, int]]
    hours: Mapping[dt.datetime, Mapping[str, int]]
    first: dt.datetime | None
    last: dt.datetime | None
    links: tuple[LinkClicks, ...] | None = None
    ratings: IssueRatings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRow:
    """One issue among others; None is what was not reported.

    Attributes:
        sent_at: when its run began.
        recipients: frozen with it.
        accepted: by the provider; refused, unknown (also assumed), skipped and waiting make up
            the rest of the recipients.
        seen: accepted ones with any report.
        hard: bounced for good, and not held back by the provider itself.
        soft: bounced otherwise.
        complained: marked as spam.
        weighing: complaints that weigh on the sender's reputation.
        left: who left after it and before the next.
        good, fine, bad: readers who chose that answer; None where it was not asked for.
    """

    issue: int
    title: str
    sent_at: dt.datetime
    recipients: int
    accepted: int
    refused: int
    unknown: int
    skipped: int
    waiting: int
    seen: int
    delivered: int | None
    hard: int | None
    soft: int | None
    complained: int | None
    weighing: int | None
    left: int
    good: int | None = None
    fine: int | None = None
    bad: int | None = None

    @property
    def rated(self) -> int | None:
        """How many have said how it was, None where nobody was asked."""
        known = [one for one in (self.good, self.fine, self.bad) if one is not None]
        return sum(known) if known else None

    @property
    def bounced(self) -> int | None:
        """For good or not."""
        return None if self.hard is None or self.soft is None else self.hard + self.soft


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedIssues:
    """What the provider would judge by: the newest issues, of 10,000 accepted mails or more.

    Attributes:
        issues: the first and the last of them.
        accepted: their mails.
        bounced: of these, for good.
        complained: of these, marked as spam.
    """

    issues: tuple[int, int]
    accepted: int
    bounced: int
    complained: int

    @property
    def finding(self) -> str:
        """How that stands to the bounds, in a sentence."""
        bounced, complained = f"{self.bounced:,} bounced", plural(self.complained, "complaint")
        mails = plural(self.accepted, "mail")
        if self.accepted < ENOUGH:
            return f"of the last {mails} {bounced} for good; {complained}"
        bounces, complaints = self.bounced / self.accepted, self.complained / self.accepted
        return (
            f"of the last {mails} {bounced} for good, {_against(bounces, BOUNCES)}; "
            f"{complained}, {_against(complaints, COMPLAINTS)}, where a run pauses"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The newsletter over time.

    Attributes:
        pending: who have not confirmed yet.
        suppressed: addresses never mailed, by reason, the most first.
        issues: the newest first.
        signups: by month, oldest first; months without any are left out.
    """

    growth: Growth
    pending: int
    suppressed: Mapping[str, int]
    issues: tuple[IssueRow, ...]
    signups: tuple[SignupMonth, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueReport:
    """One issue, and those it is compared with.

    Attributes:
        sent_at: when its run began.
        transport: its kind, such as "ses".
        stats: its numbers.
        before: the ten issues before it, the newest first.
    """

    issue: int
    sent_at: dt.datetime
    transport: str
    stats: Stats
    before: tuple[IssueRow, ...]


def offered(rows: Iterable[IssueRow]) -> tuple[str, ...]:
    """The answers that readers could choose from in any of some issues, the best first."""
    found = list(rows)
    return tuple(one for one in ANSWERS if any(getattr(row, one) is not None for row in found))


def _against(value: float, bound: float) -> str:
    way = "above" if value >= bound else "below"
    return f"{percent(value, 2)}, {way} {bound * 100:g} %"


def silent(seen: int, delivered: int) -> frozenset[str]:
    """Columns that nothing was reported of; bounces can be reported without deliveries."""
    if not seen:
        return frozenset(REPORTED)
    return frozenset() if delivered else frozenset({"delivered"})


def share(part: int | None, whole: int) -> float | None:
    """A part of a whole, None where it was not measured or the whole is too small to tell."""
    return None if part is None or whole < ENOUGH else part / whole


def percent(value: float, digits: int = 1) -> str:
    """A share as people read it ("99.1 %"); only a whole is 100 %, and only nothing is 0 %."""
    scale = 10.0**digits
    shown = round(value * 100 * scale) / scale
    if 0 < value < 1:
        shown = min(max(shown, 1 / scale), 100 - 1 / scale)
    return f"{shown:.{digits}f} %"


def providers(domains: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """The numbers of domains, added up by mailbox provider, the largest first."""
    found: dict[str, dict[str, int]] = {}
    for domain, row in domains.items():
        name = domain if domain == ERASED else _PROVIDERS.get(domain, "other")
        total = found.setdefault(name, dict.fromkeys(COLUMNS, 0))
        for column, number in row.items():
            total[column] += number
    return dict(sorted(found.items(), key=lambda one: (-one[1]["accepted"], one[0])))


def watch(rows: Iterable[IssueRow]) -> JudgedIssues | None:
    """What the provider would judge by, None where nothing was reported.

    Args:
        rows: the newest first.
    """
    taken: list[IssueRow] = []
    for row in rows:
        if row.hard is None or row.weighing is None:
            continue
        taken.append(row)
        if sum(one.accepted for one in taken) >= _WATCHED:
            break
    if not taken:
        return None
    return JudgedIssues(
        issues=(taken[-1].issue, taken[0].issue),
        accepted=sum(row.accepted for row in taken),
        bounced=sum(row.hard or 0 for row in taken),
        complained=sum(row.weighing or 0 for row in taken),
    )


def unusual(report: IssueReport) -> tuple[str, ...]:
    """What lies outside the range of the issues before, each in a sentence.

    Fewer than three before it say nothing.
    """
    stats, before = report.stats, report.before
    accepted, found = stats.totals["accepted"], list[str]()
    for name, column in _JUDGED.items():
        mine = None if name in stats.silent else share(stats.totals[name], accepted)
        others = [share(getattr(row, column), row.accepted) for row in before]
        known = [one for one in others if one is not None]
        if mine is None or len(known) < _FEWEST or min(known) <= mine <= max(known):
            continue
        more = "more" if mine > max(known) else "fewer"
        found.append(
            f"{more} {name} than in any of the {len(known)} issues before: "
            f"{percent(mine, 2)}, usually {percent(median(known), 2)}"
        )
    return tuple(found)


#: What is compared, and its column in the rows of other issues.
_JUDGED: Final = {
    "delivered": "delivered",
    "bounced": "bounced",
    "complained": "complained",
    "unsubscribed": "left",
}
