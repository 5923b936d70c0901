"""The list of issues: how far each is, from the files, the schedule and the records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from newsletter.delivery import Counts, OccurrenceState, Run, RunState
from newsletter.errors import InputError, NewsletterError
from newsletter.issue import Issue, number_of, parse
from newsletter.project import Project, files
from newsletter.schedule import Occurrence, is_in_time
from newsletter.schedule.outlook import appointment, moved
from newsletter.settings import Settings
from newsletter.settings.dates import timetable
from newsletter.store import Store, runs
from newsletter.store.agreement import all_forgotten
from newsletter.store.calendar import Calendar

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
    """

    number: int
    title: str = ""
    date: dt.date | None = None
    state: IssueState = "ready"
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    rehearsed: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """What the records hold: real runs and rehearsals by issue, and why dates were missed.

    Attributes:
        forgotten: what of an issue has gone that the records do not know, in words.
    """

    real: Mapping[int, tuple[Run, Counts]] = field(default_factory=dict)
    rehearsals: Mapping[int, tuple[Run, Counts]] = field(default_factory=dict)
    missed: Mapping[dt.date, str] = field(default_factory=dict)
    forgotten: Mapping[int, str] = field(default_factory=dict)


class Shelf:
    """All issues of a newsletter's folder.

    Args:
        root: the folder.
        settings: reads its settings, which may change at any time.
        clock: now, with a time zone.
    """

    def __init__(
        self, root: Path, settings: Callable[[], Settings], clock: Callable[[], dt.datetime]
    ) -> None:
        self._root = root
        self._settings = settings
        self._clock = clock

    def entries(self) -> tuple[ListedIssue, ...]:
        """The issues, the newest first; one that cannot be read says why."""
        names = reversed(files.issue_files(self._root))
        try:
            settings = self._settings()
        except InputError:  # each issue's own page says what is wrong with them
            return tuple(self._entry(name, None, _History()) for name in names)
        records = self._records(settings)
        return tuple(self._entry(name, settings, records) for name in names)

    def _entry(self, name: str, settings: Settings | None, records: _History) -> ListedIssue:
        try:
            issue = parse(files.read_issue(self._root, name), file=name)
        except InputError as fault:
            return ListedIssue(number=number_of(name) or 0, state="broken", fault=str(fault))
        run, counts = records.real.get(issue.number, (None, None))
        _, rehearsed = records.rehearsals.get(issue.number, (None, None))
        state, note = _of_run(run) if run else (None, "")
        if state is None:
            state, note = self._of_issue(issue, settings, records)
        if lost := records.forgotten.get(issue.number):
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
        )

    def _of_issue(
        self, issue: Issue, settings: Settings | None, records: _History
    ) -> tuple[IssueState, str]:
        """How far an issue is that was not begun."""
        if issue.status == "draft":
            return "draft", ""
        if not issue.approved or settings is None:
            return "ready", ""
        try:
            prepared = Project(self._root, settings).issue_at(issue.file, now=self._clock())
        except InputError:  # its own page says why
            return "ready", ""
        if issue.approved != prepared.approval:
            return "changed", "since it was approved"
        occurrence = _occurrence(issue, settings)
        if occurrence is None:
            return "approved", "its date is not in the schedule"
        if occurrence.day in records.missed:
            return "missed", f"{records.missed[occurrence.day]}; no schedule sends it any more"
        return self._when(occurrence, settings)

    def _when(self, occurrence: Occurrence, settings: Settings) -> tuple[IssueState, str]:
        now = self._clock()
        if now < occurrence.at:
            local = occurrence.at.astimezone(ZoneInfo(settings.site.timezone))
            return "approved", f"goes {local:%a %d %b, %H:%M}"
        if is_in_time(occurrence, now, catch_up=settings.schedule.catch_up):
            return "due", "goes with the next run of the schedule"
        return "missed", "too late to go by itself"

    def _records(self, settings: Settings) -> _History:
        """What was sent; nothing where there are no records, or none that can be read."""
        url = files.store_url(self._root, settings.store.url)
        found: dict[bool, dict[int, tuple[Run, Counts]]] = {False: {}, True: {}}
        try:
            with Store.open(url, create=False, read_only=True) as store:
                for run in runs.find_all(store):
                    found[run.rehearsal][run.content.issue] = run, runs.counts(store, run)
                calendar = Calendar(store, rehearsal=settings.transport.kind == "folder")
                used = calendar.used()
                lost = all_forgotten(self._root, store)
        except NewsletterError:
            return _History()
        missed = {
            one.occurrence.day: one.reason for one in used if one.state is OccurrenceState.MISSED
        }
        return _History(real=found[False], rehearsals=found[True], missed=missed, forgotten=lost)


def _of_run(run: Run) -> tuple[IssueState | None, str]:
    """How far an issue is by its real run; no state where it is only announced."""
    if run.state is RunState.FINISHED:
        return "sent", f"on {run.finished_at:%Y-%m-%d}" if run.finished_at else ""
    if run.state is RunState.CANCELLED:
        return "cancelled", "no schedule sends it any more"
    if run.begun or run.state is RunState.FREEZING:
        return "sending", run.reason or run.state.value
    return None, ""


def _occurrence(issue: Issue, settings: Settings) -> Occurrence | None:
    """The date of the schedule on which an issue goes, None when it has none there."""
    if not settings.schedule.rrule:
        return None
    try:
        table = timetable(settings, moved=moved([issue], ZoneInfo(settings.site.timezone)))
    except InputError:
        return None
    return appointment(table, issue)
