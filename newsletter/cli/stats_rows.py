"""Figures as CSV for a spreadsheet, and as JSON for programs."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from newsletter.stats.growth import SIGNUPS, GrowthReason, SignupMonth, net
from newsletter.stats.issues import (
    REVIEWED_BOUNCES,
    REVIEWED_COMPLAINTS,
    IssueReport,
    IssueRow,
    Overview,
    providers,
    unusual,
    watch,
)
from newsletter.stats.ratings import IssueRatings


def as_csv(found: Overview | IssueReport, name: str) -> str:
    """One table as CSV, its names in the first line; what was not reported is empty."""
    rows = _issue_rows(found, name) if isinstance(found, IssueReport) else _all_rows(found, name)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().removesuffix("\n")


def as_dict(found: Overview | IssueReport) -> dict[str, object]:
    """All figures; None is what was not reported."""
    return _issue_dict(found) if isinstance(found, IssueReport) else _overview_dict(found)


_CHANGES: Final = tuple(change.value for change in GrowthReason)


def _all_rows(found: Overview, name: str) -> Iterable[Sequence[object]]:
    growth = found.growth
    if name == "issues":
        yield list(_row_dict(found.issues[0])) if found.issues else ["issue"]
        yield from (list(_row_dict(row).values()) for row in found.issues)
        return
    if name == "signups":
        yield ["month", *SIGNUPS]
        yield from (list(_signup_dict(one).values()) for one in found.signups)
        return
    by_month = name == "months"
    sizes = growth.month_sizes() if by_month else growth.sizes()
    yield [name.removesuffix("s"), *_CHANGES, "net", "size"]
    for when, changes in (growth.months() if by_month else growth.days).items():
        written = f"{when:%Y-%m}" if by_month else when.isoformat()
        yield [written, *(changes[one] for one in GrowthReason), net(changes), sizes[when]]


_RATING: Final = ("answer", "label", "readers")


def _answers(found: IssueRatings | None) -> list[dict[str, object]]:
    if found is None:
        return []
    rows = ((one, label, found.counts[one]) for one, label in found.labels.items())
    return [dict(zip(_RATING, row, strict=True)) for row in rows]


_LINK: Final = ("link", "text", "url", "clicks", "machines")


def _issue_rows(found: IssueReport, name: str) -> Iterable[Sequence[object]]:
    stats = found.stats
    if name == "links":
        yield _LINK
        yield from ([getattr(one, column) for column in _LINK] for one in stats.links or ())
        return
    if name == "ratings":
        yield _RATING
        yield from (list(row.values()) for row in _answers(stats.ratings))
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
        "signups": [_signup_dict(one) for one in found.signups],
        "issues": [_row_dict(row) for row in found.issues],
        "reputation": asdict(judged)
        | {"reviewed_bounces": REVIEWED_BOUNCES, "reviewed_complaints": REVIEWED_COMPLAINTS}
        if judged
        else None,
    }


def _signup_dict(one: SignupMonth) -> dict[str, object]:
    return {"month": f"{one.month:%Y-%m}"} | {name: getattr(one, name) for name in SIGNUPS}


def _changes(changes: Mapping[GrowthReason, int]) -> dict[str, int]:
    return {change.value: changes[change] for change in GrowthReason} | {"net": net(changes)}


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
        "ratings": None
        if stats.ratings is None
        else {
            "readers": stats.ratings.readers,
            "answers": _answers(stats.ratings),
            "words": [asdict(one) for one in stats.ratings.words],
        },
    }
