"""The list of issues: how far each is, from the files, the schedule and the records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from newsletter.errors import InputError, NewsletterError
from newsletter.issue import Issue, number_of, parse
from newsletter.outbox import Counts, Run, RunState
from newsletter.render import Theme
from newsletter.render.pipeline import source_hash
from newsletter.schedule import Occurrence, dates, first_day, instant, is_in_time
from newsletter.settings import Settings
from newsletter.settings.mail import options
from newsletter.store import files
from newsletter.store.letters import read_theme
from newsletter.store.sql import Store

#: How far an issue is. "changed" was approved once, and something is another since.
State = Literal["broken", "draft", "ready", "changed", "approved", "due", "sending", "sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
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
    state: State = "ready"
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    rehearsed: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What the records hold about an issue: its real run and its rehearsal."""

    real: tuple[Run, Counts] | None = None
    rehearsal: tuple[Run, Counts] | None = None


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

    def entries(self) -> tuple[Entry, ...]:
        """The issues, the newest first; one that cannot be read says why."""
        names = reversed(files.issue_files(self._root))
        try:
            settings = self._settings()
        except InputError:  # each issue's own page says what is wrong with them
            return tuple(self._entry(name, None, None, {}) for name in names)
        theme, records = self._theme(settings), self._records(settings)
        return tuple(self._entry(name, settings, theme, records) for name in names)

    def _entry(
        self,
        name: str,
        settings: Settings | None,
        theme: Theme | None,
        records: Mapping[int, _Record],
    ) -> Entry:
        try:
            issue = parse(files.read_issue(self._root, name), file=name)
        except InputError as fault:
            return Entry(number=number_of(name) or 0, state="broken", fault=str(fault))
        record = records.get(issue.number, _Record())
        state, note = self._state(issue, settings, theme, record)
        counts = record.real[1].by_state if record.real else {}
        return Entry(
            number=issue.number,
            title=issue.title,
            date=issue.date,
            state=state,
            note=note,
            counts={state.value: number for state, number in sorted(counts.items()) if number},
            rehearsed=record.rehearsal[1].total if record.rehearsal else 0,
        )

    def _state(
        self, issue: Issue, settings: Settings | None, theme: Theme | None, record: _Record
    ) -> tuple[State, str]:
        if record.real:
            run = record.real[0]
            when = run.finished_at
            if run.state is RunState.FINISHED:
                return "sent", f"on {when:%Y-%m-%d}" if when else ""
            return "sending", run.reason or run.state.value
        if issue.status == "draft":
            return "draft", ""
        if not issue.approved or settings is None or theme is None:
            return "ready", ""
        if issue.approved != source_hash(issue, theme, options(settings, issue)):
            return "changed", "since it was approved"
        occurrence = _occurrence(issue, settings)
        if occurrence is None:
            return "approved", "its date is not in the schedule"
        return self._when(occurrence, settings)

    def _when(self, occurrence: Occurrence, settings: Settings) -> tuple[State, str]:
        now = self._clock()
        if now < occurrence.at:
            local = occurrence.at.astimezone(ZoneInfo(settings.site.timezone))
            return "approved", f"goes {local:%a %d %b, %H:%M}"
        if is_in_time(occurrence, now, catch_up=settings.schedule.catch_up):
            return "due", "goes with the next run of the schedule"
        return "approved", "too late to go by itself"

    def _theme(self, settings: Settings) -> Theme | None:
        try:
            return read_theme(self._root, settings)
        except InputError:
            return None

    def _records(self, settings: Settings) -> Mapping[int, _Record]:
        """What was sent; nothing where there are no records, or none that can be read."""
        url = files.store_url(self._root, settings.store.url)
        found: dict[int, dict[bool, tuple[Run, Counts]]] = {}
        try:
            with Store.open(url, create=False, read_only=True) as store:
                for run in store.runs():
                    kinds = found.setdefault(run.content.issue, {})
                    kinds[run.rehearsal] = run, store.counts(run)
        except NewsletterError:
            return {}
        return {
            number: _Record(real=kinds.get(False), rehearsal=kinds.get(True))
            for number, kinds in found.items()
        }


def _occurrence(issue: Issue, settings: Settings) -> Occurrence | None:
    """The date of the schedule on which an issue goes, None when it has none there."""
    group = settings.schedule
    if not group.rrule or group.anchor is None or issue.date is None:
        return None
    if first_day(group.rrule, group.anchor) != group.anchor:
        return None
    before = issue.date - dt.timedelta(days=1)
    if next(dates(group.rrule, group.anchor, after=before), None) != issue.date:
        return None
    at = instant(issue.date, group.time, ZoneInfo(settings.site.timezone))
    return Occurrence(day=issue.date, at=at)
