"""`newsletter stats`: the list and its issues over time, or what happened to one of them."""

from __future__ import annotations

import datetime as dt
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.cli.usage import refuse_together
from newsletter.errors import InputError

if TYPE_CHECKING:
    from newsletter.project import Project
    from newsletter.stats.issues import IssueReport, Overview
    from newsletter.store import Store


#: What to do where nothing is reported, by the transport.
_WAY_OUT: Final = {
    "ses": "no event about this is on record; newsletter events pull fetches them from "
    "transport.ses.events_queue (docs/feedback.md)",
    "smtp": "a mail server reports nothing: bounces come to the sender's mailbox; note them with "
    "newsletter subscribers suppress FILE|ADDR --reason bounced",
}


class CsvTable(StrEnum):
    """The tables that can be had as CSV; the last four are one issue's."""

    DAYS = "days"
    MONTHS = "months"
    ISSUES = "issues"
    SIGNUPS = "signups"
    DOMAINS = "domains"
    HOURS = "hours"
    LINKS = "links"
    RATINGS = "ratings"


_OF_ONE: Final = frozenset({CsvTable.DOMAINS, CsvTable.HOURS, CsvTable.LINKS, CsvTable.RATINGS})


def stats(
    *,
    issue: Annotated[
        int | None, typer.Option(metavar="N", help="What happened to this issue.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Leave out what was before this day.")
    ] = None,
    csv: Annotated[
        CsvTable | None,
        typer.Option(
            "--csv",
            metavar="TABLE",
            help="One table as CSV: days, months, issues, signups; "
            "with --issue domains, hours, links, ratings.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with pictures; - is stdout.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show how the list grew and what became of the issues, or of one of them."""
    from newsletter.cli import stats_rows, stats_tables
    from newsletter.cli.context import open_project, open_store

    VOICE.json = as_json
    refuse_together([("--csv", csv is not None), ("--html", html is not None), ("--json", as_json)])
    _expect_sense(issue, since, csv)
    first_day = None if since is None else _day(since)
    project = open_project()
    transport: str = project.settings.transport.kind
    found: Overview | IssueReport
    with open_store(project, create=False, read_only=True) as store:
        if issue is None:
            found = _overview(project, store, first_day)
        else:
            found = _of_issue(project, store, issue)
            transport = found.transport
    if as_json:
        result_json(stats_rows.as_dict(found))
    elif html:
        _write_page(project, found, html)
    elif csv:
        result(stats_rows.as_csv(found, csv.value))
    else:
        screen = stats_tables.Screen.of(sys.stdout, os.environ)
        result(stats_tables.as_text(found, project.settings.site.name, screen))
        if stats_tables.is_silent(found) and transport in _WAY_OUT:
            say(f"hint: {_WAY_OUT[transport]}")
        if issue is not None and (campaign := _campaign(project, found, issue)):
            say(f"hint: the statistics of your own site have clicks by utm_campaign={campaign}")


def _campaign(project: Project, found: Overview | IssueReport, issue: int) -> str:
    """By what web statistics know an issue whose links are not counted, "" where they cannot."""
    from newsletter.stats.issues import IssueReport

    utm = project.settings.utm
    counted = isinstance(found, IssueReport) and found.stats.links is not None
    if counted or not utm.enabled or "{slug}" in utm.campaign:
        return ""
    return utm.campaign.replace("{number}", str(issue))


def _write_page(project: Project, found: Overview | IssueReport, file: Path) -> None:
    from newsletter.cli.context import from_directory
    from newsletter.project.files import write_atomic
    from newsletter.stats.page import page

    whole = page(found, project.settings.site.name, now=_now(project))
    if str(file) == "-":
        result(whole.removesuffix("\n"))
        return
    path = from_directory(file)
    write_atomic(path, whole.encode())
    result(str(path))


def _now(project: Project) -> dt.datetime:
    """Now, in the newsletter's time zone, whose days and hours are meant."""
    from zoneinfo import ZoneInfo

    return clocks.now().astimezone(ZoneInfo(project.settings.site.timezone))


def _expect_sense(issue: int | None, since: str | None, csv: CsvTable | None) -> None:
    if issue is not None and since is not None:
        raise InputError("--since and --issue do not go together", hint="leave out one of them")
    if csv and (csv in _OF_ONE) is not (issue is not None):
        way = "say which: --issue N" if csv in _OF_ONE else "leave --issue out"
        whose = "one issue" if csv in _OF_ONE else "all issues"
        raise InputError(f"--csv {csv.value} is about {whose}", hint=way)


def _day(text: str) -> dt.date:
    from newsletter import moments

    try:
        return moments.day(text)
    except ValueError as error:
        raise InputError(
            f"--since {text} is not a day between 1970 and 2200", hint="write it as 2026-11-22"
        ) from error


def _overview(project: Project, store: Store, since: dt.date | None) -> Overview:
    from newsletter.store.agreement import all_forgotten
    from newsletter.store.history import overview

    for number, what in all_forgotten(project.root, store).items():
        say(f"warning: issue {number}: {what}")
    return overview(store, now=_now(project), since=since)


def _of_issue(project: Project, store: Store, issue: int) -> IssueReport:
    from newsletter.project.files import find_issue
    from newsletter.store import history, runs
    from newsletter.store.agreement import forgotten

    run = runs.find(store, issue, rehearsal=False)
    more = forgotten(project.root, store, issue)
    if run is None and more:
        raise InputError(more, hint="restore newer records")
    if run is None:
        find_issue(project.root, issue)
    if run is None or not run.begun:
        ways = (
            f"newsletter status --issue {issue} tells of a rehearsal; docs/going-live.md says how "
            "to send for real"
        )
        raise InputError(
            f"issue {issue} was not sent yet; a rehearsal has no figures",
            hint=ways if project.rehearses else f"newsletter send --issue {issue}",
        )
    if more:
        say(f"warning: {more}")
    return history.of_issue(store, run)
