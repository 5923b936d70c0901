"""The file of a new issue: its number, slug, date and front matter."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter import clocks
from newsletter.errors import InputError, NewsletterError
from newsletter.issue import number_of, parse
from newsletter.project import files
from newsletter.schedule.outlook import free_day
from newsletter.settings.dates import timetable
from newsletter.slugs import slug

if TYPE_CHECKING:
    from newsletter.project import Project

_SLUG = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIssue:
    """The file of an issue to write in.

    Attributes:
        name: its path in the newsletter's folder.
        text: its front matter, and a mark where the words go.
        number: the next one.
        day: its date.
        why: where that comes from, such as "the next free date of the schedule".
        scheduled: whether the schedule sends it on that day, once it is approved.
    """

    name: str
    text: str
    number: int
    day: dt.date
    why: str
    scheduled: bool


def start(project: Project, title: str) -> NewIssue:
    """The next issue.

    Raises:
        InputError: a title that is empty or cannot stand in a mail, or an issue that cannot be
            read.
    """
    # Only these: a no-break space in a title is meant.
    title = re.sub(r"[ \t\r\n]+", " ", title).strip(" ")
    if not title:
        raise InputError("the title is empty", hint='newsletter new "A title"')
    names = files.issue_files(project.root)
    number = max((number_of(name) or 0 for name in names), default=0) + 1
    name = f"{files.ISSUES}/{number:03d}{_slug(title)}.md"
    free, why = _free_day(project, names)
    day = free or project.today(clocks.now())
    text = _text(title, number, day)
    _expect_readable(text, name)
    return NewIssue(
        name=name, text=text, number=number, day=day, why=why, scheduled=free is not None
    )


def _slug(title: str) -> str:
    words = slug(title)[:_SLUG].strip("-")
    return f"-{words}" if words else ""


def _free_day(project: Project, names: tuple[str, ...]) -> tuple[dt.date | None, str]:
    """The next date of the schedule that no issue has, None for today; and why that."""
    if not project.settings.schedule.rrule:
        return None, "today, for there is no schedule"
    from newsletter.sending.closed import closed_by_ledger, closed_here

    table = timetable(project.settings)
    issues = (parse(files.read_issue(project.root, name), file=name) for name in names)
    try:
        closed = closed_here(project)
    except NewsletterError:
        closed = closed_by_ledger(project)  # one taken date too many; its author sees the date
    free = free_day(table, issues, clocks.now(), closed=closed)
    ended = "today, for the schedule has no date any more"
    return free, "the next free date of the schedule" if free else ended


def _expect_readable(text: str, name: str) -> None:
    try:
        parse(text.encode(), file=name)
    except (InputError, UnicodeEncodeError) as error:
        raise InputError(
            "this title cannot be written in a mail",
            cause=error.message if isinstance(error, InputError) else "it is not UTF-8",
            hint="leave out control characters and pieces like =?...?=",
        ) from error


def _text(title: str, number: int, day: dt.date) -> str:
    # Titles are read with HTML entities decoded; what looks like one here is meant as it stands.
    if html.unescape(title) != title:
        title = title.replace("&", "&amp;")
    # JSON's strings are YAML's double-quoted ones, so any title is safe.
    return (
        "---\n"
        f"title: {json.dumps(title, ensure_ascii=False)}\n"
        f"date: {day}\n"
        f"number: {number}\n"
        'preheader: ""\n'
        "status: draft\n"
        "---\n\n"
        "TK\n"
    )
