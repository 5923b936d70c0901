"""Drain an outbox here until it is empty, told to stop, or sending on makes no sense."""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from newsletter.delivery import Allowance, Attempt, Effect, Pause, Result, Stop
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.pace import LATE, Pace
from newsletter.errors import NewsletterError

#: Waits for the moment at which a claimed mail may leave.
Depart = Callable[[], None]

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
#: After so many the longest wait is reached.
_DOUBLINGS: Final = 6
#: How long a signal may go unheard.
_STEP: Final = 0.25
#: No pace at all: as fast as the transport answers.
UNBOUND: Final = 1e9
#: How long a hand looks away while others finish.
_GLANCE: Final = 0.02
#: How long before its place a mail is claimed, so that the disk's whims do not make it late.
_LEAD: Final = 0.02
#: How often the account is asked again what it takes.
_ASKED_EVERY: Final = 60.0


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
class Rhythm:
    """How fast, with how many hands, and by which clock.

    Attributes:
        pace: how soon the next mail may leave.
        threads: deliveries in flight at most.
        allowance: asks the account what it takes now; None where nobody can be asked.
        clock: seconds that never go back.
        sleep: waits so many seconds, or less when the event is set.
        jitter: a random number between two bounds.
    """

    pace: Pace
    threads: int = 1
    allowance: Callable[[], Allowance] | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[threading.Event, float], object] = threading.Event.wait
    jitter: Callable[[float, float], float] = random.uniform


def drain(
    deliver_next: Callable[[Depart], Attempt | None],
    *,
    breaker: Breaker | None = None,
    limit: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
    told: Callable[[Attempt], None] = lambda _: None,
    requeue: Callable[[], int] = lambda: 0,
    rhythm: Rhythm | None = None,
) -> Drained:
    """Deliver until there is a reason to end.

    Args:
        deliver_next: takes one delivery through all its steps, calling what it is given just
            before the mail is handed over; None when none is queued.
        breaker: says when an answer or too many of them stop the run; None for one that counts
            from nothing.
        limit: at most so many mails handed over.
        stopped: asked before every claim; what is in flight always finishes.
        told: hears every outcome, for progress; never from two threads at once.
        requeue: queues what was deferred and says how much that was.
        rhythm: pace, threads and clock.

    Raises:
        Whatever `deliver_next` raised first, when all threads have ended; SystemExit at once.
    """
    work = _Drain(
        deliver_next, breaker or Breaker(total=0), limit, stopped, told, requeue,
        rhythm or Rhythm(pace=Pace(UNBOUND, now=0.0)),
    )  # fmt: skip
    hands = [threading.Thread(target=work.run, daemon=True) for _ in range(work.rhythm.threads - 1)]
    for hand in hands:
        hand.start()
    if work.rhythm.allowance:
        # Not waited for in the end: its question may hang, and nothing depends on the answer.
        ask = functools.partial(work.keep_asking, work.rhythm.allowance)
        threading.Thread(target=ask, daemon=True).start()
    work.run()
    if work.fault is None or isinstance(work.fault, Exception):
        # Not after a second Ctrl-C: who asks twice waits for nobody.
        for hand in hands:
            hand.join()
    if work.fault is not None:
        raise work.fault
    return Drained(accepted=work.accepted, stop=work.stop)


@dataclass(slots=True)
class _Drain:
    """What the hands of one drain share; everything below `lock` is changed under it.

    Attributes:
        over: set once the drain ends, for whatever reason.
        begun: mails accepted, in flight, or waiting for their place; the limit is about these.
        flying: mails between claim and answer; while there are any, more may be queued yet.
        waits: waits since a mail was accepted.
    """

    deliver_next: Callable[[Depart], Attempt | None]
    breaker: Breaker
    limit: int | None
    stopped: Callable[[], bool]
    told: Callable[[Attempt], None]
    requeue: Callable[[], int]
    rhythm: Rhythm
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: Stop | None = None
    accepted: int = 0
    begun: int = 0
    flying: int = 0
    waits: int = 0
    fault: BaseException | None = None

    def run(self) -> None:
        """One hand: take a place in the pace, wait for it, deliver, hear the answer."""
        try:
            while not self.over.is_set():
                place = self._place()
                if place is None:
                    self.rhythm.sleep(self.over, _GLANCE)
                elif self._taken(place):
                    attempt = self.deliver_next(functools.partial(self._depart, place))
                    with self.lock:
                        self._hear(attempt)
                    if attempt is None:
                        self.rhythm.sleep(self.over, _GLANCE)
        except BaseException as fault:  # noqa: BLE001  # raised again by `drain`, on its own thread
            with self.lock:
                self.fault = self.fault or fault
                self._end(None)

    def keep_asking(self, allowance: Callable[[], Allowance]) -> None:
        """Follow the account's rate; when it cannot be asked, the last answer stands."""
        while True:
            self.rhythm.sleep(self.over, _ASKED_EVERY)
            if self.over.is_set():
                return
            try:
                rate = allowance().rate
            except NewsletterError:
                continue
            if rate is not None:
                with self.lock:
                    self.rhythm.pace.change(rate, now=self.rhythm.clock())

    def _place(self) -> float | None:
        """When the next mail may leave, None when there is no place now."""
        with self.lock:
            if self.stopped():
                self._end(Stop(Pause.INTERRUPTED, "interrupted"))
            elif self.limit is not None and self.accepted >= self.limit:
                self._end(Stop(Pause.LIMIT, "the limit is reached"))
            full = self.limit is not None and self.begun >= self.limit
            if self.over.is_set() or full:
                return None
            self.begun += 1
            return self.rhythm.pace.reserve(now=self.rhythm.clock())

    def _taken(self, place: float) -> bool:
        """Wait until shortly before one's place and take off; false when the place was void."""
        while not self.stopped() and not self.over.is_set():
            seconds = place - _LEAD - self.rhythm.clock()
            if seconds <= 0:
                break
            # In short steps, so that a signal is heard.
            self.rhythm.sleep(self.over, min(seconds, _STEP))
        with self.lock:
            void = self.over.is_set() or self.rhythm.pace.held(now=self.rhythm.clock() + _LEAD)
            if void or self.stopped():
                self.begun -= 1
                return False
            self.flying += 1
            return True

    def _depart(self, place: float) -> None:
        """Wait for one's place, or for a later one when it was missed: nobody catches up."""
        while not -LATE <= (wait := place - self.rhythm.clock()) <= 0:
            if wait > 0:
                # Not with `over`: what is claimed leaves, also when the drain has ended.
                self.rhythm.sleep(threading.Event(), wait)
            else:
                with self.lock:
                    place = self.rhythm.pace.reserve(now=self.rhythm.clock())

    def _hear(self, attempt: Attempt | None) -> None:
        self.flying -= 1
        if attempt is None or attempt.outcome.result is not Result.ACCEPTED:
            self.begun -= 1
        else:
            self.accepted += 1
            self.waits = 0
        if attempt is None:
            self._empty()
            return
        self.told(attempt)
        outcome = attempt.outcome
        now = self.rhythm.clock()
        if stop := self.breaker.hear(outcome, now=now):
            self._end(stop)
        elif outcome.effect is Effect.SLOW_DOWN:
            self.rhythm.pace.throttled(now=now)
        elif outcome.effect is Effect.BACK_OFF:
            self._back_off(now)

    def _empty(self) -> None:
        """Nothing is queued; what was deferred gets another turn, after a while."""
        if self.flying or self.over.is_set():
            return
        if self.requeue():
            self._back_off(self.rhythm.clock())
        else:
            self._end(None)

    def _back_off(self, now: float) -> None:
        """Wait for a random time whose bound doubles from wait to wait.

        What fails while nothing may leave was on its way before, and makes the wait no longer.
        """
        if self.rhythm.pace.held(now=now):
            return
        self.waits += 1
        most = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(self.waits, _DOUBLINGS))
        self.rhythm.pace.hold(self.rhythm.jitter(_FIRST_WAIT, most), now=now)

    def _end(self, stop: Stop | None) -> None:
        if not self.over.is_set():
            self.stop = stop
            self.over.set()
