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
        run: its real run; it may not have begun.
        counts: the deliveries of that run by state.
        forgotten: what the second ledger tells of it that the records have forgotten, in a
            sentence; "" where they agree.
        rehearsal: a rehearsal that was going on and has been stopped with it, None for none.
    """

    run: Run
    counts: Counts
    forgotten: str
    rehearsal: Run | None


def cancel_issue(project: Project, store: Store, issue: int, *, now: dt.datetime) -> Cancelled:
    """Cancel an issue: its real send, and where the transport rehearses its rehearsals as well.

    A rehearsal that is finished stands in the way of nothing: the real send is still ahead.

    Raises:
        InputError: there is no such issue.
        RefusedError: it was sent already; nothing is written then.
    """
    found = runs.find(store, issue, rehearsal=False)
    if found is None and runs.find(store, issue, rehearsal=True) is None:
        files.find_issue(project.root, issue)  # a typing error cancels nothing
    _refuse_sent(found, issue)
    Calendar(store, rehearsal=False).cancel(issue, now=now)
    run = runs.find(store, issue, rehearsal=False)
    assert run is not None
    _refuse_sent(run, issue)  # it has just ended
    stopped = Calendar(store, rehearsal=True).cancel(issue, now=now) if project.rehearses else None
    if stopped and (not stopped.begun or stopped.state in {RunState.FINISHED, RunState.CANCELLED}):
        stopped = None
    return Cancelled(
        run=run,
        counts=runs.counts(store, run),
        forgotten=forgotten(project.root, store, issue),
        rehearsal=stopped,
    )


def _refuse_sent(run: Run | None, issue: int) -> None:
    if run is not None and run.state is RunState.FINISHED:
        raise RefusedError(
            f"issue {issue} was sent already; no mail can be called back",
            hint=f"newsletter status --issue {issue}",
        )
