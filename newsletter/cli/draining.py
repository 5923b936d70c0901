"""The second half of `newsletter send`: freeze or go on, drain, record how it ended."""

from __future__ import annotations

import contextlib
import functools
import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.cli import ledgers
from newsletter.cli.desk import Desk, clock
from newsletter.cli.ending import Ended, already, conclude
from newsletter.cli.feedback import Watch
from newsletter.cli.progress import progress
from newsletter.cli.show import say
from newsletter.delivery import (
    Allowance,
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
from newsletter.delivery.deliver import Press, Transport, deliver_next
from newsletter.delivery.pace import Pace
from newsletter.errors import NewsletterError, PausedError
from newsletter.humanize import plural
from newsletter.message import Envelope
from newsletter.sending.drain import UNBOUND, Drained, Rhythm, drain
from newsletter.sending.plan import same
from newsletter.sending.run_log import RunLog

if TYPE_CHECKING:
    from newsletter.schedule import Occurrence
    from newsletter.sending.plan import Plan
    from newsletter.store import Store

#: How often a delivery that is put off is tried in one run.
_TRIES: Final = 5
#: Each waits for one answer at a time; more only fight over the processor.
_MOST_THREADS: Final = 32
#: How often a run looks whether a person has cancelled it.
_ASKED_EVERY: Final = 0.25
#: An answer may take as long as this before the pace suffers.
_ANSWER_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for.

    Attributes:
        due: whether a schedule asks, for approved issues only.
        restored: whether a person says that the records are a backup, put back.
        occurrence: the date it begins an issue for, None where it goes on with one.
    """

    issue: int
    confirm: int | None = None
    dry_run: bool = False
    limit: int | None = None
    expect: int | None = None
    skip_checks: tuple[str, ...] = ()
    again: bool = False
    restored: bool = False
    due: bool = False
    occurrence: Occurrence | None = None


def deliver(desk: Desk, wish: Wish, store: Store, plan: Plan) -> int:
    """Freeze or go on, drain, record how it ended, and say so.

    Returns:
        The exit code, as `send_issue` tells.

    Raises:
        AccountError: everything was refused, nothing accepted.
        InputError: our own request is malformed.
    """
    # Before the freeze: a run that cannot be logged is not begun.
    from newsletter.store import runs

    with contextlib.closing(plan.transport), _signals() as stopped, _log(store, plan) as log:
        run = _begin(wish, store, plan)
        if run.state is RunState.FINISHED:
            return already(store, run)
        _back_up(store, run)
        with store.marked(ledgers.write(desk, store, run)):
            drained = _drain(desk, wish, store, plan, run, stopped=stopped, log=log)
        counts = runs.counts(store, run)
        stop = _how(counts, drained)
        state = _settle(store, run, stop)
        log.note("ended", state=state, pause=stop.pause if stop else None,
                 reason=stop.reason if stop else "", by_state=counts.by_state)  # fmt: skip
        ledgers.write(desk, store, run)
    ended = Ended(
        run=run, counts=counts, accepted=drained.accepted, stop=stop, state=state, log=log.path,
        signal=stopped[0] if stopped else 0,
    )  # fmt: skip
    code = conclude(desk, store, ended)
    ledgers.keep(desk, run)
    return code


def _back_up(store: Store, run: Run) -> None:
    """Before the first real claim: a copy that knows the recipients, so that it can go on.

    Raises:
        InputError: the records are damaged, or their folder cannot be written.
    """
    from newsletter.store import runs
    from newsletter.store.folder import backup as backups

    counts = runs.counts(store, run)
    if run.rehearsal or counts[State.QUEUED] < counts.total:
        return
    try:
        backups.keep(store.path, now=clock())
    except PausedError as error:  # a full disk; no mail depends on the copy
        say(f"warning: no backup was made before this send: {error}")


def _settle(store: Store, run: Run, stop: Stop | None) -> RunState:
    """Record how a run stands; what a person has cancelled meanwhile stays so."""
    from newsletter.store import runs

    state = RunState.PAUSED if stop else RunState.FINISHED
    reason, pause = (stop.reason, stop.pause) if stop else ("", None)
    runs.set_state(store, run, state, clock(), pause=pause, reason=reason)
    found = runs.find(store, run.content.issue, rehearsal=run.rehearsal)
    return found.state if found else state


def _drain(
    desk: Desk,
    wish: Wish,
    store: Store,
    plan: Plan,
    run: Run,
    *,
    stopped: list[int],
    log: RunLog,
) -> Drained:
    from newsletter.store import deliveries, runs, signing_keys

    press = Press(
        envelope=Envelope.load(run.content.envelope),
        public_url=desk.settings.site.public_url,
        key=signing_keys.newest(store),
        store=store.feedback.store_id(),
    )
    counts = runs.counts(store, run)
    rhythm = _rhythm(plan.transport, plan.allowance, desk.settings.transport.concurrency)
    log.note(
        "began", issue=run.content.issue, transport=plan.transport.name,
        content_hash=run.content.content_hash, by_state=counts.by_state,
        mails_per_second=plan.allowance.rate, left_today=plan.allowance.left,
        concurrency=rhythm.threads,
    )  # fmt: skip
    watch, cancelled = Watch(desk, store, run), _cancelled(store, run)
    with watch.going(), progress(counts.left) as shown:

        def told(attempt: Attempt) -> None:
            log.told(attempt)
            watch.told(attempt)
            shown(attempt.outcome)

        return drain(
            functools.partial(_step, run, store, plan.transport, press),
            breaker=Breaker(total=counts.total, guard=watch.stop),
            limit=wish.limit,
            stopped=lambda: bool(stopped) or cancelled(),
            told=told,
            requeue=lambda: 0 if cancelled() else deliveries.requeue(store, run, tries=_TRIES),
            rhythm=rhythm,
        )


def _cancelled(store: Store, run: Run) -> Callable[[], bool]:
    """Asks whether a person has cancelled the run, a few times a second however often it is called.

    The records themselves refuse a claim from that moment; this only ends the waiting.
    """
    from newsletter.store.calendar import Calendar

    calendar = Calendar(store, rehearsal=run.rehearsal)
    answer, asked = False, -math.inf

    def ask() -> bool:
        nonlocal answer, asked
        now = time.monotonic()
        if not answer and now - asked >= _ASKED_EVERY:
            asked = now
            # What is wrong with the records, the next claim tells.
            with contextlib.suppress(NewsletterError):
                answer = calendar.is_cancelled(run.content.issue)
        return answer

    return ask


def _step(
    run: Run, store: Store, transport: Transport, press: Press, depart: Callable[[], None]
) -> Attempt | None:
    return deliver_next(run, store, transport, press, clock, depart=depart)


def _rhythm(transport: Transport, allowance: Allowance, wanted: int | None) -> Rhythm:
    """As many hands as the settings say, or as the pace needs while each waits for its answer."""
    now = time.monotonic()
    if allowance.rate is None:
        return Rhythm(pace=Pace(UNBOUND, now=now), threads=wanted or 1)
    needed = min(_MOST_THREADS, math.ceil(allowance.rate * _ANSWER_SECONDS))
    pace = Pace(allowance.rate, now=now)
    return Rhythm(pace=pace, threads=wanted or needed, allowance=transport.allowance)


def _begin(wish: Wish, store: Store, plan: Plan) -> Run:
    """The run to drain, looked up again under the lock: another sender may have been here."""
    from newsletter.store import deliveries, freezing, runs

    if wish.again and plan.transport.rehearsal:
        freezing.clear_rehearsal(store, wish.issue)
    run = runs.find(store, wish.issue, rehearsal=plan.transport.rehearsal)
    if run is not None and run.state is RunState.FINISHED:
        return run
    if run is not None and run.begun:
        same(run, plan.content)
        runs.resume(store, run, by_hand=not wish.due)
        lost = deliveries.recover(store, run, now=clock())
        if lost:
            say(f"{plural(lost, 'delivery', 'deliveries')} of an earlier run ended unknown")
    else:
        plan.transport.begin(wish.issue)
        run = freezing.start(
            store,
            plan.content,
            rehearsal=plan.transport.rehearsal,
            transport=plan.transport.name,
            eligible=plan.opened.audience,
            expect=wish.expect,
            now=clock(),
            occurrence=wish.occurrence,
        )
    return run


def _log(store: Store, plan: Plan) -> RunLog:
    kind = "rehearsal" if plan.transport.rehearsal else plan.transport.name
    return RunLog(store.folder, f"{plan.content.issue}-{kind}", clock)


def _how(counts: Counts, drained: Drained) -> Stop | None:
    """Why the run stands still, None when it is finished."""
    if is_finished(counts):
        return None
    put_off = Stop(Pause.PUT_OFF, f"what is left was put off {_TRIES} times")
    return drained.stop or put_off


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM, let what is in flight finish; the second ends at once."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        if seen:
            raise SystemExit(128 + number)
        seen.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield seen
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
