"""The two ledgers held against each other: the records, and the files beside the issues."""

from __future__ import annotations

import datetime as dt
import shlex
from typing import TYPE_CHECKING

from newsletter.cli.show import say
from newsletter.store import git, ledger

if TYPE_CHECKING:
    from newsletter.cli.desk import Desk
    from newsletter.outbox import Run
    from newsletter.store.ledger import Entry
    from newsletter.store.sql import Store


def expect_agreement(desk: Desk, store: Store, issue: int | None = None) -> None:
    """Refuse where a file tells of a real run that the records do not know.

    Args:
        desk: the newsletter.
        store: its records.
        issue: only this one; None for all.

    Raises:
        RefusedError: they disagree.
        InputError: a file cannot be read.
    """
    if issue is None:
        found = ledger.entries(desk.root)
    else:
        one = ledger.entry(desk.root, issue)
        found = (one,) if one else ()
    for entry in found:
        _expect_known(store, entry)


def write(desk: Desk, store: Store, run: Run) -> None:
    """Write the file of a real run; a rehearsal has none.

    Raises:
        PausedError: the disk is full.
        InputError: the folder cannot be written.
    """
    if not run.rehearsal:
        ledger.write(
            desk.root, run, store.counts(run), attempts=store.attempts(run),
            occurrence=_day(store, run),
        )  # fmt: skip


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


def _expect_known(store: Store, entry: Entry) -> None:
    run = store.run(entry.issue, rehearsal=False)
    attempts = store.attempts(run) if run else 0
    ledger.expect_known(entry, run, attempts)


def _day(store: Store, run: Run) -> dt.date | None:
    used = store.calendar(rehearsal=False).used()
    days = (one.occurrence.day for one in used if one.issue == run.content.issue)
    return next(days, None)
