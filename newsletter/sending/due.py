"""What a trigger does, whenever it comes and however often: at most one send."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Container
from dataclasses import dataclass, replace

from newsletter import clocks
from newsletter.delivery import OccurrenceState, Run, RunState, State, goes_on_by_itself
from newsletter.errors import LockedError, RefusedError
from newsletter.humanize import duration
from newsletter.issue import Issue
from newsletter.project import Project
from newsletter.reporter import Reporter
from newsletter.schedule import Occurrence, Timetable, latest
from newsletter.schedule.decision import Due, Ledger, due, reminder
from newsletter.schedule.outlook import IssueStanding, candidates, day_of, moved, there
from newsletter.sending import second_ledger
from newsletter.sending.clock import refuse_wrong_clock, went_back
from newsletter.sending.closed import closed_issues
from newsletter.sending.context import SendContext
from newsletter.sending.gate import refuse, unapproved, unfit
from newsletter.sending.options import SendOptions
from newsletter.sending.owner import Owner
from newsletter.sending.plan import plan_send
from newsletter.sending.result import AlreadySent, DueResult, SendResult
from newsletter.sending.run import foresee, send
from newsletter.settings.dates import timetable
from newsletter.store import Store, subscribers
from newsletter.store import runs as run_records
from newsletter.store.calendar import Calendar, Used

#: What is said of a date that was missed, by what was there for it.
_WHY = {
    IssueStanding.NONE: "no issue had this date",
    IssueStanding.DRAFT: "its issue was a draft",
    IssueStanding.NOT_APPROVED: "its issue was not approved",
    IssueStanding.TWICE: "two issues had this date",
    IssueStanding.APPROVED: "nothing called in time, or what called could not send",
    IssueStanding.CHANGED: "nothing called in time, or what called could not send",
}


@dataclass(frozen=True, slots=True)
class _Trigger:
    """One call, and what it looks at."""

    context: SendContext
    options: SendOptions
    owner: Owner
    now: dt.datetime
    calendar: Calendar
    issues: tuple[Issue, ...]
    table: Timetable
    closed: Container[int]

    @property
    def project(self) -> Project:
        return self.context.project

    @property
    def store(self) -> Store:
        return self.context.store

    @property
    def reporter(self) -> Reporter:
        return self.context.reporter

    @property
    def rehearsal(self) -> bool:
        return self.project.rehearses


def run_due(
    context: SendContext, options: SendOptions, owner: Owner, *, now: dt.datetime
) -> DueResult:
    """Do what is due: send, announce, remind, note what was missed.

    Args:
        context: the newsletter, its records, and whoever asked.
        options: what is asked; the issue in it is not looked at.
        owner: who hears of what needs attention; not of what is raised.
        now: the moment of the trigger.

    Raises:
        NewsletterError: there is no schedule, it is not clear what to send, or it may not go.
    """
    project = context.project
    calendar = Calendar(context.store, rehearsal=project.rehearses)
    issues = project.issues()
    table = timetable(project.settings, moved=moved(issues, project.zone))
    closed = closed_issues(context.store, rehearses=project.rehearses)
    trigger = _Trigger(context, options, owner, now, calendar, issues, table, closed)
    try:
        return _foresee(trigger) if options.dry_run else _act(trigger)
    except LockedError as error:
        return DueResult(reason=str(error))


def _foresee(trigger: _Trigger) -> DueResult:
    """Look what a trigger would send now; nothing is written and no one is told."""
    refuse_wrong_clock(trigger.calendar)
    _refuse_lost_entries(trigger)
    found = _decide(trigger, window=0)
    issue = _approved(trigger, found.send.day) if found.send else None
    return _send(trigger, issue, found.send) if issue else DueResult(reason=_next(trigger, found))


def _act(trigger: _Trigger) -> DueResult:
    refuse_wrong_clock(trigger.calendar)
    _refuse_lost_entries(trigger)
    group = trigger.project.settings.schedule
    found = _decide(trigger, window=group.cancel_window if trigger.owner.has_mail else 0)
    trigger.calendar.saw(trigger.now)
    _note_missed(trigger, found)
    gone_on = _go_on(trigger)
    if gone_on is not None:
        return gone_on
    _remind(trigger, found)
    if found.announce:
        _announce(trigger, found.announce)
    if found.send and (issue := _approved(trigger, found.send.day)):
        return _send(trigger, issue, found.send)
    if found.waiting and found.waiting.day in _ledger(trigger).announced:
        return DueResult(
            reason=f"the issue of {found.waiting.day} is announced, and may be cancelled yet"
        )
    done = _done_before(trigger)
    return DueResult(done_before=done) if done else DueResult(reason=_next(trigger, found))


def _refuse_lost_entries(trigger: _Trigger) -> None:
    if not trigger.rehearsal:
        second_ledger.refuse_lost_entries(trigger.project, trigger.store)


def _decide(trigger: _Trigger, *, window: int) -> Due:
    catch_up = trigger.project.settings.schedule.catch_up
    found = due(trigger.now, trigger.table, _ledger(trigger), catch_up=catch_up, window=window)
    if found.went_back:
        raise went_back(found.went_back, on_server=trigger.store.backend.on_server)
    return found


def _ledger(trigger: _Trigger) -> Ledger:
    """The records, with when each issue was announced as it is approved now."""
    runs = {
        run.content.issue: run
        for run in run_records.find_all(trigger.store)
        if _is_announced(trigger, run)
    }
    announced = {
        day: runs[issue.number].started_at
        for issue in trigger.issues
        if issue.number in runs and runs[issue.number].content.source_hash == issue.approved
        for day in [day_of(issue, trigger.table.zone)]
        if day
    }
    return replace(trigger.calendar.ledger(), announced=announced)


def _is_announced(trigger: _Trigger, run: Run) -> bool:
    # Half frozen when its process died: the trigger that began it had waited long enough.
    there = {RunState.ANNOUNCED, RunState.FREEZING}
    return run.rehearsal == trigger.rehearsal and run.state in there


def _note_missed(trigger: _Trigger, found: Due) -> None:
    """Note the dates that were missed, and tell of each once."""
    for one in trigger.calendar.note(
        [_missed(trigger, date) for date in found.missed], now=trigger.now
    ):
        if one.state is OccurrenceState.TAKEN:
            continue
        day = one.occurrence.day
        trigger.reporter.say(f"{day} was missed: {one.reason}; no schedule sends it any more")
        if one.reason == _CANCELLED:
            continue
        hint = f"By hand: newsletter send --issue {one.issue}" if one.issue else ""
        trigger.owner.alert(
            f"missed {day}", f"Nothing was sent for {day}", f"{day}: {one.reason}.\n{hint}".strip()
        )


_CANCELLED = "a person has cancelled it"


def _missed(trigger: _Trigger, date: Occurrence) -> Used:
    issue, standing = _there(trigger, date, lambda _: True)
    run = _run(trigger, issue) if issue else None
    if run and run.begun:  # by hand, whenever that was
        state, reason = OccurrenceState.TAKEN, ""
    else:
        state = OccurrenceState.MISSED
        cancelled = run is not None and run.state is RunState.CANCELLED
        reason = _CANCELLED if cancelled else _WHY[standing]
    number = issue.number if issue else None
    return Used(occurrence=date, state=state, issue=number, reason=reason)


def _go_on(trigger: _Trigger) -> DueResult | None:
    """Go on with what a schedule has begun and a signal, the quota or the network has stopped.

    Returns:
        what came of it, None where there is nothing like that; the next trigger does what is left.
    """
    for used in trigger.calendar.used():
        if used.state is not OccurrenceState.TAKEN or used.issue is None:
            continue
        run = run_records.find(trigger.store, used.issue, rehearsal=trigger.rehearsal)
        if run is None or not run.begun or run.state is RunState.FINISHED:
            continue
        if goes_on_by_itself(run):
            return _send_number(trigger, used.issue, None)
        trigger.reporter.say(
            f"issue {used.issue} is {run.state.value}"
            + (f" ({run.reason})" if run.reason else "")
            + f" and waits for you: newsletter send --issue {used.issue}"
        )
    return None


def _remind(trigger: _Trigger, found: Due) -> None:
    """Remind the owner of a date to which no issue is ready."""
    date = found.coming
    hours = reminder(date, trigger.now) if date else None
    if date is None or hours is None or date.day in trigger.calendar.ledger().used:
        return
    topic = f"reminder {date.day} {hours} h"
    if trigger.calendar.is_told(topic):
        return
    zone = trigger.table.zone
    issue, standing = _there(trigger, date, lambda i: _is_same(trigger, i))
    if standing is IssueStanding.APPROVED:
        return
    local = date.at.astimezone(zone)
    when = f"{local:%A}, {local.day} {local:%B at %H:%M} ({zone.key})"
    what = f"issue {issue.number} is there, but: {standing.value}" if issue else "no issue is there"
    trigger.owner.remind(
        topic, f"Nothing is ready for {date.day}", f"{when} is the next date, and {what}."
    )


def _there(
    trigger: _Trigger, date: Occurrence, is_same: Callable[[Issue], bool]
) -> tuple[Issue | None, IssueStanding]:
    return there(trigger.issues, date.day, trigger.table.zone, is_same, trigger.closed)


def _is_same(trigger: _Trigger, issue: Issue) -> bool:
    return trigger.project.issue_at(issue.file, now=clocks.now()).approval == issue.approved


def _announce(trigger: _Trigger, date: Occurrence) -> None:
    """Tell the owner what is about to go, once for each version of it."""
    issue = _approved(trigger, date.day)
    if issue is None:
        return
    run = _run(trigger, issue)
    if run and (run.begun or run.state is RunState.CANCELLED):
        return
    prepared = trigger.project.issue(issue.number, now=clocks.now())
    refuse([unapproved(prepared), unfit(prepared)])
    announced = trigger.calendar.announce(
        issue.number, title=issue.title, source_hash=prepared.approval, now=trigger.now
    )
    if announced is None:
        return
    window = trigger.project.settings.schedule.cancel_window
    late = trigger.now >= date.at
    goes_at = trigger.now + dt.timedelta(minutes=window) if late else date.at
    left = round((goes_at - trigger.now).total_seconds() / 60)
    recipients = subscribers.audience(trigger.store, prepared.audience).eligible
    trigger.owner.announce(prepared, recipients=recipients, goes_at=goes_at, window=left)


def _send(trigger: _Trigger, issue: Issue, date: Occurrence | None) -> DueResult:
    """Begin the issue of a date."""
    number, run = issue.number, _run(trigger, issue)
    if run and run.state is RunState.CANCELLED:
        return DueResult(
            reason=f"issue {number} is cancelled; a person sends it: "
            f"newsletter send --issue {number}"
        )
    if run and run.begun:
        if not trigger.options.dry_run and date:
            used = Used(occurrence=date, state=OccurrenceState.TAKEN, issue=number, reason="")
            trigger.calendar.note([used], now=trigger.now)
        if run.state is RunState.FINISHED:
            return DueResult(done_before=_already(trigger, run))
        return DueResult(reason=f"issue {number} was begun by hand, and goes on by hand")
    return _send_number(trigger, number, date)


def _send_number(trigger: _Trigger, number: int, date: Occurrence | None) -> DueResult:
    """Send or go on, as `newsletter send` does; tell the owner when it does not end well."""
    options = replace(trigger.options, issue=number, scheduled=True, occurrence=date)
    if date and trigger.now > date.at:
        late = duration((trigger.now - date.at).total_seconds())
        trigger.reporter.say(f"issue {number} is {late} late")
    plan = plan_send(trigger.context, options)
    if isinstance(plan, AlreadySent):
        result: SendResult | AlreadySent = plan
    else:
        trigger.context.reporter.planned(plan)
        if options.dry_run:
            foresee(trigger.context, plan)
            return DueResult(planned=plan)
        result = send(trigger.context, plan)
    if not options.dry_run:
        _alert(trigger, number, result)
    return DueResult(sent=result)


def _alert(trigger: _Trigger, number: int, result: SendResult | AlreadySent) -> None:
    """Tell the owner of a send that stopped, or whose outcomes are unknown."""
    stopped = isinstance(result, SendResult) and result.stop is not None
    run = run_records.find(trigger.store, number, rehearsal=trigger.rehearsal)
    if run is None or not (stopped or result.counts[State.UNKNOWN]):
        return
    why = run.reason or "some outcomes are unknown"
    topic = f"ended {number} {run.state.value} {run.pause or ''} {trigger.now:%Y-%m-%d}"
    by_itself = "It goes on by itself." if goes_on_by_itself(run) else "It waits for you."
    if run.state is RunState.FINISHED:
        by_itself = f"See: newsletter status --issue {number}"
    trigger.owner.alert(
        topic, f"Issue {number} is {run.state.value}: {why}", f"{why}.\n{by_itself}"
    )


def _approved(trigger: _Trigger, day: dt.date) -> Issue | None:
    """The issue of a day that is ready and approved, None when there is none."""
    there = candidates(trigger.issues, day, trigger.table.zone, trigger.closed)
    found = [issue for issue in there if issue.status == "ready"]
    if len(found) > 1:
        raise RefusedError(
            f"two issues have the date {day}: {found[0].file} and {found[1].file}",
            place=found[1].place("date"),
            hint="change the date of one, or make it a draft",
        )
    return next((issue for issue in found if issue.approved), None)


def _run(trigger: _Trigger, issue: Issue) -> Run | None:
    return run_records.find(trigger.store, issue.number, rehearsal=trigger.rehearsal)


def _already(trigger: _Trigger, run: Run) -> AlreadySent:
    return AlreadySent(run=run, counts=run_records.counts(trigger.store, run))


def _done_before(trigger: _Trigger) -> AlreadySent | None:
    """The issue of the last date, where it was sent."""
    last = latest(trigger.table, trigger.now)
    used = {one.occurrence.day: one for one in trigger.calendar.used()}
    one = used.get(last.day) if last else None
    run = (
        run_records.find(trigger.store, one.issue, rehearsal=trigger.rehearsal)
        if one and one.issue
        else None
    )
    return _already(trigger, run) if run and run.state is RunState.FINISHED else None


def _next(trigger: _Trigger, found: Due) -> str:
    """Why nothing is sent now, and when the next date is."""
    why, date = "nothing due", found.waiting
    issue, standing = _there(trigger, date, lambda _: True) if date else (None, IssueStanding.NONE)
    if issue and standing is IssueStanding.DRAFT:
        why = f"issue {issue.number} is due now and a draft"
    elif issue and standing is IssueStanding.NOT_APPROVED:
        approve = f"newsletter approve --issue {issue.number}"
        why = f"issue {issue.number} is due now and not approved ({approve})"
    coming = found.coming
    more = f"; the next date is {coming.day} ({coming.at:%Y-%m-%d %H:%M} UTC)" if coming else ""
    return f"{why}{more}"
