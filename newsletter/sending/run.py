"""One send, from the plan to the result: lock, freeze or resume, drain, settle.

Run again after whatever ended it, `send` goes on with what is left and sends nothing twice.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from newsletter import clocks
from newsletter.delivery import (
    Attempt,
    Counts,
    Pause,
    Run,
    RunState,
    State,
    Stop,
    is_finished,
)
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.bulk import BulkOutlet
from newsletter.delivery.deliver import Hand, Outlet, Press, SingleOutlet
from newsletter.delivery.pace import Pace
from newsletter.errors import AccountError, InputError, NewsletterError, PausedError
from newsletter.humanize import plural
from newsletter.message import load_template
from newsletter.message.merge import load_issue, merge_template
from newsletter.publishing.images import publish_first
from newsletter.sending import second_ledger, transports
from newsletter.sending.context import SendContext
from newsletter.sending.drain import UNBOUND, Drained, Throttle, drain
from newsletter.sending.plan import require_same_content
from newsletter.sending.result import AlreadySent, Plan, SendResult
from newsletter.sending.run_log import RunLog
from newsletter.store import Store, freezing, runs, signing_keys
from newsletter.store import deliveries as delivery_records
from newsletter.store.calendar import Calendar
from newsletter.store.folder import backup as backups

#: How often a delivery that is deferred is tried in one run.
_TRIES: Final = 5
#: Each waits for one answer at a time; more only fight over the processor.
_MOST_THREADS: Final = 32
_MOST_BULK_THREADS: Final = 8
#: How often a run looks whether it was cancelled.
_CANCEL_POLL_SECONDS: Final = 0.25
#: An answer may take as long as this before the pace suffers.
_ANSWER_SECONDS: Final = 0.5
#: A mail counts against the day's quota for so long (SES guide, sending quotas).
_QUOTA_WINDOW: Final = dt.timedelta(days=1)
#: Nothing else will go either, so with nothing accepted this is a fault, not a pause.
_FOR_EVERYBODY: Final = {Pause.ACCOUNT: AccountError, Pause.MALFORMED: InputError}


def send(context: SendContext, plan: Plan) -> SendResult | AlreadySent:
    """Freeze or resume, drain, record how it ended.

    Raises:
        LockedError: another run is sending from these records.
        RefusedError: issue, theme or settings are not those of the run, or the ledgers disagree.
        PausedError: the disk is full; or mails have left, and ledger or records fail.
        AccountError: everything was refused, nothing accepted; or the letter's pictures cannot be
            published.
        InputError: our own request is malformed, or something cannot be written.
    """
    project, store = context.project, context.store
    with store.lock():
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
            if not plan.transport.rehearsal:
                publish_first(project, plan.prepared)  # no mail looks for what is not there yet
            run = _freeze_or_resume(context, plan)
            if run.state is RunState.FINISHED:
                return AlreadySent(run=run, counts=runs.counts(store, run))
            _back_up(context, run)
            with store.marked(second_ledger.write(project, store, run)):
                drained = _drain(context, plan, run, stopped=stopped, log=log)
            counts = runs.counts(store, run)
            stop = _stop_of(counts, drained)
            state = _settle(store, run, stop)
            log.note("ended", state=state, pause=stop.pause if stop else None,
                     reason=stop.reason if stop else "", by_state=counts.by_state)  # fmt: skip
            second_ledger.write(project, store, run)
        _refuse_where_nothing_goes(run, counts, stop)
        return SendResult(
            run=run, counts=counts, sent_now=drained.accepted, stop=stop, state=state,
            reasons=_reasons(store, run, counts), quota_frees_at=_quota_frees_at(store, stop),
            log=log.path, ledger=second_ledger.keep_in_git(project, run, counts),
        )  # fmt: skip


def _log(store: Store, plan: Plan) -> RunLog:
    kind = "rehearsal" if plan.transport.rehearsal else plan.transport.name
    return RunLog(store.folder, f"{plan.content.issue}-{kind}", clocks.now)


def _freeze_or_resume(context: SendContext, plan: Plan) -> Run:
    """The run to drain, looked up again under the lock: another sender may have been here."""
    store, options, transport = context.store, plan.options, plan.transport
    if options.again and transport.rehearsal:
        freezing.clear_rehearsal(store, options.issue)
    run = runs.find(store, options.issue, rehearsal=transport.rehearsal)
    if run is not None and run.state is RunState.FINISHED:
        return run
    if run is not None and run.begun:
        require_same_content(run, plan.content)
        runs.resume(store, run, by_hand=not options.scheduled)
        lost = delivery_records.recover(store, run, now=clocks.now())
        if lost:
            deliveries = plural(lost, "delivery", "deliveries")
            context.reporter.say(f"{deliveries} of an earlier run: outcome unknown")
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
        )
    store.feedback.note_account(run, plan.allowance.account)
    return run


def _back_up(context: SendContext, run: Run) -> None:
    """Before the first real claim: a copy that knows the recipients, so that it can go on.

    Raises:
        InputError: the records are damaged, or their folder cannot be written.
    """
    counts = runs.counts(context.store, run)
    # A copy over the network before every send is too dear; a server has backups of its own.
    if run.rehearsal or counts[State.QUEUED] < counts.total or context.store.backend.on_server:
        return
    try:
        backups.keep(context.store, now=clocks.now())
    except PausedError as error:  # a full disk; no mail depends on the copy
        context.reporter.warn(f"no backup was made before this send: {error}")


def _drain(
    context: SendContext, plan: Plan, run: Run, *, stopped: Callable[[], bool], log: RunLog
) -> Drained:
    store = context.store
    outlet, counts = _outlet(context, plan, run), runs.counts(store, run)
    throttle = _throttle(context, plan)
    log.note(
        "began", issue=run.content.issue, transport=plan.transport.name,
        content_hash=run.content.content_hash, by_state=counts.by_state,
        mails_per_second=plan.allowance.rate, left_today=plan.allowance.left,
        concurrency=throttle.threads, mails_per_request=throttle.batch,
    )  # fmt: skip
    watch, cancelled = context.watch(run), _cancelled(store, run)
    departing = threading.Event()
    with (
        _paused_on_the_way(departing),
        watch.going(),
        context.reporter.progress(counts.left) as shown,
    ):

        def settled(attempt: Attempt) -> None:
            log.settled(attempt)
            watch.told(attempt)
            shown(attempt.outcome)

        return drain(
            lambda: Hand(run=run, records=store, outlet=outlet, clock=clocks.now),
            breaker=Breaker(total=counts.total, batch=throttle.batch, guard=watch.stop),
            limit=plan.options.limit,
            stopped=lambda: stopped() or cancelled(),
            settled=settled,
            requeue=lambda: (
                0 if cancelled() else delivery_records.requeue(store, run, tries=_TRIES)
            ),
            departing=departing.set,
            throttle=throttle,
        )


def _outlet(context: SendContext, plan: Plan, run: Run) -> Outlet[Any]:
    store, settings = context.store, context.project.settings
    url, key, name = settings.site.public_url, signing_keys.newest(store), store.feedback.store_id()
    press = Press(template=load_template(run.content.frozen), public_url=url, key=key, store=name)
    if bulk := transports.in_bulk(plan.transport):
        merged = merge_template(load_issue(run.content.frozen))
        give = bulk.in_bulk(merged)
        return BulkOutlet(transport=bulk, template=merged, give=give, press=press)
    return SingleOutlet(transport=plan.transport, press=press)


@contextlib.contextmanager
def _paused_on_the_way(departing: threading.Event) -> Iterator[None]:
    """Once a mail is leaving, no fault of ledger or records may say that nothing was sent."""
    try:
        yield
    except InputError as error:
        if not departing.is_set():
            raise
        raise PausedError(
            error.message, place=error.place, cause=error.cause, hint=error.hint
        ) from error


def _throttle(context: SendContext, plan: Plan) -> Throttle:
    """As many threads as the settings say, or as the pace needs while each waits for an answer."""
    settings = context.project.settings
    now, rate, wanted = time.monotonic(), plan.allowance.rate, settings.transport.concurrency
    if rate is None:
        return Throttle(pace=Pace(UNBOUND, now=now), threads=wanted or 1)
    batch, most = 1, _MOST_THREADS
    if bulk := transports.in_bulk(plan.transport):
        # A server's bucket may hold no more than a second's mails.
        batch, most = max(1, min(bulk.most, int(rate))), _MOST_BULK_THREADS
        if batch < bulk.most:
            context.reporter.warn(
                f"at {rate:.4g} mails/s a request holds only {plural(batch, 'mail')}: "
                'transport.ses.mode = "single" serves this account better'
            )
    needed = min(most, math.ceil(rate / batch * _ANSWER_SECONDS))
    return Throttle(
        pace=Pace(rate, now=now), threads=wanted or needed, batch=batch,
        allowance=plan.transport.allowance,
    )  # fmt: skip


def _cancelled(store: Store, run: Run) -> Callable[[], bool]:
    """Asks whether the run was cancelled, a few times a second however often it is called.

    The records themselves refuse a claim from that moment; this only ends the waiting.
    """
    calendar = Calendar(store, rehearsal=run.rehearsal)
    answer, asked = False, -math.inf

    def ask() -> bool:
        nonlocal answer, asked
        now = time.monotonic()
        if not answer and now - asked >= _CANCEL_POLL_SECONDS:
            asked = now
            # What is wrong with the records, the next claim tells.
            with contextlib.suppress(NewsletterError):
                answer = calendar.is_cancelled(run.content.issue)
        return answer

    return ask


def _stop_of(counts: Counts, drained: Drained) -> Stop | None:
    """Why the run stands still, None when it is finished."""
    if is_finished(counts):
        return None
    deferred = Stop(Pause.PUT_OFF, f"what is left was deferred {_TRIES} times")
    return drained.stop or deferred


def _settle(store: Store, run: Run, stop: Stop | None) -> RunState:
    """Record how a run stands; what was cancelled meanwhile stays so."""
    state = RunState.PAUSED if stop else RunState.FINISHED
    reason, pause = (stop.reason, stop.pause) if stop else ("", None)
    runs.set_state(store, run, state, clocks.now(), pause=pause, reason=reason)
    found = runs.find(store, run.content.issue, rehearsal=run.rehearsal)
    return found.state if found else state


def _refuse_where_nothing_goes(run: Run, counts: Counts, stop: Stop | None) -> None:
    if stop and stop.pause in _FOR_EVERYBODY and not counts[State.ACCEPTED]:
        raise _FOR_EVERYBODY[stop.pause](
            f"{run.transport} refuses every mail: {stop.reason}",
            hint=f"fix that, then: newsletter send --issue {run.content.issue}",
        )


def _reasons(store: Store, run: Run, counts: Counts) -> dict[tuple[State, str], int]:
    shown = {State.REFUSED, State.UNKNOWN}
    if not any(counts[state] for state in shown):
        return {}
    return {found: n for found, n in runs.reasons(store, run).items() if found[0] in shown}


def _quota_frees_at(store: Store, stop: Stop | None) -> dt.datetime | None:
    if stop is None or stop.pause is not Pause.QUOTA:
        return None
    first = runs.first_accepted(store, since=clocks.now() - _QUOTA_WINDOW)
    return first and first + _QUOTA_WINDOW
