"""Figures as charts: which to show of the list and of an issue, and what each of them says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from newsletter.delivery.reputation import BOUNCES, COMPLAINTS
from newsletter.humanize import plural
from newsletter.stats.chart import (
    Chart,
    ChartRow,
    Table,
    area,
    lying,
    parts_of,
    small_multiples,
    svg,
    up_and_down,
)
from newsletter.stats.growth import SIGN, SIGNUPS, Growth, GrowthReason, SignupMonth, net
from newsletter.stats.issues import (
    COLUMNS,
    ENOUGH,
    ERASED,
    IssueReport,
    IssueRow,
    LinkClicks,
    Overview,
    offered,
    percent,
    share,
)
from newsletter.stats.ratings import IssueRatings

#: Domains of fewer recipients are told together.
_FEW: Final = 5
_DOMAINS: Final = 12
_MONTHS: Final = 24
_ISSUES: Final = 30
_HOURS: Final = 48
#: Letters of a link's text beside its bar: a phone has room for these.
_LABEL: Final = 32
_NOT: Final = "not reported"
_PAUSES: Final = f"a run pauses: bounced {BOUNCES * 100:g} %, complained {COMPLAINTS * 100:g} %"
_BLANK: Final = dict.fromkeys(COLUMNS, 0)


def over_time(found: Overview) -> Iterable[Chart]:
    """The list, and its issues."""
    growth = found.growth
    if growth.days:
        yield _size(growth, found.issues)
        yield _months(growth)
    if found.signups:
        yield _signups(found.signups)
    if found.issues:
        yield _issues(found.issues)
    rated = [row for row in found.issues if row.rated is not None]
    if rated:
        yield _rated(rated)


def _size(growth: Growth, issues: Sequence[IssueRow]) -> Chart:
    sizes = growth.sizes()
    first, last = next(iter(sizes)), growth.last
    span = max((last - first).days, 1)
    month = growth.since(last - dt.timedelta(days=30))
    way = "grew by" if month >= 0 else "shrank by"
    source = next(iter(growth.sources), "")
    finding = f"The list {way} {abs(month):,} in 30 days, to {growth.active:,}."
    if source:
        finding += f" Most have joined through “{source}”."
    points = [((day - first).days / span, float(size)) for day, size in sizes.items()]
    ticks = [
        (row.sent_at.date() - first).days / span for row in issues if row.sent_at.date() >= first
    ]
    height, marks = area(
        points if len(points) > 1 else [(0.0, 0.0), *points], ticks, (str(first), str(last))
    )
    heads = ["day", *(change.value for change in GrowthReason), "net", "size"]
    rows = [
        [str(day), *(changes[one] for one in GrowthReason), net(changes), sizes[day]]
        for day, changes in growth.days.items()
    ]
    title = "How many are on the list"
    return Chart(
        key="size", title=title, finding=finding,
        picture=svg("size", title, finding, height, marks),
        legend=[("|", "an issue was sent")] if ticks else [],
        table=Table(name="days", heads=heads, rows=rows),
    )  # fmt: skip


def _months(growth: Growth) -> Chart:
    months, sizes = growth.months(), growth.month_sizes()
    shown = list(months.items())[-_MONTHS:]
    ways = [
        tuple(sum(n for one, n in changes.items() if SIGN[one] == sign) for sign in (1, -1))
        for _, changes in shown
    ]
    (month, _), (up, down) = shown[-1], ways[-1]
    finding = f"In {month:%Y-%m}, {up:,} joined or came back and {down:,} went."
    height, marks = up_and_down(
        "months", [(up, down) for up, down in ways], (f"{shown[0][0]:%Y-%m}", f"{month:%Y-%m}")
    )
    title = "Who came and who went, by month"
    heads = ["month", *(change.value for change in GrowthReason), "net", "size"]
    rows = [
        [f"{month:%Y-%m}", *(changes[one] for one in GrowthReason), net(changes), sizes[month]]
        for month, changes in months.items()
    ]
    return Chart(
        key="months", title=title, finding=finding,
        picture=svg("months", title, finding, height, marks),
        legend=[("■", "joined or came back"), ("▨", "left, suppressed or erased"), ("●", "net")],
        table=Table(name="months", heads=heads, rows=rows),
    )  # fmt: skip


def _signups(months: Sequence[SignupMonth]) -> Chart:
    shown = months[-_MONTHS:]
    asked, confirmed = sum(m.asked for m in months), sum(m.confirmed for m in months)
    part = share(confirmed, asked)
    finding = (
        f"Of {plural(asked, 'reader')} who signed up by the form, {confirmed:,} have confirmed"
        + (f" ({percent(part)})." if part is not None else ".")
    )
    height, marks = parts_of(
        "signups",
        [(m.asked, m.confirmed) for m in shown],
        (f"{shown[0].month:%Y-%m}", f"{shown[-1].month:%Y-%m}"),
    )
    title = "Who signed up, by month"
    return Chart(
        key="signups", title=title, finding=finding,
        picture=svg("signups", title, finding, height, marks),
        legend=[("▨", "asked"), ("■", "of these, confirmed")],
        table=Table(
            name="signups", heads=["month", *SIGNUPS],
            rows=[[f"{m.month:%Y-%m}", *(getattr(m, name) for name in SIGNUPS)] for m in months],
        ),
    )  # fmt: skip


def _issues(issues: Sequence[IssueRow]) -> Chart:
    shown = list(reversed(issues[:_ISSUES]))
    rows = [
        _share_row("delivered", shown, [row.delivered for row in shown]),
        _share_row("bounced", shown, [row.bounced for row in shown], BOUNCES),
        _share_row("complained", shown, [row.complained for row in shown], COMPLAINTS),
        _count_row("left", [row.left for row in shown]),
    ]
    height, marks = small_multiples(rows, (f"issue {shown[0].issue}", f"issue {shown[-1].issue}"))
    last, title = shown[-1], "What became of the issues"
    arrived = _NOT if last.delivered is None else f"{last.delivered:,} of {last.accepted:,} arrived"
    finding = (
        f"Of issue {last.issue}, {arrived}; {plural(last.left, 'reader')} left after it. "
        "Delivered, bounced and complained are shares of the mails accepted."
    )
    heads = [
        "issue", "title", "recipients", "accepted", "refused", "unknown", "skipped", "waiting",
        "delivered", "bounced", "complained", "left",
    ]  # fmt: skip
    numbers = [[getattr(row, head) for head in heads] for row in issues]
    for one in numbers:
        one[0] = str(one[0])
    return Chart(
        key="issues", title=title, finding=finding,
        picture=svg("issues", title, finding, height, marks),
        legend=[("- -", _PAUSES)],
        table=Table(name="issues", heads=heads, rows=numbers),
    )  # fmt: skip


def _share_row(
    label: str,
    issues: Sequence[IssueRow],
    numbers: Sequence[int | None],
    bound: float | None = None,
) -> ChartRow:
    shares = [share(part, row.accepted) for part, row in zip(numbers, issues, strict=True)]
    known = [one for one in shares if one is not None]
    if known:
        last = "too few" if shares[-1] is None else percent(shares[-1], 2)
        words = f"most {percent(max(known), 2)}, last {_NOT if numbers[-1] is None else last}"
    else:
        words = _NOT if set(numbers) == {None} else f"fewer than {ENOUGH} mails"
    return ChartRow(label=label, numbers=shares, words=words, bound=bound)


def _count_row(label: str, numbers: Sequence[int]) -> ChartRow:
    return ChartRow(
        label=label, numbers=numbers, words=f"most {max(numbers):,}, last {numbers[-1]:,}"
    )


def of_issue(found: IssueReport, zone: dt.tzinfo | None) -> Iterable[Chart]:
    """One issue, its hours in a time zone."""
    if found.stats.hours:
        yield _hours(found, zone)
    domains = _shareable(found.stats.domains)
    if domains:
        yield _by_domain(found, domains)
    if found.stats.links:
        yield _by_link(found.stats.links)
    if found.stats.ratings:
        yield _ratings(found.stats.ratings, found.stats.totals["accepted"])


def _hours(found: IssueReport, zone: dt.tzinfo | None) -> Chart:
    stats = found.stats
    start = min(found.sent_at.replace(minute=0, second=0, microsecond=0), *stats.hours)
    hours = [start + dt.timedelta(hours=n) for n in range(_HOURS)]
    while len(hours) > _FEW and hours[-1] not in stats.hours:
        hours.pop()
    rows = []
    for name in ("delivered", "bounced", "unsubscribed"):
        numbers = [stats.hours.get(hour, _BLANK)[name] for hour in hours]
        silent = name in stats.silent
        label = "left" if name == "unsubscribed" else name
        rows.append(
            ChartRow(label=label, numbers=[], words=_NOT) if silent else _count_row(label, numbers)
        )
    local = [hour.astimezone(zone) for hour in (hours[0], hours[-1])]
    height, marks = small_multiples(rows, (f"{local[0]:%Y-%m-%d %H:00}", f"{local[1]:%m-%d %H:00}"))
    title = f"The first {len(hours)} hours"
    within = sum(row["unsubscribed"] for hour, row in stats.hours.items() if hour in hours)
    finding = f"{plural(within, 'reader')} left within {len(hours)} hours."
    if "delivered" not in stats.silent:
        arrived = [(row["delivered"], hour) for hour, row in stats.hours.items()]
        most, when = max(arrived, key=lambda one: one[0])
        finding += f" Most mails, {most:,}, arrived from {when.astimezone(zone):%H:00} on."
    return Chart(
        key="hours", title=title, finding=finding,
        picture=svg("hours", title, finding, height, marks),
        table=Table(
            name="by_hour", heads=["hour", *COLUMNS[1:]],
            rows=[
                [hour.isoformat(), *_known(row, stats.silent, COLUMNS[1:])]
                for hour, row in stats.hours.items()
            ],
        ),
    )  # fmt: skip


def _known(
    row: Mapping[str, int], silent: frozenset[str], names: Sequence[str]
) -> list[int | None]:
    return [None if name in silent else row[name] for name in names]


def _by_domain(found: IssueReport, domains: Mapping[str, Mapping[str, int]]) -> Chart:
    silent = found.stats.silent
    lost = {
        name: row["unsubscribed"] + (0 if "bounced" in silent else row["bounced"])
        for name, row in domains.items()
    }
    shares = {
        name: lost[name] / row["accepted"] for name, row in domains.items() if row["accepted"]
    }
    longest = max(shares.values(), default=0.0) or 1.0
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    bars = [
        (name, shares[name] / longest, f"{lost[name]:,} of {domains[name]['accepted']:,}")
        for name in ranked
    ]
    height, marks = lying(bars)
    what = "left" if "bounced" in silent else "bounced or left"
    title = f"By domain: {what}"
    finding = (
        f"The largest share {what} at {ranked[0]}: {bars[0][2]}."
        if ranked and lost[ranked[0]]
        else f"At no domain has anybody {'left' if what == 'left' else 'bounced or left'}."
    )
    return Chart(
        key="domains", title=title, finding=finding,
        picture=svg("domains", title, finding, height, marks),
        table=Table(
            name="by_domain", heads=["domain", *COLUMNS],
            rows=[[name, *_known(row, silent, COLUMNS)] for name, row in domains.items()],
        ),
    )  # fmt: skip


def _by_link(links: Sequence[LinkClicks]) -> Chart:
    ranked = sorted(links, key=lambda one: (-one.clicks, one.link))
    shown, first = ranked[:_DOMAINS], ranked[0]
    longest = first.clicks or 1
    bars = [
        (f"{one.link}. {_short(one.text or one.url)}", one.clicks / longest, f"{one.clicks:,}")
        for one in shown
    ]
    height, marks = lying(bars)
    title, machines = "How often each link was followed", sum(one.machines for one in links)
    finding = (
        f"Most often, {plural(first.clicks, 'time')}: “{_short(first.text or first.url)}”."
        if first.clicks
        else "No reader has followed a link yet."
    )
    finding += f" Programs followed links {plural(machines, 'time')}." if machines else ""
    heads = ["link", "text", "url", "clicks", "machines"]
    return Chart(
        key="links", title=title, finding=finding,
        picture=svg("links", title, finding, height, marks),
        table=Table(
            name="links", heads=heads,
            rows=[[str(one.link), one.text, one.url, one.clicks, one.machines] for one in links],
        ),
    )  # fmt: skip


def _rated(issues: Sequence[IssueRow]) -> Chart:
    shown = list(reversed(issues[:_ISSUES]))
    last, title = shown[-1], "How readers found the issues"
    finding = (
        f"Of {plural(last.rated or 0, 'reader')} who said how issue {last.issue} was, "
        f"{last.good or 0:,} liked it and {last.bad or 0:,} did not."
    )
    height, marks = up_and_down(
        "rated",
        [(row.good or 0, row.bad or 0) for row in shown],
        (f"issue {shown[0].issue}", f"issue {last.issue}"),
    )
    answers = offered(issues)
    return Chart(
        key="rated", title=title, finding=finding,
        picture=svg("rated", title, finding, height, marks),
        legend=[("■", "good"), ("▨", "bad"), ("●", "the difference")],
        table=Table(
            name="ratings", heads=["issue", *answers],
            rows=[[str(row.issue), *(_asked(getattr(row, one)) for one in answers)]
                  for row in issues],
        ),
    )  # fmt: skip


def _asked(number: int | None) -> int | str:
    return "not asked" if number is None else number


def _ratings(found: IssueRatings, accepted: int) -> Chart:
    longest = max(found.counts.values()) or 1
    bars = [
        (label, found.counts[one] / longest, f"{found.counts[one]:,}")
        for one, label in found.labels.items()
    ]
    height, marks = lying(bars)
    title = "How readers found it"
    finding = f"{found.readers:,} of {plural(accepted, 'reader')} said how it was."
    return Chart(
        key="ratings", title=title, finding=finding,
        picture=svg("ratings", title, finding, height, marks),
        table=Table(
            name="answers", heads=["answer", "label", "readers"],
            rows=[[one, label, found.counts[one]] for one, label in found.labels.items()],
        ),
    )  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 3]}..."


def _shareable(domains: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """The largest domains; the rest, and the small ones, as "others"."""
    found: dict[str, Mapping[str, int]] = {}
    others = dict(_BLANK)
    for name, row in domains.items():
        if len(found) < _DOMAINS and (row["accepted"] >= _FEW and name != ERASED):
            found[name] = row
        else:
            others = {column: others[column] + row[column] for column in COLUMNS}
    return found | ({"others": others} if any(others.values()) else {})
