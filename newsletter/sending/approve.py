"""Approve an issue: the front matter names the bytes that a schedule may send."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

from newsletter.check import Finding
from newsletter.delivery import OccurrenceState, RunState
from newsletter.errors import InputError, NotFitError, RefusedError
from newsletter.issue import Issue, parse
from newsletter.issue.approval import approve as with_approval
from newsletter.issue.drafts import draft_mark
from newsletter.project import Project, files
from newsletter.project.issues import PreparedIssue
from newsletter.schedule import Occurrence, is_in_time
from newsletter.schedule.outlook import appointment, day_of, free_day, moved
from newsletter.sending.closed import closed_issues
from newsletter.sending.gate import refuse, sent_elsewhere, unfit
from newsletter.settings.dates import timetable
from newsletter.store import Store, runs
from newsletter.store.calendar import Calendar
from newsletter.store.schema import NoStoreError

_ANYWAY: Final = "; --anyway approves it all the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An approved issue.

    Attributes:
        issue: as it was before.
        approval: the hash that is written.
        before: whether it was approved like this already; nothing was written then.
        due: when the schedule sends it; why it never does, where it was approved anyway.
        findings: what the checks say of it, ignored ones marked.
    """

    issue: Issue
    approval: str
    before: bool
    due: Occurrence | RefusedError
    findings: tuple[Finding, ...]


def approve_issue(
    project: Project, number: int, *, now: dt.datetime, anyway: bool = False
) -> Approved:
    """Write the approval of an issue as it is now.

    Args:
        project: the newsletter.
        number: of the issue.
        now: with a time zone.
        anyway: approve it although no schedule would send it.

    Raises:
        NotFitError: it is a draft, or not fit to send.
        RefusedError: no schedule would send it.
        InputError: it or the records cannot be read, or its front matter cannot take the approval.
    """
    prepared = project.issue(number, now=now, closed=partial(_closed, project))
    issue = prepared.issue
    if mark := draft_mark(issue.raw):
        place = issue.place(mark.key)
        raise NotFitError(f"issue {number} {mark.said}", place=place, hint=mark.way)
    refuse([sent_elsewhere(issue), unfit(prepared)])
    due = _due(project, issue, now, _closed(project))
    if not isinstance(due, RefusedError):
        due = _on_record(project, issue, due) or due
    if isinstance(due, RefusedError) and not anyway:
        raise due
    before = issue.approved == prepared.approval
    if not before:
        _write(project, prepared)
    return Approved(
        issue=issue, approval=prepared.approval, before=before, due=due, findings=prepared.findings
    )


def _due(
    project: Project, issue: Issue, now: dt.datetime, closed: Collection[int]
) -> Occurrence | RefusedError:
    """When the schedule sends an issue once it is approved, or why it never will."""
    settings, number = project.settings.schedule, issue.number
    by_hand = f"send it by hand: newsletter send --issue {number}"
    if not settings.rrule:
        return RefusedError(
            f"there is no schedule, so nothing sends issue {number} by itself",
            hint=f"{by_hand}; or set schedule.rrule and schedule.anchor first{_ANYWAY}",
        )
    issues = project.issues()
    table = timetable(project.settings, moved=moved(issues, project.zone))
    free = free_day(table, issues, now, closed=closed)
    key = "send_at" if issue.send_at else "date"  # which of the two counts
    redate = f'write "{key}: {free}", the next free one' if free else "the schedule has ended"
    place = issue.place(key)
    day, due = day_of(issue, table.zone), appointment(table, issue)
    if issue.is_sample:
        return RefusedError(
            f"issue {number} is still the one that init wrote, so no schedule sends it",
            place=issue.place("title"), hint=f"write your own words into it{_ANYWAY}",
        )  # fmt: skip
    late = not is_in_time(due, now, catch_up=settings.catch_up) if due else False
    if late or (day and not due and day < project.today(now)):
        return RefusedError(
            f"the date of issue {number}, {day:%a %Y-%m-%d}, has passed, so no schedule sends it",
            place=place, hint=f"{by_hand}; or {redate}{_ANYWAY}",
        )  # fmt: skip
    if due is None:
        dated = f"is dated {day:%a %Y-%m-%d}, which is no date of the schedule" if day else ""
        return RefusedError(
            f"issue {number} {dated or 'has no date, so no schedule sends it'}",
            place=place, hint=f"{redate}; or {by_hand}{_ANYWAY}",
        )  # fmt: skip
    ready = (i for i in issues if i.status == "ready" and i.number not in {number, *closed})
    others = [one for one in ready if day_of(one, table.zone) == day]
    if others and number not in closed:
        return RefusedError(
            f"{others[0].file} is ready for {day:%a %Y-%m-%d} as well, so neither would be sent",
            place=place, hint=f"give one of them another date; {redate}{_ANYWAY}",
        )  # fmt: skip
    return due


def _closed(project: Project) -> Collection[int]:
    """The issues whose real send is begun or cancelled, which take no date from another."""
    try:
        opened = Store.open(project.store_url, create=False, read_only=True)
    except NoStoreError:
        return ()
    with opened as store:
        return closed_issues(store, rehearses=False)


def _on_record(project: Project, issue: Issue, due: Occurrence) -> RefusedError | None:
    """Why no trigger that has the records of this machine sends an issue, though its date is right.

    Of its real send, which is what the approval is for, whatever the transport is now.
    """
    try:
        opened = Store.open(project.store_url, create=False, read_only=True)
    except NoStoreError:
        return None
    with opened as store:
        run = runs.find(store, issue.number, rehearsal=False)
        used = {one.occurrence.day: one for one in Calendar(store, rehearsal=False).used()}
    number, one = issue.number, used.get(due.day)
    by_hand = f"to send it by hand: newsletter send --issue {number}{_ANYWAY}"
    if run and run.state is RunState.FINISHED:
        return RefusedError(
            f"issue {number} was sent already, so no schedule sends it again",
            hint=f"newsletter status --issue {number}{_ANYWAY}",
        )
    if run and run.state is RunState.CANCELLED:
        return RefusedError(f"issue {number} is cancelled, so no schedule sends it", hint=by_hand)
    if one and one.issue == number and one.state is OccurrenceState.TAKEN:
        return None  # on its way
    if run and run.begun:
        return RefusedError(f"issue {number} was begun by hand, and goes on by hand", hint=by_hand)
    if one is None:
        return None
    taken = one.state is OccurrenceState.TAKEN and one.issue is not None
    why = f"issue {one.issue} was sent for it" if taken else f"it was missed: {one.reason}"
    return RefusedError(
        f"the date of issue {number}, {due.day:%a %Y-%m-%d}, is used up, so no schedule sends it",
        place=issue.place("date"), cause=why, hint=by_hand,
    )  # fmt: skip


def _write(project: Project, prepared: PreparedIssue) -> None:
    """Write the line, after reading what comes of it: odd front matter may not take one."""
    issue, approval = prepared.issue, prepared.approval
    data = with_approval(files.read_issue(project.root, issue.file), approval)
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
    files.write_atomic(project.root / issue.file, data)
