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
        run: its run; it may not have begun.
        counts: the deliveries of that run by state.
        forgotten: what the second ledger tells of it that the records have forgotten, in a
            sentence; "" where they agree.
    """

    run: Run
    counts: Counts
    forgotten: str


def cancel_issue(project: Project, store: Store, issue: int, *, now: dt.datetime) -> Cancelled:
    """Cancel an issue.

    Raises:
        InputError: there is no such issue.
        RefusedError: it was sent already.
    """
    calendar = Calendar(store, rehearsal=project.rehearses)
    if runs.find(store, issue, rehearsal=project.rehearses) is None:
        files.find_issue(project.root, issue)  # a typing error cancels nothing
    before = calendar.cancel(issue, now=now)
    if before and before.state is RunState.FINISHED:
        raise RefusedError(
            f"issue {issue} was sent already; no mail can be called back",
            hint=f"newsletter status --issue {issue}",
        )
    run = runs.find(store, issue, rehearsal=project.rehearses)
    assert run is not None
    more = "" if project.rehearses else forgotten(project.root, store, issue)
    return Cancelled(run=run, counts=runs.counts(store, run), forgotten=more)
