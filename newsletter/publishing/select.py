"""Which issues the world may read, and why the others stay out."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from newsletter.issue import Issue
from newsletter.issue.page import PageMatter, page_matter

Include = Literal["sent", "dated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedIssue:
    """An issue with a page.

    Attributes:
        issue: as it is written now: mistakes get mended.
        matter: what its author says about the page.
        published: when it was sent, else the beginning of its date; in the newsletter's zone.
        listed: whether it stands in lists and feeds, and search engines may have it.
    """

    issue: Issue
    matter: PageMatter
    published: dt.datetime
    listed: bool = True

    @property
    def updated(self) -> dt.datetime:
        """When it last changed for its readers."""
        day = self.matter.updated
        if day is None:
            return self.published
        return max(self.published, _begin(day, self.published.tzinfo))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What goes into the archive.

    Attributes:
        issues: those with a page, the newest first.
        excluded: the reasons why others have none, by number.
    """

    issues: tuple[PublishedIssue, ...]
    excluded: Mapping[int, str]

    @property
    def listed(self) -> tuple[PublishedIssue, ...]:
        """Those that stand in lists and feeds, the newest first."""
        return tuple(one for one in self.issues if one.listed)


def select_issues(
    issues: Iterable[Issue],
    sent: Mapping[int, dt.datetime],
    *,
    include: Include,
    today: dt.date,
    zone: ZoneInfo,
    about_to_go: Iterable[int] = (),
) -> Selection:
    """Choose the issues of the archive.

    Args:
        issues: all of the folder's.
        sent: when the real run of an issue was begun, by number.
        include: "sent" here or by an earlier service, or "dated" for all whose date has come.
        today: the author's date.
        zone: the newsletter's.
        about_to_go: numbers of issues that get a page before they are sent, and are in no list.

    Raises:
        InputError: front matter about a page that cannot be read.
    """
    early, chosen, excluded = frozenset(about_to_go), [], {}
    for issue in issues:
        matter = page_matter(issue)
        moment = sent.get(issue.number)
        reason = _unwanted(issue, matter) or _unsent(issue, moment, include, today)
        published = moment.astimezone(zone) if moment else _begin(issue.date or today, zone)
        one = PublishedIssue(issue=issue, matter=matter, published=published)
        if not reason:
            chosen.append(one)
        elif issue.number in early:
            chosen.append(dataclasses.replace(one, listed=False))
        else:
            excluded[issue.number] = reason
    chosen.sort(key=lambda one: (one.published, one.issue.number), reverse=True)
    return Selection(issues=tuple(chosen), excluded=excluded)


def _unwanted(issue: Issue, matter: PageMatter) -> str:
    if matter.wanted == "no":
        return "archive: no"
    if issue.segment and matter.wanted != "yes":
        return "it goes to a segment, and its front matter does not say archive: yes"
    return ""


def _unsent(issue: Issue, moment: dt.datetime | None, include: Include, today: dt.date) -> str:
    if moment is not None:
        return ""
    if issue.status == "draft":
        return "a draft"
    if include == "sent" and not issue.sent_elsewhere:
        return "not sent"
    if issue.date is None:
        return "no date, and not sent"
    return "" if issue.date <= today else f"its date is {issue.date}"


def _begin(day: dt.date, zone: dt.tzinfo | None) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=zone)
