"""Which issues no schedule sends any more: whoever wants to know asks here."""

from __future__ import annotations

import contextlib

from newsletter.delivery import RunState
from newsletter.errors import NewsletterError
from newsletter.project import Project, ledger
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


def closed_here(project: Project) -> dict[int, IssueStanding]:
    """The same for who has no records open: by the second ledger, too, which a clone has as well.

    Records that are not there or cannot be read tell nothing; whoever needs them says why.
    """
    closed = dict.fromkeys(ledger.issues(project.root), IssueStanding.BEGUN)
    with (
        contextlib.suppress(NewsletterError),
        Store.open(project.store_url, create=False, read_only=True) as store,
    ):
        closed |= closed_issues(store, rehearses=project.rehearses)
    return closed
