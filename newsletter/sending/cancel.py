"""Cancel an issue: a schedule sends nothing of it any more, and a run that is going on ends."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter.delivery import Counts, Run, RunState
from newsletter.errors import RefusedError
from newsletter.project import Project, files
from newsletter.store import Store, runs
from newsletter.store.agreement import forgotten
from newsletter.store.calendar import Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """A cancelled issue.

    Attributes:
        run: what was cancelled: its real run, or a rehearsal that was going on; it may not have
            begun.
        counts: the deliveries of that run by state.
        forgotten: what the second ledger tells of it that the records have forgotten, in a
            sentence; "" where they agree.
    """

    run: Run
    counts: Counts
    forgotten: str


def cancel_issue(project: Project, store: Store, issue: int, *, now: dt.datetime) -> Cancelled:
    """Cancel an issue: its real send, and where the transport rehearses its rehearsal as well.

    A rehearsal that is finished stands in the way of nothing: the real send is still ahead.

    Raises:
        InputError: there is no such issue.
        RefusedError: it was sent already.
    """
    if runs.find(store, issue, rehearsal=project.rehearses) is None:
        files.find_issue(project.root, issue)  # a typing error cancels nothing
    rehearsal = _cancel(store, issue, now, rehearsal=True) if project.rehearses else None
    run = _cancel(store, issue, now, rehearsal=False)
    if rehearsal and rehearsal.begun and rehearsal.state is RunState.CANCELLED:
        run = rehearsal
    if run.state is RunState.FINISHED:
        raise RefusedError(
            f"issue {issue} was sent already; no mail can be called back",
            hint=f"newsletter status --issue {issue}",
        )
    more = "" if run.rehearsal else forgotten(project.root, store, issue)
    return Cancelled(run=run, counts=runs.counts(store, run), forgotten=more)


def _cancel(store: Store, issue: int, now: dt.datetime, *, rehearsal: bool) -> Run:
    """Cancel one of its runs, unless it is finished; the run as it is then."""
    Calendar(store, rehearsal=rehearsal).cancel(issue, now=now)
    run = runs.find(store, issue, rehearsal=rehearsal)
    assert run is not None
    return run
