"""The two ledgers held against each other: the records, and the files beside the issues."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.cli.desk import clock
from newsletter.cli.show import say
from newsletter.humanize import plural
from newsletter.project import git, ledger

if TYPE_CHECKING:
    from newsletter.cli.desk import Desk
    from newsletter.delivery import Run
    from newsletter.project.ledger import Entry, HighWaterMark, Reached
    from newsletter.store import Store

_NOTHING = ledger.Reached(recipients=0, attempts=0, position=0)


def expect_agreement(desk: Desk, store: Store) -> None:
    """Refuse where a file tells of more of a real run than the records do.

    Raises:
        RefusedError: they disagree.
        InputError: a file cannot be read.
    """
    for entry in ledger.entries(desk.root):
        missing(desk, store, entry.issue, restored=False)


def missing(desk: Desk, store: Store, issue: int, *, restored: bool) -> Entry | None:
    """What a file tells of a run that the records have lost, None where they agree.

    Args:
        desk: the newsletter.
        store: its records.
        issue: the number.
        restored: whether a person says that these are a backup, put back.

    Raises:
        RefusedError: they disagree, and nobody says so; or the records do not know the run at all.
        InputError: the file cannot be read.
    """
    if _lost(desk, store, issue) is None:
        return None
    # A run at work may have been writing the number just as it was read: look twice.
    found = _lost(desk, store, issue)
    if found and not restored:
        raise ledger.behind(*found)
    return found[0] if found else None


def agree(desk: Desk, store: Store, issue: int, *, restored: bool) -> None:
    """Under the lock: make a backup that was put back good to go on with, or refuse as `missing`.

    Whoever may have got the issue since is unknown from then on. A file that is missing is written
    again.
    """
    from newsletter.store import claims, runs

    entry = missing(desk, store, issue, restored=restored)
    run = runs.find(store, issue, rehearsal=False)
    if run and entry:
        # Should this end in the middle, nothing may be left that looks as if the records agreed:
        # the file first tells of more than they can reach.
        exposed = claims.exposed(store, run, entry.reached.position)
        ahead = replace(entry.reached, attempts=entry.reached.attempts + exposed + 1)
        ledger.write(desk.root, run, runs.counts(store, run), ahead, occurrence=_day(store, run))
        number = claims.doubt(store, run, entry.reached, now=clock())
        say(f"{plural(number, 'delivery', 'deliveries')} may have been sent since the backup: "
            "unknown, and not sent again")  # fmt: skip
        write(desk, store, run)
    elif run:
        write_again(desk, store, run)


def write(desk: Desk, store: Store, run: Run) -> HighWaterMark | None:
    """Write the file of a real run; a rehearsal has none.

    Returns:
        what raises its mark while the run goes on.

    Raises:
        PausedError: the disk is full.
        InputError: the folder cannot be written.
    """
    from newsletter.store import claims, runs

    if run.rehearsal:
        return None
    reached = claims.reached(store, run)
    return ledger.write(
        desk.root, run, runs.counts(store, run), reached, occurrence=_day(store, run)
    )


def write_again(desk: Desk, store: Store, run: Run) -> None:
    """Write the file of a real run that has lost it, and say so."""
    if run.begun and not run.rehearsal and ledger.entry(desk.root, run.content.issue) is None:
        write(desk, store, run)
        say(f"{ledger.name_of(run.content.issue)} was missing and is written again")


def keep(desk: Desk, run: Run) -> None:
    """Bring the file of a real run into git, or say how."""
    if run.rehearsal:
        return
    number, name = run.content.issue, ledger.name_of(run.content.issue)
    if git.state(desk.root, name) in {"no git", "committed"}:
        return
    message = f"Issue {number} was sent"
    if desk.settings.schedule.commit_ledger and git.commit(desk.root, name, message):
        say(f"{name} is committed; push it, and no restored backup sends issue {number} again")
        return
    where = shlex.quote(name)
    say(f'keep: git add {where} && git commit -m "{message}" {where}')


def _lost(desk: Desk, store: Store, issue: int) -> tuple[Entry, Reached] | None:
    """What the file says and what the records do, None unless they are behind it."""
    from newsletter.store import claims, runs

    entry = ledger.entry(desk.root, issue)
    if entry is None:
        return None
    run = runs.find(store, issue, rehearsal=False)
    reached = claims.reached(store, run) if run else _NOTHING
    return (entry, reached) if ledger.is_behind(entry, run, reached) else None


def _day(store: Store, run: Run) -> dt.date | None:
    from newsletter.store.calendar import Calendar

    used = Calendar(store, rehearsal=False).used()
    days = (one.occurrence.day for one in used if one.issue == run.content.issue)
    return next(days, None)
