"""The two ledgers held against each other: the records, and the files beside the issues."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from newsletter.delivery import RunState, State, is_finished
from newsletter.humanize import plural
from newsletter.project import git, high_water, ledger
from newsletter.sending.result import LedgerFile
from newsletter.store import agreement, claims, doubting, runs
from newsletter.store.calendar import Calendar

if TYPE_CHECKING:
    from newsletter.delivery import Counts, Run
    from newsletter.project import Project
    from newsletter.project.high_water import HighWaterMark
    from newsletter.project.ledger import Entry
    from newsletter.reporter import Reporter
    from newsletter.store import Store


def refuse_lost_entries(project: Project, store: Store) -> None:
    """Refuse where a real run has come further than the records know, or may have.

    Not for an issue that a person has cancelled, where nothing shows it: it would keep every other
    one from being sent until somebody sends what was not to be sent.

    Raises:
        RefusedError: they disagree.
        InputError: a file cannot be read.
    """
    known = [entry.issue for entry in ledger.entries(project.root)]
    for issue in agreement.doubted(store, known):
        found = agreement.lost(project.root, store, issue)
        if found and not found.rests:
            raise agreement.refusal(found)


def lost_entry(project: Project, store: Store, issue: int, *, restored: bool) -> Entry | None:
    """What a file tells of a run that the records have lost, None where they agree.

    Args:
        project: the newsletter.
        store: its records.
        issue: the number.
        restored: whether the operator says that these are a backup, put back.

    Raises:
        RefusedError: they disagree, and the operator does not say why; or the records do not know
            the run at all.
        InputError: the file cannot be read.
    """
    found = agreement.lost(project.root, store, issue)
    if found and not restored:
        raise agreement.refusal(found)
    return found.entry if found else None


def accept_backup(
    project: Project, store: Store, issue: int, *, restored: bool, reporter: Reporter
) -> None:
    """Under the lock: make a backup that was put back good to go on with, or refuse it.

    Whoever may have got the issue since is unknown from then on. A file that is missing is written
    again.
    """
    entry = lost_entry(project, store, issue, restored=restored)
    run = runs.find(store, issue, rehearsal=False)
    if run and entry:
        # Should this end in the middle, nothing may look as if the records agreed.
        counts = runs.counts(store, run)
        high_water.write(project.root, run, counts, entry.reached, occurrence=_day(store, run))
        claims.distrust(store, run.id, entry.reached, "what may have left is not written down yet")
        number = doubting.doubt(store, run, entry.reached, now=store.clock()())
        reporter.say(
            f"{plural(number, 'delivery', 'deliveries')} may have been sent, which the "
            "records had forgotten: counted as unknown, and not sent again"
        )
        write(project, store, run, runs.counts(store, run))
    elif run:
        write_again(project, store, run, reporter)


def write(project: Project, store: Store, run: Run, counts: Counts) -> HighWaterMark | None:
    """Write the file of a real run; a rehearsal has none.

    Args:
        project: the newsletter.
        store: its records.
        run: begun.
        counts: its deliveries by state, counted a moment ago.

    Returns:
        what raises its mark while the run goes on.

    Raises:
        PausedError: the disk is full.
        InputError: the folder cannot be written.
    """
    if run.rehearsal:
        return None
    day = _day(store, run)
    return high_water.write(project.root, run, counts, claims.reached(store, run), occurrence=day)


def tell(project: Project, store: Store, run: Run, reason: str) -> bool:
    """Have nobody claim of a run whose file here tells of more than the records do.

    Args:
        project: whose folder it is.
        store: the records.
        run: real.
        reason: why, for people.

    Returns:
        whether there was something to tell.
    """
    entry, found = ledger.entry_of(project.root, run), claims.distrusted(store, run)
    if entry is None:
        return False
    known = found.reached if found else claims.reached(store, run)
    told = found is None or run.state is RunState.RUNNING or known.lacks(entry.reached)
    if told:
        claims.distrust(store, run.id, entry.reached, reason)
    return told


def write_again(project: Project, store: Store, run: Run, reporter: Reporter) -> None:
    """Write the file of a real run that has lost it, and say so."""
    if run.begun and not run.rehearsal and ledger.entry(project.root, run.content.issue) is None:
        write(project, store, run, runs.counts(store, run))
        reporter.say(f"{ledger.name_of(run.content.issue)} was missing and is written again")


def keep_in_git(project: Project, run: Run, counts: Counts) -> LedgerFile | None:
    """Bring the file of a real run into git where the settings say so.

    Returns:
        what to say of it; None for a rehearsal, without git, or when git has it already.
    """
    if run.rehearsal:
        return None
    number, name = run.content.issue, ledger.name_of(run.content.issue)
    if git.state(project.root, name) in {"no git", "committed"}:
        return None
    unknown = counts[State.UNKNOWN]
    message = f"Issue {number} was sent"
    if not is_finished(counts):
        done = counts.total - counts.left - counts[State.CLAIMED] - unknown
        message = f"Issue {number} is on its way: {done} of {counts.total} done"
    if unknown:
        message += f", {unknown} unknown"
    committed = project.settings.schedule.commit_ledger and git.commit(project.root, name, message)
    return LedgerFile(name=name, message=message, committed=committed)


def _day(store: Store, run: Run) -> dt.date | None:
    used = Calendar(store, rehearsal=False).used()
    days = (one.occurrence.day for one in used if one.issue == run.content.issue)
    return next(days, None)
