"""Figures as text for people."""

from __future__ import annotations

import datetime as dt
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self, TextIO

from newsletter.cli.show import table
from newsletter.humanize import duration, plural
from newsletter.stats.glyphs import bar, spark
from newsletter.stats.growth import SIGNUPS, Growth, GrowthReason, SignupMonth, net
from newsletter.stats.issues import (
    ENOUGH,
    REPORTED,
    IssueReport,
    IssueRow,
    LinkClicks,
    Overview,
    offered,
    percent,
    providers,
    share,
    unusual,
    watch,
)
from newsletter.stats.ratings import IssueRatings

#: Domains, hours and months shown; --json has them all.
_SHOWN: Final = 12
_BAR: Final = 16
#: How wide the numbers of an issue are, and at least its subject.
_NUMBERS: Final = 60
_SUBJECT: Final = 24
#: The same of a month and of the totals of an issue.
_MONTHS: Final = 62
_TOTALS: Final = 40
#: The same of a link.
_CLICKS: Final = 24
#: The same of an answer.
_ANSWER: Final = 18
#: Numbers of which a sparkline says something.
_FEWEST: Final = 2
#: Issues of a sparkline.
_LINE: Final = 24
_NOT: Final = "not reported"
#: Columns of a month: several changes are one to people.
_MONTH: Final = {
    "joined": (GrowthReason.JOINED,),
    "back": (GrowthReason.BACK,),
    "left": (GrowthReason.LEFT,),
    "suppressed": (GrowthReason.BOUNCED, GrowthReason.COMPLAINED, GrowthReason.SUPPRESSED),
    "erased": (GrowthReason.ERASED,),
}


@dataclass(frozen=True, slots=True)
class Screen:
    """Where text is read.

    Attributes:
        columns: how wide a line may be; in a pipe as wide as it comes.
        draws: whether bars and sparklines are wanted, which a pipe has no use for.
        plain: whether they must do without block characters.
    """

    columns: int = 1000
    draws: bool = False
    plain: bool = False

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Self:
        """What a stream of this process can show."""
        if not stream.isatty():
            return cls()
        encoding = (stream.encoding or "").lower().replace("-", "")
        return cls(
            columns=shutil.get_terminal_size().columns,
            draws=True,
            plain=environ.get("TERM") == "dumb" or encoding != "utf8",
        )

    def bar(self, number: int, most: int, *, used: int) -> str:
        """A bar in what a line has left; "" where that is nothing."""
        width = min(_BAR, self.columns - used)
        return bar(number, most, width, plain=self.plain) if self.draws and width > 1 else ""

    def spark(self, numbers: Sequence[int], what: str, *, low: int | None = None) -> str:
        """A line of its own with both ends labelled; "" where there is nothing to see."""
        if not self.draws or len(numbers) < _FEWEST:
            return ""
        line = spark(numbers, plain=self.plain, low=low)
        return f"\n{what} {numbers[0]:,} {line} {numbers[-1]:,}"


def as_text(found: Overview | IssueReport, name: str, screen: Screen) -> str:
    """Tables for people.

    Args:
        found: the figures.
        name: the newsletter's.
        screen: where they are read.
    """
    if isinstance(found, IssueReport):
        blocks = _of_issue(found, screen)
    else:
        blocks = _over_time(found, name, screen)
    return "\n\n".join(block for block in blocks if block)


def is_silent(found: Overview | IssueReport) -> bool:
    """Whether bounces and complaints of mails that were accepted were not reported."""
    if isinstance(found, IssueReport):
        accepted = found.stats.totals["accepted"]
        return accepted > 0 and found.stats.silent >= {"bounced", "complained"}
    return any(row.accepted and row.bounced is None for row in found.issues)


def _over_time(found: Overview, name: str, screen: Screen) -> Iterable[str]:
    growth = found.growth
    month, year = (growth.since(growth.last - dt.timedelta(days=days)) for days in (30, 365))
    head = f"{name}: {growth.active:,} active, {month:+,} in 30 days, {year:+,} in 365 days"
    sizes = list(growth.month_sizes().values())[-_SHOWN:]
    head += screen.spark(sizes, f"the last {plural(len(sizes), 'month')}:")
    yield head + f"\n{found.pending:,} pending, {_suppressed(found)}"
    yield _months(growth, screen)
    yield _issues(found.issues, screen) if found.issues else "no issue was sent yet"
    yield _rated([row for row in found.issues if row.rated is not None], screen)
    if growth.sources:
        rows = [(f"{number:,}", source) for source, number in growth.sources.items()]
        yield "joined by\n" + table(rows[:_SHOWN], right=frozenset({0}))
    yield _signups(found.signups)
    if found.issues:
        judged = watch(found.issues)
        yield "reputation: " + (judged.finding if judged else _NOT)


def _suppressed(found: Overview) -> str:
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in found.suppressed.items())
    return f"{sum(found.suppressed.values()):,} suppressed" + (f": {reasons}" if reasons else "")


def _months(growth: Growth, screen: Screen) -> str:
    months = list(growth.months().items())[-_SHOWN:]
    if not months:
        return ""
    sizes, most = growth.month_sizes(), max(growth.month_sizes().values())
    rows = [("month", *_MONTH, "net", "size", "")] + [
        (
            f"{month:%Y-%m}",
            *(f"{sum(changes[one] for one in some):,}" for some in _MONTH.values()),
            f"{net(changes):+,}",
            f"{sizes[month]:,}",
            screen.bar(sizes[month], most, used=_MONTHS),
        )
        for month, changes in months
    ]
    rows = _without_zeros(rows)
    return table(rows, right=frozenset(range(1, len(rows[0]) - 1)))


def _without_zeros(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Leave out the columns in which nobody is."""
    kept = [
        i for i, name in enumerate(rows[0]) if name == "" or {row[i] for row in rows[1:]} != {"0"}
    ]
    return [tuple(row[i] for i in kept) for row in rows]


def _signups(months: Sequence[SignupMonth]) -> str:
    if not months:
        return ""
    rows = [
        (
            f"{m.month:%Y-%m}",
            *(f"{getattr(m, name):,}" for name in SIGNUPS),
            _told(m.confirmed, m.asked),
        )
        for m in months[-_SHOWN:]
    ]
    rows = _without_zeros([("sign-ups", *SIGNUPS, ""), *rows])
    return table(rows, right=frozenset(range(1, len(rows[0]))))


def _issues(issues: Sequence[IssueRow], screen: Screen) -> str:
    wide = screen.columns - _NUMBERS
    titles = wide >= _SUBJECT
    rows = [
        (
            "issue",
            "accepted",
            "delivered",
            "bounced",
            "complained",
            "left",
            "subject" if titles else "",
        )
    ]
    for one in issues:
        known = share(one.delivered, one.accepted)
        rows.append((
            str(one.issue), f"{one.accepted:,}",
            _number(one.delivered) if known is None else percent(known),
            _number(one.bounced), _number(one.complained), f"{one.left:,}",
            _cut(one.title, wide) if titles else "",
        ))  # fmt: skip
    text = table(rows, right=frozenset(range(6)))
    if None in {one.bounced for one in issues}:
        text += "\n-: not reported"
    unknown = [f"{one.unknown:,} of issue {one.issue}" for one in issues if one.unknown]
    if unknown:
        told = f"unknown whether they arrived: {', '.join(unknown)}"
        text += "\n" + textwrap.fill(told, max(screen.columns, _NUMBERS), subsequent_indent="  ")
    left = [one.left for one in reversed(issues[:_LINE])]
    return text + screen.spark(left, f"left, the last {plural(len(left), 'issue')}:", low=0)


def _rated(issues: Sequence[IssueRow], screen: Screen) -> str:
    """What readers said, of the issues that asked them."""
    if not issues:
        return ""
    answers = offered(issues)
    rows: list[tuple[str, ...]] = [
        (
            str(one.issue),
            *(_number(getattr(one, answer)) for answer in answers),
            _number(one.rated),
            _told(one.good, one.rated or 0),
        )
        for one in issues[:_SHOWN]
    ]
    heads = ("issue", *answers, "rated", "")
    text = table([heads, *rows], right=frozenset(range(len(heads))))
    good = [one.good or 0 for one in reversed(issues[:_LINE])]
    return text + screen.spark(good, f"good, the last {plural(len(good), 'issue')}:", low=0)


def _ratings(found: IssueRatings | None, accepted: int, screen: Screen) -> str:
    """How readers found an issue, and what they wrote; nobody's name is known here."""
    if found is None:
        return ""
    whole = found.readers
    rows = [
        (label, f"{found.counts[one]:,}", _told(found.counts[one], whole),
         screen.bar(found.counts[one], whole, used=_ANSWER + max(map(len, found.labels.values()))))
        for one, label in found.labels.items()
    ]  # fmt: skip
    lines = [f"rated by {whole:,} of {plural(accepted, 'reader')}"]
    lines.append(table(rows, right=frozenset({1, 2})))
    for one in found.words[:_SHOWN]:
        said = f"{found.labels[one.answer]}: {' '.join(one.text.split())}"
        lines += textwrap.wrap(
            said, max(screen.columns - 2, _NUMBERS), initial_indent="  ", subsequent_indent="    "
        )
    if len(found.words) > _SHOWN:
        lines.append(f"  ... and {len(found.words) - _SHOWN:,} more: --json has them all")
    return "\n".join(lines)


def _of_issue(found: IssueReport, screen: Screen) -> Iterable[str]:
    stats, accepted = found.stats, found.stats.totals["accepted"]
    rows = [
        (name, _NOT if name in stats.silent else f"{number:,}",
         _told(None if name in {*stats.silent, "accepted"} else number, accepted),
         "" if name in stats.silent else screen.bar(number, accepted, used=_TOTALS))
        for name, number in stats.totals.items()
    ]  # fmt: skip
    lines = [table(rows, right=frozenset({1, 2}))]
    for title, kinds in (("bounced", stats.bounces), ("complained", stats.complaints)):
        lines += [f"  {title} {n:,}: {kind or 'no kind given'}" for kind, n in kinds.items()]
    lines += [f"  delayed for a while: {stats.delayed:,}"] if stats.delayed else []
    lines += [f"  left {number:,}: {how}" for how, number in stats.left.items()]
    yield "\n".join(lines)
    yield "\n".join(_rest(found))
    yield "\n".join(unusual(found))
    yield _part("domain", stats.domains, screen, without=stats.silent)
    yield _part("provider", providers(stats.domains), screen, without=stats.silent)
    yield _links(stats.links, screen)
    yield _ratings(stats.ratings, accepted, screen)
    hours = {f"{hour:%Y-%m-%d %H:00}": row for hour, row in stats.hours.items()}
    yield _part("hour (UTC)", hours, screen, without=stats.silent)


def _rest(found: IssueReport) -> Iterable[str]:
    stats = found.stats
    places = {k: n for k, n in stats.funnel.items() if n and k not in {*REPORTED, "unreported"}}
    recipients = plural(sum(stats.funnel.values()), "recipient")
    yield f"{recipients}, " + ", ".join(
        [f"{stats.totals['accepted']:,} accepted", *(f"{n:,} {name}" for name, n in places.items())]
    )
    for state, reasons in stats.reasons.items():
        yield from (f"  {state} {number:,}: {why}" for why, number in reasons.items())
    accepted = stats.totals["accepted"]
    if stats.first and stats.last:
        seconds = (stats.last - stats.first).total_seconds()
        yield f"accepted within {duration(seconds)}, from {stats.first:%Y-%m-%d %H:%M} UTC"
    if stats.seen and accepted:
        yield f"something is reported of {stats.seen:,} of {accepted:,}" + (
            f" ({percent(stats.seen / accepted)})" if accepted >= ENOUGH else ""
        )


def _part(
    title: str, rows: Mapping[str, Mapping[str, int]], screen: Screen, *, without: frozenset[str]
) -> str:
    if not rows:
        return ""
    names = [name for name in next(iter(rows.values())) if name not in without]
    heads = ["left" if name == "unsubscribed" else name for name in names]
    width = max(screen.columns - sum(len(head) + 2 for head in heads), len(title))
    shown = [(_cut(key, width), *(f"{row[name]:,}" for name in names)) for key, row in rows.items()]
    text = table([(title, *heads), *shown[:_SHOWN]], right=frozenset(range(1, len(names) + 1)))
    if len(shown) > _SHOWN:
        text += f"\n... and {len(shown) - _SHOWN:,} more: --json has them all"
    return text


def _links(links: Sequence[LinkClicks] | None, screen: Screen) -> str:
    if links is None:
        return "clicks: not counted"
    ranked = sorted(links, key=lambda one: (-one.clicks, one.link))[:_SHOWN]
    width = max(screen.columns - _CLICKS, len("leads to"))
    rows = [
        (str(one.link), f"{one.clicks:,}", f"{one.machines:,}", _cut(one.text or one.url, width))
        for one in ranked
    ]
    text = table([("link", "clicks", "machines", "text"), *rows], right=frozenset({0, 1, 2}))
    if len(links) > _SHOWN:
        text += f"\n... and {len(links) - _SHOWN:,} more: --json has them all"
    return text


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _told(part: int | None, whole: int) -> str:
    found = share(part, whole)
    return "" if found is None else percent(found)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
