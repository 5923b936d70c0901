"""Commands for what is still ahead: approve an issue, list the dates of the schedule."""

from __future__ import annotations

import itertools
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.wording import plural

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from newsletter.cli.desk import Desk
    from newsletter.issue import Issue
    from newsletter.schedule import Occurrence, Timetable
    from newsletter.store.letters import Opened

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def approve(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
) -> None:
    """Let the schedule send an issue as it is now; any change afterwards needs it again."""
    from newsletter.cli.desk import open_desk
    from newsletter.cli.sending import expect_fit
    from newsletter.errors import NotFitError

    desk = open_desk()
    opened = desk.letter(issue)
    if opened.issue.status == "draft":
        raise NotFitError(
            f"issue {issue} is a draft",
            place=opened.issue.place("status"),
            hint='write "status: ready" when it is',
        )
    expect_fit(opened)
    if opened.issue.approved == opened.rendered.source_hash:
        result(f"issue {issue} is approved already")
        return
    _write_approval(desk, opened)
    result(f"issue {issue} is approved: {opened.rendered.source_hash}")
    name = shlex.quote(opened.issue.file)
    say(f'hint: git add {name} && git commit -m "Approve issue {issue}" {name}')
    _warn_of_date(desk, opened.issue)


def schedule(
    *,
    number: Annotated[
        int, typer.Option("--next", metavar="K", min=1, max=1000, help="How many dates.")
    ] = 5,
    as_json: AsJson = False,
) -> None:
    """List the next dates, local and UTC, and which issue is there for each."""
    from newsletter.cli.desk import clock, open_desk
    from newsletter.cli.due import issues_of, timetable
    from newsletter.schedule import ahead

    VOICE.json = as_json
    desk = open_desk()
    plan = timetable(desk.settings)
    issues = issues_of(desk)
    dates = list(itertools.islice(ahead(plan, clock()), number))
    rows = [(date, *_there(desk, issues, date.day)) for date in dates]
    if as_json:
        shown = [_as_dict(plan, date, found, state) for date, found, state in rows]
        result_json({"timezone": plan.zone.key, "dates": shown})
    elif rows:
        lines = [_row(plan, date, found, state) for date, found, state in rows]
        result(table([(f"local ({plan.zone.key})", "UTC", "issue", "state"), *lines]))
    else:
        result("the schedule has no date any more")


def _write_approval(desk: Desk, opened: Opened) -> None:
    """Write the line, after reading what comes of it: odd front matter may not take one."""
    from newsletter.errors import InputError
    from newsletter.issue import parse
    from newsletter.issue.approval import approve as with_approval
    from newsletter.store import files

    issue, approval = opened.issue, opened.rendered.source_hash
    data = with_approval(files.read_issue(desk.root, issue.file), approval)
    try:
        after = parse(data, file=issue.file)
    except InputError:
        after = None
    if after is None or (after.approved, after.source_hash) != (approval, issue.source_hash):
        raise InputError(
            "the approval cannot be written into this front matter",
            place=issue.place("approved"),
            hint='write one "key: value" per line there, and take out an older "approved"',
        )
    files.write_atomic(desk.root / issue.file, data)


def _warn_of_date(desk: Desk, issue: Issue) -> None:
    """Say that no schedule would take this issue, where that is so."""
    import datetime as dt

    from newsletter.schedule import dates

    group = desk.settings.schedule
    if not group.rrule or group.anchor is None:
        return
    if issue.date:
        days = dates(group.rrule, group.anchor, after=issue.date - dt.timedelta(days=1))
        if next(days, None) == issue.date:
            return
    say(f"its date, {issue.date or 'none'}, is not in the schedule: only by hand would it go")


def _there(desk: Desk, issues: Iterable[Issue], day: dt.date) -> tuple[Issue | None, str]:
    """The issue of a day and how far it is: drafts count only where nothing else is there."""
    found = [issue for issue in issues if issue.date == day]
    ready = [issue for issue in found if issue.status == "ready"]
    if not found:
        return None, "none"
    if len(ready) > 1:
        return ready[0], f"one of {plural(len(ready), 'issue')} of this date"
    if not ready:
        return found[0], "draft"
    (issue,) = ready
    if not issue.approved:
        return issue, "not approved"
    same = desk.letter_at(issue.file).rendered.source_hash == issue.approved
    return issue, "approved" if same else "changed since approval"


def _row(plan: Timetable, date: Occurrence, issue: Issue | None, state: str) -> tuple[str, ...]:
    local = f"{date.at.astimezone(plan.zone):%a %Y-%m-%d %H:%M}"
    return local, f"{date.at:%Y-%m-%d %H:%M}", str(issue.number) if issue else "-", state


def _as_dict(
    plan: Timetable, date: Occurrence, issue: Issue | None, state: str
) -> dict[str, object]:
    return {
        "date": date.day.isoformat(),
        "local": date.at.astimezone(plan.zone).isoformat(),
        "utc": date.at.isoformat(),
        "issue": issue.number if issue else None,
        "file": issue.file if issue else None,
        "state": state,
        "approved": state == "approved",
    }
