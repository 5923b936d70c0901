"""The first page: whose newsletter, what comes next and what is missing for it, what was last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from newsletter.delivery import Counts, Run, RunState, State
from newsletter.errors import InputError, NewsletterError
from newsletter.humanize import plural
from newsletter.issue import Issue
from newsletter.issue.drafts import draft_mark
from newsletter.preview.letter_previews import ListedLetter
from newsletter.preview.sending import Reading
from newsletter.preview.shelf import History, ListedIssue, list_issues, read_history
from newsletter.project import Project
from newsletter.schedule import Occurrence, Timetable
from newsletter.schedule.decision import waiting
from newsletter.schedule.outlook import IssueStanding, Prospect, moved, outlook
from newsletter.sending.gate import no_way_out, nobody_mailable
from newsletter.settings import Settings
from newsletter.settings.dates import timetable
from newsletter.store.list_size import ListSize

#: What the list's change is told for where nothing was sent yet.
RECENT: Final = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that is in the way or worth doing, and what to do.

    Attributes:
        said: one sentence.
        way: what to do, "" where nothing is.
        command: to be typed, "" for none.
        address: of the page that shows more, "" for none.
    """

    said: str
    way: str = ""
    command: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDate:
    """The next date of the schedule.

    Attributes:
        when: local, for people.
        zone: the IANA name of the time zone.
        away: how far that is: "today", "in 8 days"; "due now" where it has come.
        number: of the issue that has this date, 0 where none has.
        title: its title.
        missing: what is to be done before it goes, the first thing first; none when nothing is.
    """

    when: str
    zone: str
    away: str
    number: int
    title: str
    missing: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResult:
    """What became of the issue that was sent last.

    Attributes:
        number: of the issue.
        title: its title.
        said: "sent on 2026-11-22", "paused: the network", and so on.
        counts: mails by state, and how many bounced or were complained about as far as reported.
        rehearsal: whether nothing was sent for real yet, and this is a rehearsal.
        notice: what is left to do about it, None when nothing is.
    """

    number: int
    title: str
    said: str
    counts: Mapping[str, int]
    rehearsal: bool
    notice: Notice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPage:
    """What an author wants to know first.

    Attributes:
        name: of the newsletter, "" where the settings name none.
        issues: the newest first.
        letters: those about the list; none where readers cannot subscribe.
        notices: what keeps the rest from being told, such as settings that cannot be read.
        people: the list, None where the records cannot tell.
        emptied: whether there are people on record, of whom nobody may be mailed.
        since: from when its change is counted, in words.
        next_date: None without a schedule, or when it has no date any more.
        no_date: why there is no next date.
        last: None when nothing was sent or rehearsed.
        rehearses: whether the configured transport sends nothing.
    """

    name: str = ""
    issues: tuple[ListedIssue, ...] = ()
    letters: tuple[ListedLetter, ...] = ()
    notices: tuple[Notice, ...] = ()
    people: ListSize | None = None
    emptied: bool = False
    since: str = ""
    next_date: NextDate | None = None
    no_date: Notice | None = None
    last: LastResult | None = None
    rehearses: bool = False


def read_front_page(
    root: Path,
    settings: Callable[[], Settings],
    reading: Reading,
    clock: Callable[[], dt.datetime],
) -> FrontPage:
    """Look it all up; nothing is written, and what cannot be told leaves the rest standing.

    Args:
        root: the newsletter's folder.
        settings: reads its settings, which may change at any time.
        reading: reads an issue, rendered and checked.
        clock: now, with a time zone.
    """
    now = clock()
    try:
        project = Project(root, settings())
    except InputError as fault:
        notice = Notice(said=str(fault), way=fault.hint or "")
        return FrontPage(issues=list_issues(root, None, History(), reading, now), notices=(notice,))
    history = read_history(project, since=now - RECENT)
    issues = list_issues(root, project, history, reading, now)
    last = _last(history)
    next_date, no_date = _next(project, history, issues, reading, now)
    real = last is not None and not last.rehearsal
    return FrontPage(
        name=project.settings.site.name,
        issues=issues,
        notices=_notices(history),
        people=history.people,
        emptied=bool(history.left_out),
        since=f"since issue {last.number}" if last and real else f"in {RECENT.days} days",
        next_date=next_date,
        no_date=no_date,
        last=last,
        rehearses=project.rehearses,
    )


def _notices(history: History) -> tuple[Notice, ...]:
    """What is wrong with the records: they cannot be read, or know less than has gone."""
    if problem := history.problem:
        return (Notice(said=str(problem), way=problem.hint or ""),)
    return tuple(
        Notice(
            said=f"Issue {number}: {words}.",
            way="See",
            command=f"newsletter status --issue {number}",
        )
        for number, words in sorted(history.forgotten.items())
    )


# --- what is next ------------------------------------------------------------------------------


def _next(
    project: Project,
    history: History,
    issues: tuple[ListedIssue, ...],
    reading: Reading,
    now: dt.datetime,
) -> tuple[NextDate | None, Notice | None]:
    """The next date; without one, why."""
    if not project.settings.schedule.rrule:
        return None, Notice(
            said="There is no schedule.",
            way="Each issue goes when you send it; schedule.rrule in newsletter.toml makes dates.",
        )
    readable = [entry.issue for entry in issues if entry.issue is not None]
    try:
        table = timetable(project.settings, moved=moved(readable, project.zone))
        found = outlook(
            table, readable, now, is_same=_sameness(reading), most=1,
            closed=history.closed, waiting=_waiting(project, history, table, now),
        )  # fmt: skip
    except InputError as fault:
        return None, Notice(said=str(fault), way=fault.hint or "")
    open_ = [one for one in found if not (one.is_now and _gone(one, project, history))]
    if not open_:
        return None, Notice(
            said="The schedule has no date any more.",
            way="schedule.rrule in newsletter.toml makes them.",
        )
    one = open_[0]
    local = one.occurrence.at.astimezone(project.zone)
    return NextDate(
        when=f"{local:%A} {local.day} {local:%B %Y, %H:%M}",
        zone=project.zone.key,
        away="due now" if one.is_now else _away((one.occurrence.day - project.today(now)).days),
        number=one.issue.number if one.issue else 0,
        title=one.issue.title if one.issue else "",
        missing=_missing(one, project, history, reading),
    ), None


def _waiting(
    project: Project, history: History, table: Timetable, now: dt.datetime
) -> Occurrence | None:
    return waiting(now, table, history.dates, catch_up=project.settings.schedule.catch_up)


def _sameness(reading: Reading) -> Callable[[Issue], bool]:
    def is_same(issue: Issue) -> bool:
        read = reading(issue.number)
        return read is not None and read[1].approval == issue.approved

    return is_same


def _away(days: int) -> str:
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


def _missing(
    one: Prospect, project: Project, history: History, reading: Reading
) -> tuple[Notice, ...]:
    """What is to be done before an issue goes on its date by itself."""
    issue = one.issue
    if issue is None:
        return (
            Notice(
                said="No issue has this date.",
                way="Write one:",
                command='newsletter new "A title"',
            ),
        )
    if gone := _gone(one, project, history):
        return (Notice(said=gone, way="Nothing else has this date."),)
    number = issue.number
    approve = f"newsletter approve --issue {number}"
    draft = draft_mark(issue.raw)
    steps = {
        IssueStanding.DRAFT: Notice(
            said=f"It {draft.said if draft else 'is a draft'}.",
            way=f"In {issue.file}: {draft.way if draft else ''}.",
        ),
        IssueStanding.NOT_APPROVED: Notice(
            said="It is not approved.", way="When you are happy with it:", command=approve
        ),
        IssueStanding.CHANGED: Notice(
            said="It changed since you approved it.", way="Look at it once more, then:",
            command=approve,
        ),
        IssueStanding.TWICE: Notice(
            said="Two issues have this date, so neither goes.",
            way=f"Give one another, such as {issue.file}.",
        ),
    }  # fmt: skip
    step = steps.get(one.standing)
    return (*_closed(project, history), *_errors(number, reading), *((step,) if step else ()))


def _gone(one: Prospect, project: Project, history: History) -> str:
    """Why no schedule sends the issue of a date, "" when it does, or there is none."""
    if one.issue is None:
        return ""
    number = one.issue.number
    closed = {
        IssueStanding.CANCELLED: "cancelled",
        IssueStanding.BEGUN: "begun already",
        IssueStanding.SENT: "sent already",
    }
    gone = closed.get(one.standing, "")
    # A rehearsal closes nothing for the real send, and yet it is not rehearsed twice.
    if not gone and project.rehearses and number in history.rehearsals:
        gone = "rehearsed already" if history.rehearsals[number][0].begun else ""
    return f"Issue {number} was {gone}." if gone else ""


def _closed(project: Project, history: History) -> Iterator[Notice]:
    """What would keep any issue in, by the rules of a send."""
    people = history.people
    broken = (
        no_way_out(project.settings, rehearsal=project.rehearses),
        nobody_mailable(history.left_out) if people and not people.mailable else None,
    )
    for error in filter(None, broken):
        said = str(error)
        yield Notice(said=f"{said[:1].upper()}{said[1:]}.", way=error.hint or "")


def _errors(number: int, reading: Reading) -> tuple[Notice, ...]:
    """What the checks would stop it for; a draft's own mark is told as its state."""
    try:
        read = reading(number)
    except NewsletterError as fault:
        return (Notice(said=str(fault), way=fault.hint or "", address=f"/issues/{number}"),)
    if read is None:
        return ()
    found = [
        finding
        for finding in read[1].findings
        if finding.severity == "error" and not finding.ignored and finding.id != "draft"
    ]
    if not found:
        return ()
    return (
        Notice(
            said=f"{plural(len(found), 'error')} in its checks.",
            way="Look at them",
            address=f"/issues/{number}?tab=checks",
        ),
    )


# --- what was last -----------------------------------------------------------------------------


def _last(history: History) -> LastResult | None:
    """The issue that was begun last for real; the last rehearsal where there is none."""
    begun = [pair for pair in history.real.values() if pair[0].begun]
    pairs = begun or [pair for pair in history.rehearsals.values() if pair[0].begun]
    if not pairs:
        return None
    run, counts = max(pairs, key=lambda pair: pair[0].started_at)
    number = run.content.issue
    told = {state.value: number for state, number in sorted(counts.by_state.items())}
    if not run.rehearsal:
        told |= dict(zip(("bounced", "complained"), history.reported, strict=True))
    return LastResult(
        number=number,
        title=run.content.title,
        said=_said(run),
        counts={name: number for name, number in told.items() if number},
        rehearsal=run.rehearsal,
        notice=_left_to_do(run, counts),
    )


def _said(run: Run) -> str:
    done = "rehearsed" if run.rehearsal else "sent"
    if run.state is RunState.FINISHED:
        return f"{done} on {run.finished_at:%Y-%m-%d}" if run.finished_at else done
    if run.state is RunState.CANCELLED:
        return "cancelled"
    return run.state.value + (f": {run.reason}" if run.reason else "")


def _left_to_do(run: Run, counts: Counts) -> Notice | None:
    number = run.content.issue
    if run.state not in {RunState.FINISHED, RunState.CANCELLED}:
        return Notice(
            said=f"{plural(counts.left, 'mail')} still to go.", way="To go on:",
            command=f"newsletter send --issue {number}",
        )  # fmt: skip
    if unknown := counts[State.UNKNOWN]:
        return Notice(
            said=f"It is unknown whether {plural(unknown, 'mail')} arrived.",
            way="To see why:", command=f"newsletter status --issue {number}",
        )  # fmt: skip
    return None
