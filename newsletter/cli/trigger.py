"""One call of `newsletter send --due --yes`: whatever goes wrong in it, somebody hears of it."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from typing import TYPE_CHECKING

from newsletter import clocks
from newsletter.alerts.notifier import Notifier
from newsletter.cli import context
from newsletter.cli.show import Console, say
from newsletter.cli.unforeseen import foreseen
from newsletter.errors import CancelledError, NewsletterError
from newsletter.project import salvaged
from newsletter.settings import worth_keeping

if TYPE_CHECKING:
    from newsletter.project import Project
    from newsletter.sending.options import SendOptions


def answer(options: SendOptions) -> int:
    """Do what is due; tell the owner of any fault, a bug included, and the monitor how it ended.

    The heartbeat says that the call came to an orderly end, so it is no `finally`: a call that
    was killed or broke off must be missed outside. A dry run tells nobody.

    Returns:
        the exit code of its send; 0 where nothing was due.

    Raises:
        NewsletterError: what went wrong; the owner is told as far as there is a way to.
    """
    now = clocks.now()
    owner: Notifier | None = None
    with contextlib.ExitStack() as opened:
        try:
            owner = _notifier(context.open_project(), now)
            code = _answer(options, owner, opened)
        except Exception as error:
            fault = foreseen(error)
            if not options.dry_run:
                owner = owner or _notifier(context.salvaged_project(), now)
                owner.fault(fault)
                owner.heartbeat(orderly=False)
            if fault is error:
                raise
            raise fault from error
    if not options.dry_run:
        _keep(owner)
        owner.heartbeat(orderly=not owner.unheard)
    return code


def tell(fault: NewsletterError) -> None:
    """Tell the owner that a trigger was called in a way that cannot be understood.

    Who types at a terminal sees it, and needs no mail.
    """
    if sys.stdin.isatty():
        return
    owner = _notifier(context.salvaged_project(), clocks.now())
    owner.fault(fault)
    owner.heartbeat(orderly=False)


def _answer(options: SendOptions, owner: Notifier, opened: contextlib.ExitStack) -> int:
    # Here, so that a broken installation is told as well.
    from newsletter.cli.results import show_due
    from newsletter.cli.sending import open_to_send, send_context
    from newsletter.cli.signals import Signals
    from newsletter.cli.write import findings_shown
    from newsletter.sending.due import run_due
    from newsletter.store.calendar import Calendar

    project, signals = owner.project, Signals()
    store = opened.enter_context(open_to_send(project, dry_run=options.dry_run))
    if not options.dry_run:
        owner.records = Calendar(store, rehearsal=project.rehearses)
    with findings_shown():
        try:
            found = run_due(send_context(project, store, signals), options, owner, now=owner.now)
        except CancelledError as error:
            say(error.message)
            return 128 + signals.number
    return show_due(project, found, signal=signals.number)


def _keep(owner: Notifier) -> None:
    """Keep how the owner is reached, for a call that cannot read the settings."""
    project = owner.project
    try:
        salvaged.keep(project.root, worth_keeping(project.settings))
    except (OSError, NewsletterError) as error:
        say(f"how the owner is reached could not be kept: {type(error).__name__}")


def _notifier(project: Project, now: dt.datetime) -> Notifier:
    return Notifier(
        project, now, open_transport=lambda: context.open_transport(project), reporter=Console()
    )
