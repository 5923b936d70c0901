"""Which issues no schedule sends any more: whoever wants to know asks here."""

from __future__ import annotations

from newsletter.delivery import RunState
from newsletter.project import Project, ledger
from newsletter.schedule.outlook import IssueStanding
from newsletter.store import Store, runs
from newsletter.store.agreement import missing
from newsletter.store.postgres.address import is_server
from newsletter.store.schema import NoStoreError


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
    """The same for who has no records open; what the second ledger tells is in, too.

    Raises:
        NewsletterError: the records cannot be read, or are not here and may be elsewhere.
    """
    closed = closed_by_ledger(project)
    try:
        store = Store.open(project.store_url, create=False, read_only=True)
    except NoStoreError as fault:
        if why := missing(project.root, fault, on_server=is_server(project.store_url)):
            raise why from fault
        return closed
    with store:
        return closed | closed_issues(store, rehearses=project.rehearses)


def closed_by_ledger(project: Project) -> dict[int, IssueStanding]:
    """What the second ledger alone tells, which a clone has as well: issues that were begun."""
    return dict.fromkeys(ledger.issues(project.root), IssueStanding.BEGUN)
