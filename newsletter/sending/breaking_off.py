"""Where a send or a worker ends before all is answered: what is stopped for all, and said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from newsletter.delivery import Pause, RunState, Stop
from newsletter.errors import NewsletterError
from newsletter.humanize import plural
from newsletter.sending.context import SendContext
from newsletter.sending.result import Plan
from newsletter.store import runs, settling


@contextlib.contextmanager
def told_how_it_breaks_off(context: SendContext, plan: Plan, *, shared: bool) -> Iterator[None]:
    """A second signal ends this process at once; others would go on with what it has begun.

    So it is paused for all then, and said what that has cost. Where something else ends it, the
    others go on, and that is said.

    Args:
        context: what it is done with.
        plan: of the send.
        shared: whether workers may send some of it.
    """
    try:
        yield
    except NewsletterError:
        _tell_who_goes_on(context, plan.options.issue)
        raise
    except SystemExit:
        if shared:
            _pause_for_all(context, plan.options.issue)
        _tell_what_is_left(context, plan)
        raise


@contextlib.contextmanager
def told_of_in_flight(context: SendContext) -> Iterator[None]:
    """Say of what a worker leaves in flight where a second signal ends it at once."""
    try:
        yield
    except SystemExit:
        with contextlib.suppress(NewsletterError):  # the records may be away
            _tell_of(context, settling.in_flight_here(context.store))
        raise


def _tell_what_is_left(context: SendContext, plan: Plan) -> None:
    store, number = context.store, plan.options.issue
    with contextlib.suppress(NewsletterError):  # the next send tells
        run = runs.find(store, number, rehearsal=plan.transport.rehearsal)
        if run is None or not run.begun:
            context.reporter.say("ended at once: nothing was sent")
            return
        _tell_of(context, settling.in_flight_here(store, run))
        left = runs.counts(store, run).left
        context.reporter.say(f"next: newsletter send --issue {number} goes on with {left:,}")


def _tell_of(context: SendContext, number: int) -> None:
    if number:
        were = plural(number, "mail was in flight and is", "mails were in flight and are")
        context.reporter.say(f"ended at once: {were} left unknown, never sent again by itself")
    else:
        context.reporter.say("ended at once: no mail was in flight from here")


def _tell_who_goes_on(context: SendContext, number: int) -> None:
    goes_on = False
    with contextlib.suppress(NewsletterError):  # the records may be what is wrong
        run = runs.find(context.store, number, rehearsal=False)
        goes_on = run is not None and runs.is_shared(context.store, run)
        goes_on = goes_on and bool(context.store.workers())
    if goes_on:
        context.reporter.warn(f"the workers go on; newsletter cancel --issue {number} stops them")


def _pause_for_all(context: SendContext, number: int) -> None:
    try:
        run = runs.find(context.store, number, rehearsal=False)
        if run is None or run.state is not RunState.RUNNING:
            return  # nobody goes on with it
        runs.pause(context.store, run, Stop(Pause.INTERRUPTED, "interrupted"))
    except NewsletterError as error:
        context.reporter.warn(f"the workers go on, for it could not be paused: {error.message}")
        context.reporter.warn(f"this stops them: newsletter cancel --issue {number}")
    else:
        context.reporter.say("paused for all")
