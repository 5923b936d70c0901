"""Commands for what is still ahead: approve or cancel an issue, list the dates of the schedule."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.humanize import plural
from newsletter.schedule.units import Kind

if TYPE_CHECKING:
    from newsletter.cli.desk import Desk
    from newsletter.issue import Issue
    from newsletter.project.issues import Opened
    from newsletter.schedule.outlook import Prospect

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
    if opened.issue.approved == opened.approval:
        result(f"issue {issue} is approved already")
        return
    _write_approval(desk, opened)
    result(f"issue {issue} is approved: {opened.approval}")
    name = shlex.quote(opened.issue.file)
    say(f'hint: git add {name} && git commit -m "Approve issue {issue}" {name}')
    _warn_of_date(desk, opened.issue)


def cancel(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
) -> None:
    """Stop an issue: nothing of it goes by itself any more, and a run at work ends at once."""
    from newsletter.cli.desk import clock, open_desk
    from newsletter.delivery import RunState, State
    from newsletter.errors import RefusedError
    from newsletter.project import files
    from newsletter.store import runs
    from newsletter.store.calendar import Calendar

    desk = open_desk()
    with desk.store(create=False) as store:
        calendar = Calendar(store, rehearsal=desk.rehearses)
        if runs.find(store, issue, rehearsal=desk.rehearses) is None:
            files.find_issue(desk.root, issue)  # a typing error cancels nothing
        before = calendar.cancel(issue, now=clock())
        if before and before.state is RunState.FINISHED:
            raise RefusedError(
                f"issue {issue} has gone already; no mail can be called back",
                hint=f"newsletter status --issue {issue}",
            )
        run = runs.find(store, issue, rehearsal=desk.rehearses)
        assert run is not None
        counts = runs.counts(store, run)
    gone = counts[State.ACCEPTED]
    what = (
        f"{plural(gone, 'mail')} had gone, {counts.left:,} stay" if run.begun else "none had gone"
    )
    result(f"issue {issue} is cancelled; {what}")
    say(f"only by hand does it go on: newsletter send --issue {issue}")


def schedule(
    *,
    number: Annotated[
        int, typer.Option("--next", metavar="K", min=1, max=1000, help="How many dates.")
    ] = 5,
    printed: Annotated[
        Kind | None,
        typer.Option("--print", help="Print what calls `send --due` here, ready to install."),
    ] = None,
    trust_clock: Annotated[
        bool,
        typer.Option("--trust-clock", help="Take this machine's clock as right, put back or not."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the next dates, local and UTC, and which issue is there for each."""
    from newsletter.cli.desk import clock, issues_of, open_desk
    from newsletter.schedule.outlook import moved, outlook
    from newsletter.settings.dates import timetable

    VOICE.json = as_json
    desk = open_desk()
    if printed:
        result(_units(desk, printed))
        return
    if trust_clock:
        _trust(desk)
        return
    issues = issues_of(desk)
    plan = timetable(desk.settings, moved=moved(issues, desk.zone))
    found = outlook(plan, issues, clock(), is_same=_sameness(desk), most=number)
    if as_json:
        result_json({"timezone": plan.zone.key, "dates": [as_dict(one) for one in found]})
    elif found:
        rows = [_row(one) for one in found]
        result(table([(f"local ({plan.zone.key})", "UTC", "issue", "state"), *rows]))
    else:
        result("the schedule has no date any more")


def coming(desk: Desk) -> tuple[Prospect, ...]:
    """The next two dates with their issues; none where the schedule or an issue is not in order."""
    from newsletter.cli.desk import clock, issues_of
    from newsletter.errors import InputError
    from newsletter.schedule.outlook import moved, outlook
    from newsletter.settings.dates import timetable

    if not desk.settings.schedule.rrule:
        return ()
    try:
        issues = issues_of(desk)
        plan = timetable(desk.settings, moved=moved(issues, desk.zone))
        return outlook(plan, issues, clock(), is_same=_sameness(desk), most=2)
    except InputError:
        return ()


def _sameness(desk: Desk) -> Callable[[Issue], bool]:
    return lambda issue: desk.letter_at(issue.file).approval == issue.approved


def _units(desk: Desk, kind: Kind) -> str:
    """What makes this machine call `send --due` in this folder, with this very program."""
    import shutil
    import sys
    from pathlib import Path

    from newsletter.project import git
    from newsletter.schedule.units import Place, units

    beside = Path(sys.executable).with_name("newsletter")
    program = str(beside if beside.exists() else shutil.which("newsletter") or "newsletter")
    tracked = git.state(desk.root, "newsletter.toml") != "no git"
    found = shutil.which("git") if tracked else None
    place = Place(folder=str(desk.root), program=program, git=found or "")
    return units(kind, place).rstrip("\n")


def _trust(desk: Desk) -> None:
    """Believe the clock from now on."""
    from newsletter.cli.desk import clock
    from newsletter.store.calendar import Calendar

    now = clock()
    with desk.store(create=False) as store:
        opened = Calendar(store, rehearsal=desk.rehearses).trust(now)
    result(f"the clock is taken as right: {now:%Y-%m-%d %H:%M:%S} UTC")
    if opened:
        say(f"{plural(opened, 'date')} still ahead had been noted as missed and may be used again")


def _write_approval(desk: Desk, opened: Opened) -> None:
    """Write the line, after reading what comes of it: odd front matter may not take one."""
    from newsletter.errors import InputError
    from newsletter.issue import parse
    from newsletter.issue.approval import approve as with_approval
    from newsletter.project import files

    issue, approval = opened.issue, opened.approval
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
    """Say when it would go, or that no schedule would take it."""
    from newsletter.schedule.outlook import appointment, day_of, moved
    from newsletter.settings.dates import timetable

    if not desk.settings.schedule.rrule:
        return
    plan = timetable(desk.settings, moved=moved([issue], desk.zone))
    found = appointment(plan, issue)
    if found is None:
        day = day_of(issue, plan.zone) or "none"
        say(f"its date, {day}, is not in the schedule: only by hand would it go")
    else:
        local = f"{found.at.astimezone(plan.zone):%a %Y-%m-%d %H:%M}"
        say(f"it is due on {local} ({plan.zone.key}), {found.at:%Y-%m-%d %H:%M} UTC")


def _row(one: Prospect) -> tuple[str, ...]:
    number = str(one.issue.number) if one.issue else "-"
    return one.when, f"{one.occurrence.at:%Y-%m-%d %H:%M}", number, one.standing.value


def as_dict(one: Prospect) -> dict[str, object]:
    """One date as JSON."""
    return {
        "date": one.occurrence.day.isoformat(),
        "local": one.occurrence.at.astimezone(one.zone).isoformat(),
        "utc": one.occurrence.at.isoformat(),
        "issue": one.issue.number if one.issue else None,
        "file": one.issue.file if one.issue else None,
        "state": one.standing.value,
        "approved": one.standing.value == "approved",
    }
