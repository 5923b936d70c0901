"""Drain an outbox here until it is empty, told to stop, or sending on makes no sense."""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from newsletter.delivery import Allowance, Attempt, Effect, Pause, Result, Stop
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.pace import LATE, Pace
from newsletter.errors import NewsletterError, UnreachableError

#: Returns when claimed mails may leave.
WaitForSlot = Callable[[], None]

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
#: After so many the longest wait is reached.
_DOUBLINGS: Final = 6
#: How long a signal may go unheard.
_STEP: Final = 0.25
#: What may have reached its reader.
_HANDED_OVER: Final = frozenset({Result.ACCEPTED, Result.UNKNOWN})
#: No pace at all: as fast as the transport answers.
UNBOUND: Final = 1e9
#: How long a thread without work waits before it asks again.
_POLL_SECONDS: Final = 0.02
#: How long before its slot a mail is claimed, so that the disk's whims do not make it late; and
#: how much longer for each that leaves with it. A place that is missed is lost for all of them.
_LEAD: Final = 0.02
_LEAD_EACH: Final = 0.001
#: How long a drain with nothing to do waits before it looks again whether others still have some.
_ELSEWHERE_SECONDS: Final = 0.25
#: A drain ends when the records were away for so long.
_AWAY_SECONDS: Final = 600.0
#: How often the account is asked again what it takes.
_ALLOWANCE_POLL_SECONDS: Final = 60.0
#: Of the reasons to stop that one request may bring, the one to tell.
_STRONGEST: Final = (Pause.MALFORMED, Pause.ACCOUNT, Pause.QUOTA, Pause.BREAKER, Pause.NETWORK)


class Deliverer(Protocol):
    """What one thread delivers with."""

    def deliver_next(self, most: int, wait_for_slot: WaitForSlot, /) -> Sequence[Attempt]:
        """Settle what was delivered before, and deliver the next, at most so many.

        None when none is queued. What it is given is called just before the mails are handed over.
        """
        ...

    def settle(self) -> None:
        """Settle what was delivered last, where it is not settled yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a drain ended.

    Attributes:
        accepted: mails handed over by this drain.
        stop: why it stopped, None when nothing is queued any more.
    """

    accepted: int
    stop: Stop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """How fast, with how many threads, and by which clock.

    Attributes:
        pace: how soon the next mail may leave.
        threads: requests in flight at most.
        batch: mails in one request at most.
        allowance: asks the account what it takes now; None where it cannot be asked.
        clock: seconds that never go back.
        sleep: waits so many seconds, or less when the event is set.
        jitter: a random number between two bounds.
    """

    pace: Pace
    threads: int = 1
    batch: int = 1
    allowance: Callable[[], Allowance] | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[threading.Event, float], object] = threading.Event.wait
    jitter: Callable[[float, float], float] = random.uniform


def drain(
    deliverer: Callable[[], Deliverer],
    *,
    breaker: Breaker | None = None,
    limit: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
    settled: Callable[[Attempt], None] = lambda _: None,
    requeue: Callable[[], int] = lambda: 0,
    elsewhere: Callable[[], bool] = lambda: False,
    departing: Callable[[], object] = lambda: None,
    throttle: Throttle | None = None,
) -> Drained:
    """Deliver until there is a reason to end.

    Args:
        deliverer: called once by each thread.
        breaker: says when an answer or too many of them stop the run; None for one that counts
            from nothing.
        limit: at most so many mails handed over; one that may have been counts as well.
        stopped: asked before every claim; what is in flight always finishes.
        settled: hears every outcome, just before it is on record; never from two threads at once.
        requeue: queues what was deferred and says how much that was.
        elsewhere: says whether others have claimed any; some of it may be queued again.
        departing: called just before mails are handed over.
        throttle: pace, threads and clock.

    Raises:
        Whatever a deliverer raised first, when all threads have ended; SystemExit at once.
    """
    work = _Drain(
        deliverer, breaker or Breaker(total=0), limit, stopped, settled, requeue, elsewhere,
        departing, throttle or Throttle(pace=Pace(UNBOUND, now=0.0)),
    )  # fmt: skip
    threads = [
        threading.Thread(target=work.run, daemon=True) for _ in range(work.throttle.threads - 1)
    ]
    for thread in threads:
        thread.start()
    if work.throttle.allowance:
        # Not waited for in the end: its question may hang, and nothing depends on the answer.
        ask = functools.partial(work.keep_asking, work.throttle.allowance)
        threading.Thread(target=ask, daemon=True).start()
    work.run()
    if work.fault is None or isinstance(work.fault, Exception):
        # Not after a second Ctrl-C: who asks twice does not wait.
        for thread in threads:
            thread.join()
    if work.fault is not None:
        raise work.fault
    return Drained(accepted=work.accepted, stop=work.stop)


@dataclass(slots=True)
class _Slot:
    """A place in the pace: when, by the throttle's clock, and for how many mails."""

    at: float
    mails: int

    @property
    def claimed_at(self) -> float:
        """When its mails are claimed, by the same clock."""
        return self.at - _LEAD - _LEAD_EACH * (self.mails - 1)


@dataclass(slots=True)
class _Drain:
    """What the threads of one drain share; everything below `lock` is changed under it.

    Attributes:
        over: set once the drain ends, for whatever reason.
        handed_over: mails accepted, or perhaps.
        begun: mails handed over, in flight, or waiting for their slot; the limit is about these.
        in_flight: threads with anything that is claimed on record; while there are any, more may be
            queued yet.
        singly: so many claims are for one mail each, because a request for several was refused.
        waits: waits since a mail was accepted.
        away: since when the records cannot be reached, None while they can.
    """

    deliverer: Callable[[], Deliverer]
    breaker: Breaker
    limit: int | None
    stopped: Callable[[], bool]
    settled: Callable[[Attempt], None]
    requeue: Callable[[], int]
    elsewhere: Callable[[], bool]
    departing: Callable[[], object]
    throttle: Throttle
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: Stop | None = None
    accepted: int = 0
    handed_over: int = 0
    begun: int = 0
    in_flight: int = 0
    singly: int = 0
    waits: int = 0
    away: float | None = None
    fault: BaseException | None = None

    def run(self) -> None:
        """One thread, until the drain is over."""
        try:
            mine = self.deliverer()
            try:
                self._deliver(mine)
            finally:
                mine.settle()  # whatever ended it
        except BaseException as fault:  # noqa: BLE001  # raised again by `drain`, on its own thread
            with self.lock:
                self.fault = self.fault or fault
                self._end(None)

    def _deliver(self, mine: Deliverer) -> None:
        """Reserve a slot in the pace, wait for it, deliver, hear the answer; again and again."""
        claimed = False
        while not self.over.is_set():
            slot = self._reserve()
            if claimed and not self._is_due(slot):
                # What is known is on record before anything is waited for.
                mine.settle()
                claimed = False
                with self.lock:
                    self.in_flight -= 1
            if slot is None:
                self.throttle.sleep(self.over, _POLL_SECONDS)
            elif self._take_off(slot, claimed=claimed):
                claimed = self._deliver_next(mine, slot)
                if not claimed:
                    self.throttle.sleep(self.over, _POLL_SECONDS)

    def _deliver_next(self, mine: Deliverer, slot: _Slot) -> bool:
        """Deliver what leaves in a slot, and hear of it; whether there was anything.

        Raises:
            UnreachableError: the records were away for too long.
        """
        wait = functools.partial(self._wait_for_slot, slot)
        try:
            attempts = mine.deliver_next(slot.mails, wait)
        except UnreachableError:
            with self.lock:
                self.in_flight -= 1
                self.begun -= slot.mails
                if self._are_away():
                    raise
            return False
        with self.lock:
            self.away = None
            self.in_flight -= not attempts
            self._hear(attempts, slot.mails)
        return bool(attempts)

    def _are_away(self) -> bool:
        """Whether the records were away for too long; until then, ask again after a while."""
        now = self.throttle.clock()
        self.away = now if self.away is None else self.away
        self._back_off(now)
        return now - self.away >= _AWAY_SECONDS

    def keep_asking(self, allowance: Callable[[], Allowance]) -> None:
        """Follow the account's rate; when it cannot be asked, the last answer stands."""
        while True:
            self.throttle.sleep(self.over, _ALLOWANCE_POLL_SECONDS)
            if self.over.is_set():
                return
            try:
                rate = allowance().rate
            except NewsletterError:
                continue
            if rate is not None:
                with self.lock:
                    self.throttle.pace.change(rate, now=self.throttle.clock())

    def _reserve(self) -> _Slot | None:
        """When the next mails may leave, None when no slot is free now."""
        with self.lock:
            if self.stopped():
                self._end(Stop(Pause.INTERRUPTED, "interrupted"))
            elif self.limit is not None and self.handed_over >= self.limit:
                self._end(Stop(Pause.LIMIT, "the limit is reached"))
            mails = 1 if self.singly else self._most_together()
            if self.limit is not None:
                mails = min(mails, self.limit - self.begun)
            now = self.throttle.clock()
            # While nothing may leave, a place shared with other machines would be lost to all.
            if self.over.is_set() or mails < 1 or self.throttle.pace.held(now=now):
                return None
            self.begun += mails
            return _Slot(self.throttle.pace.reserve(now=now, mails=mails), mails)

    def _most_together(self) -> int:
        """Mails in the next request: a server's bucket may hold no more than a second's."""
        return min(self.throttle.batch, max(1, int(self.throttle.pace.rate)))

    def _is_due(self, slot: _Slot | None) -> bool:
        """Whether the next mails are claimed now."""
        return slot is not None and slot.claimed_at <= self.throttle.clock()

    def _take_off(self, slot: _Slot, *, claimed: bool) -> bool:
        """Wait until shortly before the slot; false when the slot is void by then."""
        while not self.stopped() and not self.over.is_set():
            seconds = slot.claimed_at - self.throttle.clock()
            if seconds <= 0:
                break
            # In short steps, so that a signal is heard.
            self.throttle.sleep(self.over, min(seconds, _STEP))
        with self.lock:
            lead = slot.at - slot.claimed_at
            void = self.over.is_set() or self.throttle.pace.held(now=self.throttle.clock() + lead)
            if void or self.stopped():
                self.begun -= slot.mails
                return False
            if self.singly:
                # Taken for more, before a request for several was refused.
                self.begun -= slot.mails - 1
                slot.mails = 1
                self.singly -= 1
            self.in_flight += not claimed
            return True

    def _wait_for_slot(self, slot: _Slot) -> None:
        """Wait for the slot, or for a later one when it was missed: nobody catches up."""
        while not -LATE <= (wait := slot.at - self.throttle.clock()) <= 0:
            now = self.throttle.clock()
            if wait > 0 or self.throttle.pace.held(now=now):
                # Not with `over`: what is claimed leaves, also when the drain has ended.
                self.throttle.sleep(threading.Event(), wait if wait > 0 else _POLL_SECONDS)
            else:
                with self.lock:
                    slot.at = self.throttle.pace.reserve(now=now, mails=slot.mails)
        self.departing()

    def _hear(self, attempts: Sequence[Attempt], reserved: int) -> None:
        """Hear what came of one claim; the strongest of its effects counts, and counts once."""
        results = [one.outcome.result for one in attempts]
        accepted = results.count(Result.ACCEPTED)
        handed_over = sum(result in _HANDED_OVER for result in results)
        self.accepted += accepted
        self.handed_over += handed_over
        self.begun -= reserved - handed_over
        if not attempts:
            self._empty()
            return
        if accepted:
            self.waits = 0
        for attempt in attempts:
            self.settled(attempt)
        now = self.throttle.clock()
        heard = [self.breaker.hear(one.outcome, now=now) for one in attempts]
        effects = [one.outcome.effect for one in attempts]
        stops = [stop for stop in heard if stop]
        self.singly += effects.count(Effect.ONE_BY_ONE)
        if stops:
            self._end(min(stops, key=lambda stop: _STRONGEST.index(stop.pause)))
        elif Effect.BACK_OFF in effects:
            self._back_off(now)
        elif Effect.SLOW_DOWN in effects:
            self.throttle.pace.throttled(now=now)

    def _empty(self) -> None:
        """Nothing is queued; what was deferred gets another turn, after a while."""
        if self.in_flight or self.over.is_set():
            return
        now = self.throttle.clock()
        try:
            # In this order: what others defer in between is found all the same.
            others, queued = self.elsewhere(), self.requeue()
        except UnreachableError:
            if self._are_away():
                raise
            return
        if queued:
            self._back_off(now)
        elif others:
            self.throttle.pace.hold(_ELSEWHERE_SECONDS, now=now)
        else:
            self._end(None)

    def _back_off(self, now: float) -> None:
        """Wait for a random time whose bound doubles from wait to wait.

        What fails while nothing may leave was on its way before, and makes the wait no longer.
        """
        if self.throttle.pace.held(now=now):
            return
        self.waits += 1
        most = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(self.waits, _DOUBLINGS))
        self.throttle.pace.hold(self.throttle.jitter(_FIRST_WAIT, most), now=now)

    def _end(self, stop: Stop | None) -> None:
        if not self.over.is_set():
            self.stop = stop
            self.over.set()
