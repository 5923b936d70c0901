"""Figures as text for people, as CSV for a spreadsheet, as JSON for programs."""

from __future__ import annotations

import csv
import datetime as dt
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self, TextIO

from newsletter.cli.show import table
from newsletter.humanize import duration, plural
from newsletter.stats.glyphs import bar, spark
from newsletter.stats.growth import Change, Growth, net
from newsletter.stats.issues import (
    ENOUGH,
    REPORTED,
    REVIEWED_BOUNCES,
    REVIEWED_COMPLAINTS,
    IssueReport,
    IssueRow,
    LinkClicks,
    Overview,
    percent,
    providers,
    share,
    unusual,
    watch,
)

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
#: Numbers of which a sparkline says something.
_FEWEST: Final = 2
#: Issues of a sparkline.
_LINE: Final = 24
_NOT: Final = "not reported"
#: Columns of a month: several changes are one to people.
_MONTH: Final = {
    "joined": (Change.JOINED,),
    "back": (Change.BACK,),
    "left": (Change.LEFT,),
    "suppressed": (Change.BOUNCED, Change.COMPLAINED, Change.SUPPRESSED),
    "erased": (Change.ERASED,),
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


def as_csv(found: Overview | IssueReport, name: str) -> str:
    """One table as CSV, its names in the first line; what was not reported is empty."""
    rows = _issue_rows(found, name) if isinstance(found, IssueReport) else _all_rows(found, name)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().removesuffix("\n")


def as_dict(found: Overview | IssueReport) -> dict[str, object]:
    """All figures; None is what was not reported."""
    return _issue_dict(found) if isinstance(found, IssueReport) else _overview_dict(found)


def is_silent(found: Overview | IssueReport) -> bool:
    """Whether bounces and complaints were not reported."""
    if isinstance(found, IssueReport):
        return found.stats.silent >= {"bounced", "complained"}
    return any(row.bounced is None for row in found.issues)


def _over_time(found: Overview, name: str, screen: Screen) -> Iterable[str]:
    growth = found.growth
    month, year = (growth.since(growth.last - dt.timedelta(days=days)) for days in (30, 365))
    head = f"{name}: {growth.active:,} active, {month:+,} in 30 days, {year:+,} in 365 days"
    sizes = list(growth.month_sizes().values())[-_SHOWN:]
    head += screen.spark(sizes, f"the last {plural(len(sizes), 'month')}:")
    yield head + f"\n{found.pending:,} pending, {_suppressed(found)}"
    yield _months(growth, screen)
    yield _issues(found.issues, screen) if found.issues else "no issue was sent yet"
    if growth.sources:
        rows = [(f"{number:,}", source) for source, number in growth.sources.items()]
        yield "joined by\n" + table(rows[:_SHOWN], right=frozenset({0}))
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
    left = [one.left for one in reversed(issues[:_LINE])]
    return text + screen.spark(left, f"left, the last {plural(len(left), 'issue')}:", low=0)


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


_CHANGES: Final = tuple(change.value for change in Change)


def _all_rows(found: Overview, name: str) -> Iterable[Sequence[object]]:
    growth = found.growth
    if name == "issues":
        yield list(_row_dict(found.issues[0])) if found.issues else ["issue"]
        yield from (list(_row_dict(row).values()) for row in found.issues)
        return
    by_month = name == "months"
    sizes = growth.month_sizes() if by_month else growth.sizes()
    yield [name.removesuffix("s"), *_CHANGES, "net", "size"]
    for when, changes in (growth.months() if by_month else growth.days).items():
        written = f"{when:%Y-%m}" if by_month else when.isoformat()
        yield [written, *(changes[one] for one in Change), net(changes), sizes[when]]


_LINK: Final = ("link", "text", "url", "clicks", "machines")


def _issue_rows(found: IssueReport, name: str) -> Iterable[Sequence[object]]:
    stats = found.stats
    if name == "links":
        yield _LINK
        yield from ([getattr(one, column) for column in _LINK] for one in stats.links or ())
        return
    rows: Mapping[str, Mapping[str, int]] = stats.domains
    if name == "hours":
        rows = {hour.isoformat(): row for hour, row in stats.hours.items()}
    columns = list(next(iter(rows.values()), ()))
    yield [name.removesuffix("s"), *columns]
    for key, row in rows.items():
        yield [key, *("" if c in stats.silent else row[c] for c in columns)]


def _overview_dict(found: Overview) -> dict[str, object]:
    growth, judged = found.growth, watch(found.issues)
    sizes, month_sizes = growth.sizes(), growth.month_sizes()
    return {
        "active": growth.active,
        "pending": found.pending,
        "suppressed": found.suppressed,
        "change": {
            str(days): growth.since(growth.last - dt.timedelta(days=days)) for days in (30, 365)
        },
        "months": [
            {"month": f"{month:%Y-%m}", **_changes(changes), "size": month_sizes[month]}
            for month, changes in growth.months().items()
        ],
        "days": [
            {"day": day.isoformat(), **_changes(changes), "size": sizes[day]}
            for day, changes in growth.days.items()
        ],
        "sources": growth.sources,
        "issues": [_row_dict(row) for row in found.issues],
        "reputation": asdict(judged)
        | {"reviewed_bounces": REVIEWED_BOUNCES, "reviewed_complaints": REVIEWED_COMPLAINTS}
        if judged
        else None,
    }


def _changes(changes: Mapping[Change, int]) -> dict[str, int]:
    return {change.value: changes[change] for change in Change} | {"net": net(changes)}


def _row_dict(row: IssueRow) -> dict[str, Any]:
    return asdict(row) | {"sent_at": row.sent_at.isoformat(), "bounced": row.bounced}


def _issue_dict(found: IssueReport) -> dict[str, object]:
    stats = found.stats

    def known(row: Mapping[str, int]) -> dict[str, int | None]:
        return {name: None if name in stats.silent else n for name, n in row.items()}

    def rows(key: str, by: Mapping[str, Mapping[str, int]]) -> list[dict[str, object]]:
        return [{key: name, **known(row)} for name, row in by.items()]

    hours = {hour.isoformat(): row for hour, row in stats.hours.items()}
    return {
        "issue": found.issue,
        "started_at": found.sent_at.isoformat(),
        "recipients": sum(stats.funnel.values()),
        **known(stats.totals),
        "funnel": stats.funnel,
        "reported": stats.seen,
        "delayed": stats.delayed,
        "bounces": stats.bounces,
        "complaints": stats.complaints,
        "reasons": stats.reasons,
        "left_by": stats.left,
        "first_accepted": stats.first.isoformat() if stats.first else None,
        "last_accepted": stats.last.isoformat() if stats.last else None,
        "unusual": unusual(found),
        "before": [row.issue for row in found.before],
        "by_domain": rows("domain", stats.domains),
        "by_provider": rows("provider", providers(stats.domains)),
        "by_hour": rows("hour", hours),
        "links": None if stats.links is None else [asdict(one) for one in stats.links],
    }
