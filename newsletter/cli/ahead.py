"""Commands for what is still ahead: approve or cancel an issue, list the dates of the schedule."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.errors import InputError, RefusedError
from newsletter.humanize import plural
from newsletter.schedule.units import TIMERS, TriggerKind

if TYPE_CHECKING:
    from newsletter.delivery import Counts, Run
    from newsletter.issue import Issue
    from newsletter.project import Project
    from newsletter.schedule import Occurrence, Timetable
    from newsletter.schedule.outlook import IssueStanding, Prospect
    from newsletter.store import Store

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def approve(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Approve it although no schedule would send it.")
    ] = False,
) -> None:
    """Let the schedule send an issue as it is now; any change afterwards needs it again."""
    from newsletter.cli.context import open_project
    from newsletter.cli.write import findings_shown, say_findings
    from newsletter.sending.approve import approve_issue

    project = open_project()
    with findings_shown():
        found = approve_issue(project, issue, now=clocks.now(), anyway=anyway)
    say_findings(found.findings)
    if found.before:
        result(f"issue {issue} is approved already")
    else:
        result(f"issue {issue} is approved: {found.approval}")
        name = shlex.quote(found.issue.file)
        say(f'hint: git add {name} && git commit -m "Approve issue {issue}" {name}')
    if isinstance(found.due, RefusedError):
        say(f"warning: {found.due}")
    else:
        if project.rehearses:
            origin = project.settings.origin("transport.kind")
            say(f'warning: transport.kind is "folder" ({origin}), so it will only be rehearsed; '
                'for real mails set "smtp" or "ses"')  # fmt: skip
        local = f"{found.due.at.astimezone(project.zone):%a %Y-%m-%d %H:%M}"
        say(f"it is due on {local} ({project.zone.key}), {found.due.at:%Y-%m-%d %H:%M} UTC; "
            "a timer must run newsletter send --due --yes then")  # fmt: skip
        say(f"hint: {TIMERS}")


def cancel(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
) -> None:
    """Cancel an issue: no schedule sends it any more, and a send in progress stops at once."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.sending.cancel import cancel_issue

    project = open_project()
    with open_store(project, create=False) as store:
        found = cancel_issue(project, store, issue, now=clocks.now())
    result(f"issue {issue} is cancelled; {_gone(found.run, found.counts, found.forgotten)}")
    if found.rehearsal:
        say("its rehearsal is stopped, too")
    anew = "to send it after all, once the transport is another" if project.rehearses else ""
    say(f"no schedule sends it any more, approved again or not; {anew or 'to send it after all'}, "
        f"by hand: newsletter send --issue {issue}")  # fmt: skip


def _gone(run: Run, counts: Counts, forgotten: str) -> str:
    """What had gone when an issue was cancelled, as far as that is known."""
    from newsletter.delivery import State

    doubtful = counts[State.CLAIMED] + counts[State.UNKNOWN]
    parts = [f"{plural(counts[State.ACCEPTED] + counts[State.ASSUMED], 'mail')} had gone"]
    parts += [f"{doubtful:,} may have gone"] if doubtful else []
    parts += [f"{counts.left:,} stay"]
    if not run.begun:
        parts = [] if forgotten else ["no mail had been sent"]
    return ", ".join([*parts, *([forgotten] if forgotten else [])])


def schedule(
    *,
    number: Annotated[
        int, typer.Option("--next", metavar="K", min=1, max=1000, help="How many dates.")
    ] = 5,
    printed: Annotated[
        TriggerKind | None,
        typer.Option("--print", help="Print what calls `send --due --yes` here, ready to install."),
    ] = None,
    trust_clock: Annotated[
        bool,
        typer.Option("--trust-clock", help="Take this machine's clock as right, put back or not."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the next dates, local and UTC, and which issue is there for each."""
    from newsletter.cli.context import open_project, open_records
    from newsletter.schedule.outlook import moved, outlook
    from newsletter.settings.dates import timetable

    VOICE.json = as_json
    if printed and trust_clock:
        raise InputError(
            "--print and --trust-clock do not go together", hint="leave out one of them"
        )
    project = open_project()
    if printed:
        result(_units(project, printed))
        return
    if trust_clock:
        _trust(project)
        return
    issues = project.issues()
    plan = timetable(project.settings, moved=moved(issues, project.zone))
    with open_records(project) as store:
        closed = _closed(project, store) if store else {}
        waiting = _waiting(project, store, plan)
    found = outlook(
        plan, issues, clocks.now(), is_same=_sameness(project), most=number, closed=closed,
        waiting=waiting,
    )  # fmt: skip
    if as_json:
        result_json({"timezone": plan.zone.key, "dates": [as_dict(one) for one in found]})
    elif found:
        rows = [_row(one) for one in found]
        result(table([(f"local ({plan.zone.key})", "UTC", "issue", "state"), *rows]))
    else:
        result("the schedule has no date any more")


def coming(project: Project, store: Store | None) -> tuple[Prospect, ...]:
    """The next two dates with their issues; none where the schedule or an issue is not in order.

    A folder without issues, such as a worker's, knows nothing of what is there for a date.
    """
    from newsletter.schedule.outlook import moved, outlook
    from newsletter.settings.dates import timetable

    if not project.settings.schedule.rrule:
        return ()
    try:
        issues = project.issues()
        if not issues:
            return ()
        plan = timetable(project.settings, moved=moved(issues, project.zone))
        return outlook(
            plan, issues, clocks.now(), is_same=_sameness(project), most=2,
            closed=_closed(project, store) if store else {}, waiting=_waiting(project, store, plan),
        )  # fmt: skip
    except InputError:
        return ()


def _waiting(project: Project, store: Store | None, plan: Timetable) -> Occurrence | None:
    """The date that has come and whose issue a call may still begin, None where there is none."""
    from newsletter.schedule.decision import Ledger, waiting
    from newsletter.store.calendar import Calendar

    ledger = Calendar(store, rehearsal=project.rehearses).ledger() if store else Ledger()
    return waiting(clocks.now(), plan, ledger, catch_up=project.settings.schedule.catch_up)


def _closed(project: Project, store: Store) -> dict[int, IssueStanding]:
    from newsletter.sending.closed import closed_issues

    return closed_issues(store, rehearses=project.rehearses)


def _sameness(project: Project) -> Callable[[Issue], bool]:
    return lambda issue: project.issue_at(issue.file, now=clocks.now()).approval == issue.approved


def _units(project: Project, kind: TriggerKind) -> str:
    """What makes this machine call `send --due` in this folder, with this very program."""
    import shutil

    from newsletter.cli.context import own_program
    from newsletter.project import git
    from newsletter.schedule.units import UnitPlace, units

    tracked = git.state(project.root, "newsletter.toml") != "no git"
    found = shutil.which("git") if tracked else None
    place = UnitPlace(folder=str(project.root), program=own_program(), git=found or "")
    return units(kind, place).rstrip("\n")


def _trust(project: Project) -> None:
    """Believe the clock from now on."""
    from newsletter.cli.context import open_store
    from newsletter.sending.clock import refuse_wrong_clock
    from newsletter.store.calendar import Calendar

    now = clocks.now()
    with open_store(project, create=False) as store:
        calendar = Calendar(store, rehearsal=project.rehearses)
        refuse_wrong_clock(calendar)
        again = calendar.trust(now)
    result(f"the clock is taken as right: {now:%Y-%m-%d %H:%M:%S} UTC")
    if again:
        say(f"{plural(again, 'date')} still ahead had been noted as missed and may be used again")


def _row(one: Prospect) -> tuple[str, ...]:
    number = str(one.issue.number) if one.issue else "-"
    return one.when, f"{one.occurrence.at:%Y-%m-%d %H:%M}", number, one.state


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
        "due_now": one.is_now,
    }
