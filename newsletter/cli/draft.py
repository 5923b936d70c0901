"""The file of a new issue: its number, slug, date and front matter."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from typing import TYPE_CHECKING

from newsletter import clocks
from newsletter.errors import InputError
from newsletter.issue import number_of, parse
from newsletter.project import files
from newsletter.schedule import next_free
from newsletter.schedule.outlook import day_of
from newsletter.settings.dates import timetable
from newsletter.slugs import slug

if TYPE_CHECKING:
    from newsletter.project import Project

_SLUG = 60


def start(project: Project, title: str) -> tuple[str, str]:
    """The path and the text of the next issue.

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
    text = _text(title, number, _date(project, names))
    _expect_readable(text, name)
    return name, text


def _slug(title: str) -> str:
    words = slug(title)[:_SLUG].strip("-")
    return f"-{words}" if words else ""


def _date(project: Project, names: tuple[str, ...]) -> dt.date:
    """The next date of the schedule that no issue has, or today without a schedule."""
    schedule, today = project.settings.schedule, project.today(clocks.now())
    if not schedule.rrule or schedule.anchor is None:
        return today
    table = timetable(project.settings)
    issues = (parse(files.read_issue(project.root, name), file=name) for name in names)
    taken = frozenset(day for issue in issues if (day := day_of(issue, table.zone)))
    return next_free(table, clocks.now(), taken=taken) or today


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
