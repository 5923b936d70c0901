"""Which issues no schedule sends any more, by the records."""

from __future__ import annotations

from newsletter.delivery import RunState
from newsletter.schedule.outlook import IssueStanding
from newsletter.store import Store, runs


def closed_issues(store: Store, *, rehearses: bool) -> dict[int, IssueStanding]:
    """Those that were sent, begun or cancelled, by number; their dates are free for others.

    Args:
        store: the records.
        rehearses: whether the transport sends nothing; a rehearsal alone closes nothing but by
            being cancelled.
    """
    closed = {}
    # What is true of the real send is said last, so that no rehearsal hides it.
    for run in sorted(runs.find_all(store), key=lambda one: not one.rehearsal):
        if run.state is RunState.CANCELLED and (rehearses or not run.rehearsal):
            closed[run.content.issue] = IssueStanding.CANCELLED
        elif not run.rehearsal and run.state is RunState.FINISHED:
            closed[run.content.issue] = IssueStanding.SENT
        elif not run.rehearsal and run.begun:
            closed[run.content.issue] = IssueStanding.BEGUN
    return closed
