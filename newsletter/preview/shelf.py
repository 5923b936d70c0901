"""The list of issues: how far each is, from the files, the schedule and the records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from newsletter.audience import eligible
from newsletter.delivery import Counts, OccurrenceState, Run, RunState
from newsletter.errors import InputError, NewsletterError
from newsletter.issue import Issue, number_of, parse
from newsletter.preview.sending import Reading
from newsletter.project import Project, files
from newsletter.project.issues import PreparedIssue
from newsletter.schedule import Occurrence, Timetable
from newsletter.schedule.decision import Ledger, waiting
from newsletter.schedule.outlook import IssueStanding, appointment, moved
from newsletter.sending.closed import closed_issues
from newsletter.settings.dates import timetable
from newsletter.store import Store, runs
from newsletter.store.agreement import all_forgotten
from newsletter.store.calendar import Calendar
from newsletter.store.list_size import ListSize, count
from newsletter.store.schema import NoStoreError
from newsletter.store.subscribers import audience

#: How far an issue is. "changed" was approved once, and something is another since.
IssueState = Literal[
    "broken",
    "draft",
    "ready",
    "changed",
    "approved",
    "due",
    "missed",
    "sending",
    "paused",
    "cancelled",
    "sent",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedIssue:
    """One line of the list of issues.

    Attributes:
        number: of the issue.
        title: one line, "" where the file cannot be read.
        date: as written, or None.
        state: how far it is.
        note: when it will go or went, in words, may be empty.
        counts: deliveries of its real run by state, none for an issue never sent.
        rehearsed: how many mails its last rehearsal wrote, 0 without one.
        fault: what keeps the file from being read, and where; else "".
        issue: as written; None where it cannot be read.
    """

    number: int
    title: str = ""
    date: dt.date | None = None
    state: IssueState = "ready"
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    rehearsed: int = 0
    fault: str = ""
    issue: Issue | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the records hold.

    Attributes:
        real: real runs and their deliveries, by issue.
        rehearsals: the same of rehearsals.
        closed: issues that no schedule sends any more, and why.
        dates: what earlier calls of the schedule have left behind.
        missed: why dates of the schedule were missed.
        forgotten: what of an issue has gone that the records do not know, in words.
        reported: what the provider reported of the real run begun last: how many mails bounced,
            how many readers complained.
        people: how long the list is; None where the records cannot be read.
        left_out: why nobody on it may be mailed, and how many for each reason; empty where somebody
            may, or nobody is on record.
        problem: why not; None when they can, or when there are none yet.
    """

    real: Mapping[int, tuple[Run, Counts]] = field(default_factory=dict)
    rehearsals: Mapping[int, tuple[Run, Counts]] = field(default_factory=dict)
    closed: Mapping[int, IssueStanding] = field(default_factory=dict)
    dates: Ledger = field(default_factory=Ledger)
    missed: Mapping[dt.date, str] = field(default_factory=dict)
    forgotten: Mapping[int, str] = field(default_factory=dict)
    reported: tuple[int, int] = (0, 0)
    people: ListSize | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    problem: NewsletterError | None = None


def read_history(project: Project, *, since: dt.datetime) -> History:
    """What was sent, and to how many; only the problem where the records cannot be read.

    Args:
        project: the newsletter.
        since: from when the list's change counts where nothing was sent for real.
    """
    found: dict[bool, dict[int, tuple[Run, Counts]]] = {False: {}, True: {}}
    try:
        with Store.open(project.store_url, create=False, read_only=True) as store:
            for run in runs.find_all(store):
                found[run.rehearsal][run.content.issue] = run, runs.counts(store, run)
            calendar = Calendar(store, rehearsal=project.rehearses)
            begun = [run for run, _ in found[False].values() if run.begun]
            newest = max(begun, key=lambda run: run.started_at, default=None)
            since = newest.started_at if newest else since
            people = count(store, since=since)
            left_out = {} if people.mailable else audience(store, eligible()).left_out
            return History(
                real=found[False],
                rehearsals=found[True],
                closed=closed_issues(store, rehearses=project.rehearses),
                dates=calendar.ledger(),
                missed=_missed(calendar),
                forgotten=all_forgotten(project.root, store),
                reported=store.feedback.setbacks(newest) if newest else (0, 0),
                people=people,
                left_out={why: number for why, number in left_out.items() if number},
            )
    except NoStoreError:  # nobody was imported, nothing was sent
        return History(people=ListSize())
    except NewsletterError as problem:
        return History(problem=problem)


def read_standing(project: Project, issue: int) -> History:
    """What the records hold of one issue and its date; nothing where they cannot be read."""
    try:
        with Store.open(project.store_url, create=False, read_only=True) as store:
            run = runs.find(store, issue, rehearsal=False)
            calendar = Calendar(store, rehearsal=project.rehearses)
            return History(
                real={issue: (run, runs.counts(store, run))} if run else {},
                dates=calendar.ledger(),
                missed=_missed(calendar),
            )
    except NewsletterError:
        return History()


def _missed(calendar: Calendar) -> dict[dt.date, str]:
    return {
        one.occurrence.day: one.reason
        for one in calendar.used()
        if one.state is OccurrenceState.MISSED
    }


def state_once_due(
    project: Project, prepared: PreparedIssue, now: dt.datetime
) -> IssueState | None:
    """How far an approved issue is by the records, None before its date has come."""
    table = _table(prepared.issue, project)
    occurrence = appointment(table, prepared.issue) if table else None
    if occurrence is None or now < occurrence.at:
        return None
    history = read_standing(project, prepared.issue.number)
    shelf = _Shelf(project, history, lambda _: (project.settings, prepared), now)
    return shelf.state(prepared.issue)[0]


def list_issues(
    root: Path, project: Project | None, history: History, reading: Reading, now: dt.datetime
) -> tuple[ListedIssue, ...]:
    """The issues, the newest first; one that cannot be read says why.

    Args:
        root: the newsletter's folder.
        project: the newsletter, None where its settings cannot be read.
        history: what the records hold.
        reading: reads an issue, rendered and checked.
        now: with a time zone.
    """
    shelf = _Shelf(project, history, reading, now)
    return tuple(shelf.entry(root, name) for name in reversed(files.issue_files(root)))


@dataclass(frozen=True, slots=True)
class _Shelf:
    project: Project | None
    history: History
    reading: Reading
    now: dt.datetime

    def entry(self, root: Path, name: str) -> ListedIssue:
        try:
            issue = parse(files.read_issue(root, name), file=name)
        except InputError as fault:
            return ListedIssue(number=number_of(name) or 0, state="broken", fault=str(fault))
        run, counts = self.history.real.get(issue.number, (None, None))
        _, rehearsed = self.history.rehearsals.get(issue.number, (None, None))
        state, note = self.state(issue)
        if lost := self.history.forgotten.get(issue.number):
            state, note = (state if run and run.begun else "sending"), lost
        by_state = counts.by_state if counts else {}
        return ListedIssue(
            number=issue.number,
            title=issue.title,
            date=issue.date,
            state=state,
            note=note,
            counts={state.value: number for state, number in sorted(by_state.items()) if number},
            rehearsed=rehearsed.total if rehearsed else 0,
            issue=issue,
        )

    def state(self, issue: Issue) -> tuple[IssueState, str]:
        """How far an issue is, and when it will go or went."""
        run, _ = self.history.real.get(issue.number, (None, None))
        state, note = _of_run(run) if run else (None, "")
        return self._of_issue(issue) if state is None else (state, note)

    def _of_issue(self, issue: Issue) -> tuple[IssueState, str]:
        """How far an issue is that was not begun."""
        if issue.status == "draft":
            return "draft", ""
        if issue.sent_elsewhere:
            return "sent", f"by {issue.sent_elsewhere}"
        if not issue.approved or self.project is None:
            return "ready", ""
        try:
            read = self.reading(issue.number)
        except InputError:  # its own page says why
            return "ready", ""
        if read is None or issue.approved != read[1].approval:
            return "changed", "since it was approved"
        table = _table(issue, self.project)
        occurrence = appointment(table, issue) if table else None
        if table is None or occurrence is None:
            return "approved", "its date is not in the schedule"
        if occurrence.day in self.history.missed:
            why = self.history.missed[occurrence.day]
            return "missed", f"{why}; no schedule sends it any more"
        return self._when(occurrence, table, self.project)

    def _when(
        self, occurrence: Occurrence, table: Timetable, project: Project
    ) -> tuple[IssueState, str]:
        if self.now < occurrence.at:
            local = occurrence.at.astimezone(project.zone)
            return "approved", f"goes {local:%a} {local.day} {local:%b, %H:%M}"
        if occurrence.day in self.history.dates.used:
            return "missed", "its date is used up"
        catch_up = project.settings.schedule.catch_up
        if waiting(self.now, table, self.history.dates, catch_up=catch_up) == occurrence:
            return "due", "goes with the next run of the schedule"
        return "missed", "too late to go by itself"


def _of_run(run: Run) -> tuple[IssueState | None, str]:
    """How far an issue is by its real run; no state where it is only announced."""
    if run.state is RunState.FINISHED:
        return "sent", f"on {run.finished_at:%Y-%m-%d}" if run.finished_at else ""
    if run.state is RunState.CANCELLED:
        return "cancelled", "no schedule sends it any more"
    if run.begun or run.state is RunState.FREEZING:
        state: IssueState = "paused" if run.state is RunState.PAUSED else "sending"
        return state, run.reason or run.state.value
    return None, ""


def _table(issue: Issue, project: Project) -> Timetable | None:
    """The schedule, with the time of day that an issue asks for; None where there is none."""
    if not project.settings.schedule.rrule:
        return None
    try:
        return timetable(project.settings, moved=moved([issue], project.zone))
    except InputError:
        return None
