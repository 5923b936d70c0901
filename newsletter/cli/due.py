"""`newsletter send --due`: which issue a schedule asks for now, and whether it may go."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from newsletter.cli import desk as front
from newsletter.cli.draining import Wish
from newsletter.cli.ending import already
from newsletter.cli.sending import send_issue
from newsletter.cli.show import VOICE, result_json, say
from newsletter.errors import InputError, LockedError, Place, RefusedError
from newsletter.issue import Issue, parse
from newsletter.outbox import Run, RunState
from newsletter.schedule import Occurrence, Timetable, ahead, first_day, is_in_time, latest
from newsletter.store import files

if TYPE_CHECKING:
    import datetime as dt

    from newsletter.cli.desk import Desk
    from newsletter.settings import Settings


def send_due(desk: Desk, wish: Wish) -> int:
    """Send the approved issue whose date has come, or say why there is nothing to do.

    Args:
        desk: the newsletter.
        wish: the options; its issue is not looked at.

    Returns:
        The exit code of the send; 0 also where nothing is due, all is done, or another run is
        at it.

    Raises:
        NewsletterError: there is no schedule, it is not clear what to send, or it may not go.
    """
    table = timetable(desk.settings)
    now = front.clock()
    last = latest(table, now)
    issue = _approved(desk, last.day) if last else None
    if last is None or issue is None:
        return _nothing(f"nothing due{_next(table, now)}")
    run = _run_of(desk, issue)
    if run and run.state is RunState.FINISHED:
        return _done(desk, run)
    if not _may_go(desk, last, run, now):
        return _nothing(
            f"issue {issue.number} was due on {last.at:%Y-%m-%d at %H:%M} UTC, more than "
            f"{desk.settings.schedule.catch_up:g} hours ago: too late to go by itself; "
            f"by hand: newsletter send --issue {issue.number}"
        )
    try:
        number = issue.number
        return send_issue(desk, replace(wish, issue=number, confirm=number, due=True))
    except LockedError as error:
        return _nothing(str(error))


def timetable(settings: Settings) -> Timetable:
    """The schedule of the settings.

    Raises:
        InputError: there is none, or its anchor is not one of its days.
    """
    rule, anchor = settings.schedule.rrule, settings.schedule.anchor
    if not rule or anchor is None:
        raise InputError(
            "there is no schedule",
            hint='set schedule.rrule, such as "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO", and '
            "schedule.anchor, the date of one issue",
        )
    first = first_day(rule, anchor)
    if first != anchor:
        raise InputError(
            f'"schedule.anchor" is {anchor}, a {anchor:%A}, which is no day of "schedule.rrule"',
            place=_place(settings, "schedule.anchor"),
            hint=f"write {first}, or the date of another issue" if first else "mend the rule",
        )
    zone = ZoneInfo(settings.site.timezone)
    return Timetable(rule=rule, anchor=anchor, time=settings.schedule.time, zone=zone)


def issues_of(desk: Desk) -> tuple[Issue, ...]:
    """Every issue of the folder, by number.

    Raises:
        InputError: one of them cannot be read.
    """
    names = files.issue_files(desk.root)
    return tuple(parse(files.read_issue(desk.root, name), file=name) for name in names)


def _place(settings: Settings, key: str) -> Place:
    """Where a setting was made: a line of a file, or the name of its variable."""
    file, colon, line = settings.origin(key).rpartition(":")
    return Place(file, int(line)) if colon and line.isdecimal() else Place(settings.origin(key))


def _approved(desk: Desk, day: dt.date) -> Issue | None:
    """The issue of a day that is ready and approved, None when there is none."""
    found = [i for i in issues_of(desk) if i.date == day and i.status == "ready"]
    if len(found) > 1:
        raise RefusedError(
            f"two issues have the date {day}: {found[0].file} and {found[1].file}",
            place=found[1].place("date"),
            hint="change the date of one, or make it a draft",
        )
    return next((issue for issue in found if issue.approved), None)


def _rehearses(desk: Desk) -> bool:
    """Whether the configured transport is the one of rehearsals, without opening it."""
    return desk.settings.transport.kind == "folder"


def _run_of(desk: Desk, issue: Issue) -> Run | None:
    with desk.store(create=False, read_only=True) as store:
        return store.run(issue.number, rehearsal=_rehearses(desk))


def _may_go(desk: Desk, due: Occurrence, run: Run | None, now: dt.datetime) -> bool:
    """Lateness is judged at the first claim: what was begun in time may end late."""
    begun = run.started_at if run else now
    return is_in_time(due, begun, catch_up=desk.settings.schedule.catch_up)


def _done(desk: Desk, run: Run) -> int:
    """Say that it was sent; whoever sent it has been told of unknown outcomes by then."""
    with desk.store(create=False, read_only=True) as store:
        already(store, run)
    return 0


def _next(table: Timetable, now: dt.datetime) -> str:
    coming = next(itertools.islice(ahead(table, now), 1), None)
    return f"; the next date is {coming.day} ({coming.at:%Y-%m-%d %H:%M} UTC)" if coming else ""


def _nothing(why: str) -> int:
    say(why)
    if VOICE.json:
        result_json({"issue": None, "sent_now": 0, "reason": why})
    return 0
