"""What one process sends of a run: all of it, or a part where workers send with it.

Exactly one process leads a run: it holds the lock for sending, queues again what was deferred,
gives up what the dead have left, and says how the run ended. Others only claim, hand over, settle.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from newsletter import clocks
from newsletter.delivery import (
    Allowance,
    Attempt,
    Counts,
    Effect,
    Pause,
    Result,
    Run,
    RunState,
    State,
    Stop,
    is_finished,
)
from newsletter.delivery.breaker import UNREACHABLE_SECONDS, Breaker
from newsletter.delivery.bulk import BulkOutlet, BulkTransport
from newsletter.delivery.deliver import Clock, Hand, Outlet, Press, SingleOutlet, Transport
from newsletter.delivery.pace import Pace
from newsletter.errors import InputError, NewsletterError, PausedError
from newsletter.humanize import duration, plural
from newsletter.message import load_template
from newsletter.message.merge import load_issue, merge_template
from newsletter.reporter import Reporter
from newsletter.sending import transports
from newsletter.sending.context import SendContext
from newsletter.sending.drain import (
    UNBOUND,
    Drained,
    Throttle,
    drain,
)
from newsletter.sending.run_log import RunLog
from newsletter.sending.shared_pace import SharedPace
from newsletter.sending.standing import telling
from newsletter.sending.tries import MOST_TRIES, Tries
from newsletter.store import Store, runs, settling, signing_keys
from newsletter.store import deliveries as delivery_records
from newsletter.store.calendar import Calendar

#: Each waits for one answer at a time; more only fight over the processor.
_MOST_THREADS: Final = 32
_MOST_BULK_THREADS: Final = 8
#: How often a run looks whether it was cancelled.
_CANCEL_POLL_SECONDS: Final = 0.25
#: An answer may take as long as this before the pace suffers.
_ANSWER_SECONDS: Final = 0.5
#: How often others are looked after; seconds.
_OTHERS_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run stands when its leader has ended.

    Attributes:
        counts: its deliveries by state.
        stop: why it stands still, None when it is finished.
        state: as it is on record.
    """

    counts: Counts
    stop: Stop | None
    state: RunState


def drain_part(
    context: SendContext,
    run: Run,
    transport: Transport,
    allowance: Allowance,
    *,
    counts: Counts,
    stopped: Callable[[], bool],
    log: RunLog,
    leads: bool,
    limit: int | None = None,
) -> Drained:
    """Send what is queued of a run until nothing is, or there is a reason to stop.

    Args:
        context: what it is done with.
        run: begun.
        transport: the way out.
        allowance: what it takes.
        counts: its deliveries by state, counted a moment ago.
        stopped: whether to end.
        log: hears of everything.
        leads: whether this process holds the lock for sending.
        limit: at most so many mails.
    """
    store = context.store
    outlet = _outlet(context, run, transport)
    throttle = _throttle(context, transport, allowance)
    _note_begin(log, run, transport, allowance=allowance, counts=counts, throttle=throttle)
    clock = store.clock()
    cancelled, departing = _cancelled(store, run), threading.Event()
    tell_why, tries = _why_deferred(context.reporter, leads=leads), Tries()

    def requeue() -> int:
        if cancelled() or not leads or not tries.begin():
            return 0
        return delivery_records.requeue(store, run)

    with (
        _paused_on_the_way(departing.is_set),
        _kept(context, run, log),
        # Whoever leads says it to all.
        context.watch(run) if leads else contextlib.nullcontext(),
        _progress(context, run, counts, clock, leads=leads) as shown,
    ):

        def settled(attempt: Attempt) -> None:
            log.settled(attempt)
            tries.hear(attempt)
            shown(attempt)
            tell_why(attempt)

        drained = drain(
            _hand(run, store, outlet, clock),
            breaker=Breaker(total=counts.total, batch=throttle.batch),
            limit=limit,
            stopped=lambda: stopped() or cancelled(),
            settled=settled,
            requeue=requeue,
            elsewhere=lambda: leads and _elsewhere(store, run),
            departing=departing.set,
            throttle=throttle,
        )
        store.conclude(run)
    return drained


@contextlib.contextmanager
def _kept(context: SendContext, run: Run, log: RunLog) -> Iterator[None]:
    """In the end, keep what is known of mails and could not be recorded, and say so."""
    try:
        yield
    finally:
        if lost := context.store.unrecorded():
            for delivery, outcome in lost:
                log.unrecorded(delivery, outcome)
            context.reporter.warn(
                f"issue {run.content.issue}: what became of {plural(len(lost), 'mail')} could not "
                f"be recorded; it is in {log.path}, and unknown to records that it did not reach"
            )


@contextlib.contextmanager
def _progress(
    context: SendContext, run: Run, counts: Counts, clock: Clock, *, leads: bool
) -> Iterator[Callable[[Attempt], None]]:
    """Show how it comes along: all of it to who leads it, else what leaves from here of it."""
    if not context.store.backend.on_server or run.rehearsal:
        with context.reporter.progress(counts.left) as told:
            yield told
    elif leads:
        with telling(context, run, clock):
            yield lambda _: None
    else:
        with context.reporter.progress(counts.total, shared=True) as told:
            yield told


def _why_deferred(reporter: Reporter, *, leads: bool) -> Callable[[Attempt], None]:
    """Hears every try, and says once of each reason why mails are deferred.

    That nothing can be reached is waited out: how long, and whether to sit it out, the leader says
    once; a worker goes on for as long as there is a run.
    """
    told = set[str]()
    so_long = f"it is tried for up to {duration(UNREACHABLE_SECONDS)}"

    def tell(words: str) -> None:
        if words not in told:
            told.add(words)
            reporter.say(words)

    def hear(attempt: Attempt) -> None:
        outcome = attempt.outcome
        if outcome.result is Result.DEFERRED:
            tell(f"deferred, and tried again: {outcome.reason}")
        if leads and outcome.effect is Effect.BACK_OFF:
            tell(f"{so_long}; Ctrl-C stops it safely: nothing is sent twice")

    return hear


def _note_begin(
    log: RunLog,
    run: Run,
    transport: Transport,
    *,
    allowance: Allowance,
    counts: Counts,
    throttle: Throttle,
) -> None:
    log.note(
        "began", issue=run.content.issue, transport=transport.name,
        content_hash=run.content.content_hash, by_state=counts.by_state,
        mails_per_second=allowance.rate, left_today=allowance.left,
        concurrency=throttle.threads, mails_per_request=throttle.batch,
    )  # fmt: skip


def conclude(store: Store, run: Run, drained: Drained, *, log: RunLog) -> Ended:
    """As its leader, have everybody stop, wait for what is in flight, record how it ended."""
    with _paused_on_the_way(lambda: True):
        return store.when_back(lambda: _conclude(store, run, drained, log))


def _conclude(store: Store, run: Run, drained: Drained, log: RunLog) -> Ended:
    if store.backend.on_server and drained.stop:
        runs.pause(store, run, drained.stop)
    while settling.is_elsewhere(store, run) and not _may_go_on(store, run):
        delivery_records.sweep(store, run, now=store.clock()())
        time.sleep(_OTHERS_SECONDS)
    counts = runs.counts(store, run)
    stop = _stop_of(store, run, counts, drained)
    state = _settle(store, run, stop)
    log.note(
        "ended", state=state, pause=stop.pause if stop else None,
        reason=stop.reason if stop else "", by_state=counts.by_state,
    )  # fmt: skip
    return Ended(counts=counts, stop=stop, state=state)


def _elsewhere(store: Store, run: Run) -> bool:
    """Whether others still have any, without those who died."""
    if not settling.is_elsewhere(store, run):
        return False
    swept = delivery_records.sweep(store, run, now=store.clock()())
    return not swept or settling.is_elsewhere(store, run)


def _pace(store: Store, transport: Transport, allowance: Allowance) -> Pace:
    """One pace for all machines that share the account, where they share the records."""
    rate, now = allowance.rate, time.monotonic()
    assert rate is not None
    if not store.backend.on_server or transport.rehearsal:
        return Pace(rate, now=now)
    region = transport.region if isinstance(transport, BulkTransport) else ""
    return SharedPace(rate, store.backend, f"{allowance.account} {region}", now=now)


def _outlet(context: SendContext, run: Run, transport: Transport) -> Outlet[Any]:
    store, settings = context.store, context.project.settings
    url, key, name = settings.site.public_url, signing_keys.newest(store), store.feedback.store_id()
    press = Press(template=load_template(run.content.frozen), public_url=url, key=key, store=name)
    if bulk := transports.in_bulk(transport):
        merged = merge_template(load_issue(run.content.frozen))
        may = store.may_hand_over
        give = bulk.in_bulk(merged, may)
        return BulkOutlet(
            transport=bulk, template=merged, give=give, press=press, may_hand_over=may
        )
    return SingleOutlet(transport=transport, press=press)


def _hand(run: Run, store: Store, outlet: Outlet[Any], clock: Clock) -> Callable[[], Hand[Any]]:
    """Makes what each thread delivers with."""
    return lambda: Hand(
        run=run, records=store, outlet=outlet, clock=clock, may_hand_over=store.may_hand_over
    )


@contextlib.contextmanager
def _paused_on_the_way(departing: Callable[[], bool]) -> Iterator[None]:
    """Once a mail is leaving, no fault of ledger or records may say that nothing was sent."""
    try:
        yield
    except InputError as error:
        if not departing():
            raise
        raise PausedError(
            error.message, place=error.place, cause=error.cause, hint=error.hint
        ) from error


def _throttle(context: SendContext, transport: Transport, allowance: Allowance) -> Throttle:
    """As many threads as the settings say, or as the pace needs while each waits for an answer."""
    settings = context.project.settings
    now, rate, wanted = time.monotonic(), allowance.rate, settings.transport.concurrency
    if rate is None:
        return Throttle(pace=Pace(UNBOUND, now=now), threads=wanted or 1)
    batch, most = 1, _MOST_THREADS
    if bulk := transports.in_bulk(transport):
        # A server's bucket may hold no more than a second's mails.
        batch, most = max(1, min(bulk.most, int(rate))), _MOST_BULK_THREADS
        if batch < bulk.most:
            context.reporter.warn(
                f"at {rate:.4g} mails/s a request holds only {plural(batch, 'mail')}: "
                'transport.ses.mode = "single" serves this account better'
            )
    needed = min(most, math.ceil(rate / batch * _ANSWER_SECONDS))
    return Throttle(
        pace=_pace(context.store, transport, allowance), threads=wanted or needed, batch=batch,
        allowance=transport.allowance,
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


def _may_go_on(store: Store, run: Run) -> bool:
    """Whether claims of it are granted, to whoever asks."""
    found = runs.find(store, run.content.issue, rehearsal=run.rehearsal)
    return found is not None and found.state is RunState.RUNNING


def _stop_of(store: Store, run: Run, counts: Counts, drained: Drained) -> Stop | None:
    """Why the run stands still, None when it is finished."""
    if is_finished(counts):
        return None
    found = runs.find(store, run.content.issue, rehearsal=run.rehearsal)
    if found and found.pause:  # who was first: a worker, or the watch
        return Stop(found.pause, found.reason)
    if drained.stop:
        return drained.stop
    if found and found.state is RunState.CANCELLED:  # by a person
        return Stop(Pause.INTERRUPTED, found.reason)
    if not counts.left:  # somebody has claimed, and has not told
        mails = plural(counts[State.CLAIMED], "mail")
        return Stop(Pause.FAULT, f"what became of {mails} could not be recorded")
    return Stop(Pause.PUT_OFF, _why_left(counts))


def _why_left(counts: Counts) -> str:
    """Why some are left though nobody stopped: deferred too often, or given back too late."""
    queued, deferred = counts[State.QUEUED], counts[State.DEFERRED]
    if not queued:
        return f"what is left was deferred {MOST_TRIES} times"
    told = f"{plural(queued, 'mail')} came back into the queue after the others were through"
    return f"{told}, {plural(deferred, 'mail')} deferred {MOST_TRIES} times" if deferred else told


def _settle(store: Store, run: Run, stop: Stop | None) -> RunState:
    """Record how a run stands; what was cancelled meanwhile stays so."""
    state = RunState.PAUSED if stop else RunState.FINISHED
    reason, pause = (stop.reason, stop.pause) if stop else ("", None)
    runs.set_state(store, run, state, clocks.now(), pause=pause, reason=reason)
    found = runs.find(store, run.content.issue, rehearsal=run.rehearsal)
    return found.state if found else state
