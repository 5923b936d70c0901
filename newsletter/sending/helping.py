"""Send some of a run that another process began, or lead it where nobody does any more."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from newsletter import clocks
from newsletter.delivery import Allowance, Pause, Run, RunState, Stop
from newsletter.delivery.deliver import Transport
from newsletter.errors import InputError, LockedError, NewsletterError, RefusedError
from newsletter.sending import second_ledger, transports
from newsletter.sending.context import SendContext
from newsletter.sending.drain import Drained
from newsletter.sending.following import following
from newsletter.sending.part import conclude, drain_part
from newsletter.sending.run_log import RunLog
from newsletter.sending.way import differences, way_of
from newsletter.store import Store, agreement, claims, deliveries, runs, shares
from newsletter.store.runs import SharedRun

#: What ends one worker's part, and no run: another machine may be better off.
_OWN: frozenset[Pause] = frozenset({Pause.INTERRUPTED, Pause.NETWORK})
#: How often it is looked whether somebody leads.
_LEADER_SECONDS: Final = 2.0
_KNOWS_MORE: Final = "a worker's folder knows of more than these records: are they a backup?"
_TOLD: Final = "issue {}: the records now know which mails left from here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """What one worker has sent of a run.

    Attributes:
        run: as it was then.
        sent: mails handed over.
        led: whether it led the run.
        stop: why it stopped, None when nothing was queued any more.
        waits: the seconds until anything may be sent, because the database has just begun; else 0.
    """

    run: Run
    sent: int = 0
    led: bool = False
    stop: Stop | None = None
    waits: float = 0.0


def help_send(context: SendContext, *, stopped: Callable[[], bool]) -> Help | None:
    """Send some of a run that goes on; None where there is nothing to do.

    Raises:
        RefusedError: from here it would leave in another way, or this folder knows of mails that
            the records have forgotten; the run is paused then.
        PausedError: this process is no longer one of those that send.
        AccountError: the account refuses, or cannot be asked.
    """
    store = context.store
    store.expect_held()
    store.expect_remembered()
    _tell_of_what_left_here(context)
    shared = runs.find_shared(store)
    if shared is None or (not shared.waits and store.sender() and not shared.queued):
        return None
    run = shared.run
    # Also while nothing is claimed: what that time is for is that whoever knows more says so.
    _refuse_forgotten(context, run)
    if shared.waits:
        return Help(run=run, waits=shared.waits)
    with contextlib.closing(transports.open_transport(context.project, context.environ)) as way_out:
        allowance = way_out.allowance()
        if other := differences(shared.way, way_of(context.project, way_out, allowance)):
            raise RefusedError(
                f"this worker's settings are not those issue {run.content.issue} was begun with",
                cause=f"different here: {', '.join(other)}",
                hint="set them as where it was begun; until then nothing of it leaves from here",
            )
        with contextlib.ExitStack() as held:
            led = True
            try:
                held.enter_context(store.lock())
            except LockedError:
                led = False
            return _send(context, shared, way_out, allowance, leads=led, stopped=stopped)


def _send(
    context: SendContext,
    shared: SharedRun,
    way_out: Transport,
    allowance: Allowance,
    *,
    leads: bool,
    stopped: Callable[[], bool],
) -> Help | None:
    store, project, run = context.store, context.project, shared.run
    if leads:
        # Looked up again under the lock: whoever led it before may have come to its end.
        found = runs.find_shared(store)
        if found is None or (found.run.id, found.way) != (run.id, shared.way):
            return None
        if found.run.reason:
            shares.note_unsent(store, run, "")
        deliveries.recover(store, run, now=store.clock()())
    with RunLog(store.folder, f"{run.content.issue}-{way_out.name}", clocks.now) as log:
        counts = runs.counts(store, run)
        mark = second_ledger.write(project, store, run, counts)
        alone: Callable[[], bool] = (lambda: False) if leads else _leaderless(store)
        with following(store, run, mark, reporter=context.reporter, way=shared.way):
            drained = drain_part(
                context, run, way_out, allowance, counts=counts,
                stopped=lambda: stopped() or alone(), log=log, leads=leads,
            )  # fmt: skip
        stop = drained.stop and _stopped_here(drained.stop)
        if leads and not (stop and stop.pause is Pause.INTERRUPTED):
            stop = conclude(store, run, Drained(accepted=drained.accepted, stop=stop), log=log).stop
        elif stop and stop.pause not in _OWN:
            runs.pause(store, run, stop)
        if (stop is None or stop.pause is Pause.INTERRUPTED) and not stopped():
            # Where nobody leads it any more, this worker comes back at once, and leads.
            stop = _ended_for_all(store, run) or (None if alone() else stop)
        if leads:
            second_ledger.write(project, store, run, runs.counts(store, run))
    return Help(run=run, sent=drained.accepted, led=leads, stop=stop)


def _stopped_here(stop: Stop) -> Stop:
    """It is read on every machine: where it is mended must be said."""
    return stop._replace(reason=f"{stop.reason} (on {socket.gethostname()})")


def _ended_for_all(store: Store, run: Run) -> Stop | None:
    """Why the run stands still for everybody, which no part of it knows; None while it goes on."""
    found = None
    # What is wrong with the records, the next claim tells.
    with contextlib.suppress(NewsletterError):
        found = runs.find(store, run.content.issue, rehearsal=run.rehearsal)
    if found and found.state is RunState.CANCELLED:
        return Stop(Pause.INTERRUPTED, found.reason)
    if found and found.state is RunState.PAUSED:
        return Stop(found.pause or Pause.INTERRUPTED, f"it was paused for all: {found.reason}")
    return None


def _leaderless(store: Store) -> Callable[[], bool]:
    """Asks now and then whether the one that led has died, however often it is called.

    Nobody else looks at what the provider reports, or after what the dead have left.
    """
    asked, answer = time.monotonic(), False

    def ask() -> bool:
        nonlocal asked, answer
        now = time.monotonic()
        if not answer and now - asked >= _LEADER_SECONDS:
            asked = now
            # What is wrong with the records, the next claim tells.
            with contextlib.suppress(NewsletterError):
                answer = not store.sender()
        return answer

    return ask


def tell_why_not(context: SendContext, why: str, *, anew: bool) -> None:
    """Let all know why this worker sends nothing of a run that nobody leads.

    It stands on its own screen only, and whoever looks at the records sees a run that goes on.

    Args:
        context: what it is done with.
        why: what keeps it.
        anew: whether that is another reason than a moment ago.
    """
    store = context.store
    with contextlib.suppress(NewsletterError):  # it is said here in any case
        shared = runs.find_shared(store)
        if shared and not store.sender() and (anew or not shared.run.reason):
            here = f"pid {os.getpid()} on {socket.gethostname()}"
            shares.note_unsent(store, shared.run, f"worker {here}: {why}")


def tell_of_what_stands(context: SendContext) -> bool:
    """Say how far this folder knows runs to have come of which nothing is to be sent at the moment.

    Records that were put back may have them as they stood before they went on. Once for each lease:
    it takes a look through all that was attempted, and none outlasts such records.

    Returns:
        whether the records learnt anything.
    """
    project, store = context.project, context.store
    told = False
    for run in runs.find_untold(store):
        number = run.content.issue
        # What is wrong with the file, or with records that know nothing of it, a send tells.
        with contextlib.suppress(InputError, RefusedError):
            lost = agreement.lost(project.root, store, number)
            # Without a mark the file knows nothing: it only cannot say that all is well.
            if lost is None or not lost.entry.vouches:
                continue
            if second_ledger.tell(project, store, run, _KNOWS_MORE):
                context.reporter.say(_TOLD.format(number))
                told = True
    return told


def _refuse_forgotten(context: SendContext, run: Run) -> None:
    """Have nobody go on where this folder knows of claims that the records do not.

    Raises:
        RefusedError: it does.
    """
    project, store = context.project, context.store
    try:
        second_ledger.lost_entry(project, store, run.content.issue, restored=False)
    except RefusedError:
        second_ledger.tell(project, store, run, _KNOWS_MORE)
        raise


def _tell_of_what_left_here(context: SendContext) -> None:
    """Say how far this folder knows a run to have come whose records are known to lack some."""
    for run in runs.find_doubted(context.store):
        if second_ledger.tell(context.project, context.store, run, claims.MOVED):
            context.reporter.say(_TOLD.format(run.content.issue))
