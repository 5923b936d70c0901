"""`newsletter send --issue N`: open, plan, ask, send, say what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from newsletter import clocks
from newsletter.cli.confirm import confirm
from newsletter.cli.context import open_store
from newsletter.cli.progress import progress
from newsletter.cli.results import exit_code, show_detached, show_dry_run, show_send
from newsletter.cli.show import Console, say
from newsletter.cli.signals import Signals
from newsletter.cli.together import progress_of_all
from newsletter.cli.write import findings_shown, say_findings
from newsletter.delivery import Attempt
from newsletter.errors import CancelledError, InputError
from newsletter.events.pull import pull_before_send
from newsletter.events.reputation import ReputationWatch, growth_warning
from newsletter.humanize import plural
from newsletter.people.changed import warn_of_changed_lists
from newsletter.project import Project
from newsletter.sending.context import SendContext
from newsletter.sending.gate import never_kept, refuse
from newsletter.sending.options import SendOptions
from newsletter.sending.plan import early, plan_send, rows, uncommitted
from newsletter.sending.result import AlreadySent, Detached, Plan
from newsletter.sending.run import detach, foresee, send
from newsletter.store import Store
from newsletter.store.schema import NoStoreError
from newsletter.store.shares import RunProgress


def send_issue(project: Project, options: SendOptions, *, confirmed: int | None) -> int:
    """Send an issue, or say why not.

    Args:
        project: the newsletter.
        options: what is asked.
        confirmed: the number given with --confirm, None to ask.

    Returns:
        The exit code: 0, 6 when deliveries are left, 9 when outcomes are unknown, 129, 130 or 143
        when a signal ended it.

    Raises:
        NewsletterError: it must not or cannot be sent; nothing has left.
    """
    if confirmed not in {None, options.issue}:
        raise InputError(
            f"--confirm says {confirmed}, --issue says {options.issue}",
            hint="use the same number twice",
        )
    signals = Signals()
    with open_to_send(project, dry_run=options.dry_run) as store, findings_shown():
        context = send_context(project, store, signals)
        plan = plan_send(context, options)
        if isinstance(plan, AlreadySent):
            show_send(project, plan)
            return exit_code(plan)
        context.reporter.planned(plan)
        if options.dry_run:
            foresee(context, plan)
            show_dry_run(plan)
            return exit_code(plan)
        if confirmed is None:
            _confirm(plan.content.issue)
        try:
            result = detach(context, plan) if options.detach else send(context, plan)
        except CancelledError as error:
            say(error.message)
            return 128 + signals.number
    if isinstance(result, Detached):
        return show_detached(result)
    show_send(project, result)
    return exit_code(result, signal=signals.number)


def open_to_send(project: Project, *, dry_run: bool) -> Store:
    """The records to send from.

    Raises:
        InputError: there are none; a build machine is told that it would not keep any.
        NewsletterError: see `Store.open`.
    """
    try:
        return open_store(project, create=False, read_only=dry_run)
    except NoStoreError as fault:
        refuse([never_kept(project, os.environ, fault.place)])
        raise


def _confirm(number: int) -> None:
    confirm(
        str(number), to="to send it", subject="sending", hint=f"--confirm {number}",
        unchanged="nothing was sent",
    )  # fmt: skip


def send_context(project: Project, store: Store, signals: Signals) -> SendContext:
    """What a send is done with at the command line."""
    reporter = _SendConsole(project, store)
    return SendContext(
        project=project,
        store=store,
        environ=os.environ,
        reporter=reporter,
        fetch_events=lambda: pull_before_send(project, store, os.environ, reporter),
        watch=lambda run: ReputationWatch(
            project, store, run, environ=os.environ, reporter=reporter
        ).going(),
        stopping=signals.noted,
    )


@dataclass(frozen=True, slots=True)
class _SendConsole(Console):
    """Prints what a `SendReporter` hears."""

    project: Project
    store: Store

    def planned(self, plan: Plan) -> None:
        """What would go out, and what is odd about it."""
        for name, value in rows(plan, self.project.root):
            say(f"{name:>10}  {value}")
        say_findings(plan.prepared.findings)
        warn_of_changed_lists(self.project, self.store, self)
        if not plan.transport.rehearsal:
            self._warn_of_real(plan)
        if plan.exposed is not None:
            exposed = f"{plural(plan.exposed, 'mail')} of these may have left already"
            say(f"{exposed}, unknown to the records: counted as unknown, and not sent again")

    def _warn_of_real(self, plan: Plan) -> None:
        by_hand = plan.run is None and not plan.options.scheduled
        told = (
            early(self.project, plan.prepared.issue, clocks.now()) if by_hand else "",
            uncommitted(self.project.root, plan.prepared.issue.file),
            growth_warning(self.store, plan.recipients),
        )
        for text in filter(None, told):
            self.warn(text)

    def progress(
        self, total: int, *, shared: bool = False
    ) -> AbstractContextManager[Callable[[Attempt], None]]:
        """A bar or lines."""
        return progress(total, shared=shared)

    def standing(self) -> AbstractContextManager[Callable[[RunProgress], None]]:
        """The same of all who send."""
        return progress_of_all()
