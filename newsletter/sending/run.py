"""One send, from the plan to the result: lock, freeze or resume, drain, settle.

Run again after whatever ended it, `send` goes on with what is left and sends nothing twice.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from newsletter import clocks
from newsletter.delivery import (
    Counts,
    Pause,
    Run,
    RunState,
    State,
    Stop,
)
from newsletter.errors import AccountError, InputError, PausedError
from newsletter.humanize import plural
from newsletter.publishing.images import expect_public, publish_first
from newsletter.sending import second_ledger
from newsletter.sending.breaking_off import told_how_it_breaks_off
from newsletter.sending.changed import require_same_content
from newsletter.sending.context import SendContext
from newsletter.sending.drain import Drained
from newsletter.sending.following import following
from newsletter.sending.part import Ended, conclude, drain_part
from newsletter.sending.reaching import expect_server, refused
from newsletter.sending.result import AlreadySent, Detached, Plan, SendResult
from newsletter.sending.run_log import RunLog
from newsletter.sending.way import way_of
from newsletter.store import Store, freezing, runs, shares
from newsletter.store import deliveries as delivery_records
from newsletter.store.folder import backup as backups

#: A mail counts against the day's quota for so long (SES guide, sending quotas).
_QUOTA_WINDOW: Final = dt.timedelta(days=1)
#: How long, and how often, it is looked whether a worker takes up what is left to them; seconds.
_TAKEN_UP_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.25
#: Nothing else will go either, so with nothing accepted this is a fault, not a pause.
_FOR_EVERYBODY: Final = {Pause.ACCOUNT: AccountError, Pause.MALFORMED: InputError}


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run that is frozen or resumed, or finished already; whether to stop; its log.

    Its deliveries are counted once for all that begins with it: of a million that takes a while.
    """

    run: Run
    counts: Counts
    stopped: Callable[[], bool]
    log: RunLog

    @property
    def finished(self) -> bool:
        return self.run.state is RunState.FINISHED


def send(context: SendContext, plan: Plan) -> SendResult | AlreadySent:
    """Freeze or resume, drain, record how it ended.

    Raises:
        LockedError: another run is sending from these records.
        RefusedError: issue, theme or settings are not those of the run, or the ledgers disagree.
        PausedError: the disk is full; or mails have left, and ledger or records fail; or nobody
            answers at the mail server's address, and nothing was begun.
        CancelledError: a signal came before anything was begun.
        AccountError: everything was refused, nothing accepted; or the letter's pictures cannot be
            published.
        InputError: our own request is malformed, or something cannot be written.
    """
    store = context.store
    with store.lock():
        with _told(context, plan), _begun(context, plan) as begun:
            run, counts = begun.run, begun.counts
            if begun.finished:
                return AlreadySent(run=run, counts=counts)
            mark = second_ledger.write(context.project, store, run, counts)
            _let_workers_in(context, plan, run)
            with following(store, run, mark, reporter=context.reporter):
                drained = drain_part(
                    context, run, plan.transport, plan.allowance, counts=counts,
                    stopped=begun.stopped, log=begun.log, leads=True, limit=plan.options.limit,
                )  # fmt: skip
            ended = _conclude(context, plan, begun, drained)
        return store.when_back(lambda: _result(context, begun, drained, ended))


def detach(context: SendContext, plan: Plan) -> Detached | SendResult | AlreadySent:
    """Freeze or resume, and leave it to the workers, unless a signal has come meanwhile.

    Raises:
        NewsletterError: as `send` does.
    """
    project, store = context.project, context.store
    with store.lock():
        with _told(context, plan), _begun(context, plan) as begun:
            run, counts = begun.run, begun.counts
            if begun.finished:
                return AlreadySent(run=run, counts=counts)
            second_ledger.write(project, store, run, counts)
            _let_workers_in(context, plan, run)
            stop = Stop(Pause.INTERRUPTED, "interrupted") if begun.stopped() else None
            drained = Drained(accepted=0, stop=stop)
            ended = _conclude(context, plan, begun, drained) if stop else None
        if ended:
            return store.when_back(lambda: _result(context, begun, drained, ended))
        file = second_ledger.keep_in_git(project, run, counts)
    # Only now can one of them lead it.
    taken_up, paused = _taken_up(context, run)
    there = tuple(sorted(store.workers().values()))
    why_not = "" if taken_up else shares.unsent(store).get(run.id, "")
    return Detached(
        run=run, counts=counts, workers=there, taken_up=taken_up, paused=paused, why_not=why_not,
        ledger=file,
    )  # fmt: skip


def _told(context: SendContext, plan: Plan) -> AbstractContextManager[None]:
    return told_how_it_breaks_off(context, plan, shared=bool(_shared(context, plan)))


def _conclude(context: SendContext, plan: Plan, begun: _Begun, drained: Drained) -> Ended:
    """Have all stop where there is a reason to, and record how it ended."""
    store, run = context.store, begun.run
    if drained.stop and _shared(context, plan) and (others := store.workers()):
        number = plural(len(others), "worker finishes", "workers finish")
        context.reporter.say(f"pausing it for all: {number} what is in flight")
    ended = conclude(store, run, drained, log=begun.log)
    store.when_back(lambda: second_ledger.write(context.project, store, run, ended.counts))
    return ended


def _result(context: SendContext, begun: _Begun, drained: Drained, ended: Ended) -> SendResult:
    store, run, counts, stop = context.store, begun.run, ended.counts, ended.stop
    _refuse_where_nothing_goes(run, counts, stop)
    return SendResult(
        run=run, counts=counts, sent_now=drained.accepted, stop=stop, state=ended.state,
        reasons=_reasons(store, run, counts), quota_frees_at=_quota_frees_at(store, stop),
        log=begun.log.path, ledger=second_ledger.keep_in_git(context.project, run, counts),
    )  # fmt: skip


def _taken_up(context: SendContext, run: Run) -> tuple[bool, str]:
    """Wait until a worker has taken up what was left to them, for a while; why it has paused it."""
    end, store = time.monotonic() + _TAKEN_UP_SECONDS, context.store
    with context.stopping() as stopped:
        while not store.sender():
            # One that led it may have come to its end since, and a person may have cancelled it.
            found = runs.find(store, run.content.issue, rehearsal=False)
            if found and found.state is RunState.PAUSED:
                return False, found.reason
            if found and found.state in {RunState.FINISHED, RunState.CANCELLED}:
                break
            if stopped() or time.monotonic() > end:
                return False, ""
            time.sleep(_LOOK_SECONDS)
    return True, ""


@contextlib.contextmanager
def _begun(context: SendContext, plan: Plan) -> Iterator[_Begun]:
    """The run to send, under the lock; the transport is closed in the end."""
    project, store = context.project, context.store
    if not plan.transport.rehearsal:
        second_ledger.accept_backup(
            project, store, plan.options.issue,
            restored=plan.options.restored, reporter=context.reporter,
        )  # fmt: skip
    # The log before the freeze: a run that cannot be logged is not begun.
    with (
        contextlib.closing(plan.transport),
        context.stopping() as stopped,
        _log(store, plan) as log,
    ):
        store.backend.hurry.heed(stopped)
        _publish_pictures(context, plan)  # no mail looks for what is not there yet
        run, counts = _freeze_or_resume(context, plan, stopped)
        begun = _Begun(run, counts, stopped, log)
        if not begun.finished:
            _back_up(context, begun)
        yield begun


def foresee(context: SendContext, plan: Plan) -> None:
    """In a dry run: look at what a send looks at before its first mail, pictures and mail server.

    Raises:
        NewsletterError: it would refuse for them.
    """
    with contextlib.closing(plan.transport):
        _publish_pictures(context, plan, dry_run=True)
        _expect_server(context, plan, lambda: False, begun=False)


def _expect_server(
    context: SendContext, plan: Plan, stopped: Callable[[], bool], *, begun: bool
) -> None:
    """A schedule begins all the same, and goes on: its date would pass; workers have their own."""
    if not (plan.options.scheduled or plan.options.detach):
        expect_server(context, plan, stopped, begun=begun)


def _publish_pictures(context: SendContext, plan: Plan, *, dry_run: bool = False) -> None:
    if plan.transport.rehearsal:
        return
    project, reporter = context.project, context.reporter
    pushed = publish_first(project, plan.prepared, plan=dry_run)
    absent = pushed.sent if dry_run else ()
    if absent:
        number, to = plural(len(absent), "picture"), project.settings.images.to
        looks = "" if to.startswith("s3://") else ", and looks whether readers see what is there"
        reporter.say(f"the send puts {number} into {to} first{looks}")
    if "image-dead" not in plan.options.skip_checks:
        expect_public(project, plan.prepared, reporter, missing_yet=absent)


def _log(store: Store, plan: Plan) -> RunLog:
    kind = "rehearsal" if plan.transport.rehearsal else plan.transport.name
    return RunLog(store.folder, f"{plan.content.issue}-{kind}", clocks.now)


def _freeze_or_resume(
    context: SendContext, plan: Plan, stopped: Callable[[], bool]
) -> tuple[Run, Counts]:
    """The run to drain, looked up again under the lock: another sender may have been here.

    Who gets what is frozen for good. So none is begun that comes to nothing at once: not once it
    was to stop, and not where the mail server is not there or takes nothing.
    """
    store, options, transport = context.store, plan.options, plan.transport
    if options.again and transport.rehearsal:
        freezing.clear_rehearsal(store, options.issue)
    run = runs.find(store, options.issue, rehearsal=transport.rehearsal)
    if run is not None and run.state is RunState.FINISHED:
        return run, runs.counts(store, run)
    if run is not None and not plan.cancelled:
        runs.expect_not_cancelled(run)  # since it was planned: who cancels has the last word
    begun = run is not None and run.begun
    _expect_server(context, plan, stopped, begun=begun)
    if run is not None and begun:
        require_same_content(context.project, store, run, plan.content, plan.prepared.issue.file)
        runs.share(store, run, "")
        # Asked again, under the lock: whoever sent it when a trigger looked may have stopped since.
        runs.resume(store, run, by_hand=not options.scheduled)
        lost = delivery_records.recover(store, run, now=store.clock()())
        if lost:
            deliveries = plural(lost, "delivery", "deliveries")
            context.reporter.say(f"{deliveries} of an earlier run: outcome unknown")
        counts = runs.counts(store, run)
    else:
        transport.begin(options.issue)
        run = freezing.start(
            store,
            plan.content,
            rehearsal=transport.rehearsal,
            transport=transport.name,
            eligible=plan.prepared.audience,
            expect=options.expect,
            now=clocks.now(),
            occurrence=options.occurrence,
            stopped=stopped,
            anyway=plan.cancelled,
        )
        # They were counted when it was let go: to count a million again takes half a second.
        counts = Counts(by_state={State.QUEUED: run.recipients})
    store.feedback.note_account(run, plan.allowance.account)
    return run, counts


def _let_workers_in(context: SendContext, plan: Plan, run: Run) -> None:
    """Not before all is written here that may fail: nothing was sent then, says the screen."""
    if way := _shared(context, plan):
        runs.share(context.store, run, way)


def _shared(context: SendContext, plan: Plan) -> str:
    """The way of a run that workers may send with us, "" for one that they may not.

    A limit is counted by one process, and a rehearsal lands in a folder of this machine.
    """
    alone = not context.store.backend.on_server or plan.transport.rehearsal
    if alone or plan.options.limit is not None:
        return ""
    return way_of(context.project, plan.transport, plan.allowance)


def _back_up(context: SendContext, begun: _Begun) -> None:
    """Before the first real claim: a copy that knows the recipients, so that it can go on.

    Raises:
        InputError: the records are damaged, or their folder cannot be written.
    """
    is_resumed = begun.counts[State.QUEUED] < begun.counts.total
    # A copy over the network before every send is too dear; a server has backups of its own.
    if begun.run.rehearsal or is_resumed or context.store.backend.on_server:
        return
    try:
        backups.keep(context.store, now=clocks.now())
    except PausedError as error:  # a full disk; no mail depends on the copy
        context.reporter.warn(f"no backup was made before this send: {error}")


def _refuse_where_nothing_goes(run: Run, counts: Counts, stop: Stop | None) -> None:
    if stop and stop.pause in _FOR_EVERYBODY and not counts[State.ACCEPTED]:
        kind, number = _FOR_EVERYBODY[stop.pause], run.content.issue
        raise refused(kind, run.transport, stop.reason, number)


def _reasons(store: Store, run: Run, counts: Counts) -> dict[tuple[State, str], int]:
    shown = {State.DEFERRED, State.REFUSED, State.UNKNOWN}
    if not any(counts[state] for state in shown):
        return {}
    return {found: n for found, n in runs.reasons(store, run).items() if found[0] in shown}


def _quota_frees_at(store: Store, stop: Stop | None) -> dt.datetime | None:
    if stop is None or stop.pause is not Pause.QUOTA:
        return None
    first = runs.first_accepted(store, since=store.clock()() - _QUOTA_WINDOW)
    return first and first + _QUOTA_WINDOW
