"""Drain an outbox here until it is empty, told to stop, or sending on makes no sense."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from newsletter.outbox import Effect, Outcome, Result
from newsletter.outbox.breaker import Breaker
from newsletter.outbox.pace import Pace

Ending = Literal["empty", "stopped", "limit", "refused", "rejected", "paused"]

#: How an answer ends a run; the others let it go on.
_ENDINGS: Final[dict[Effect, Ending]] = {
    Effect.ABORT: "refused",
    Effect.REJECT: "rejected",
    Effect.STOP: "paused",
    Effect.PAUSE: "paused",
}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a drain ended.

    Attributes:
        ending: "empty" when nothing is queued any more; "refused" when the next mail would be
            refused as well; "rejected" when our own request is malformed; "paused" when the
            day's quota is used up or too much went wrong.
        accepted: mails handed over by this drain.
        reason: why it ended, "" for "empty", "stopped" and "limit".
    """

    ending: Ending
    accepted: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How fast, with how many hands, and by which clock.

    Attributes:
        pace: how soon the next mail may leave.
        threads: deliveries in flight at most.
        clock: seconds that never go back.
        sleep: waits so many seconds, or less when the event is set.
        jitter: a random number between two bounds.
    """

    pace: Pace
    threads: int = 1
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[threading.Event, float], object] = threading.Event.wait
    jitter: Callable[[float, float], float] = random.uniform


def drain(
    deliver_next: Callable[[], Outcome | None],
    *,
    breaker: Breaker | None = None,
    limit: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
    told: Callable[[Outcome], None] = lambda _: None,
    requeue: Callable[[], int] = lambda: 0,
    rhythm: Rhythm | None = None,
) -> Drained:
    """Deliver until there is a reason to end.

    Args:
        deliver_next: takes one delivery through all its steps; None when none is queued.
        breaker: says when too much went wrong; None for one that counts from nothing.
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
    work.run()
    if work.fault is None or isinstance(work.fault, Exception):
        # Not after a second Ctrl-C: who asks twice waits for nobody.
        for hand in hands:
            hand.join()
    if work.fault is not None:
        raise work.fault
    return Drained(ending=work.ending or "empty", accepted=work.accepted, reason=work.reason)


@dataclass(slots=True)
class _Drain:
    """What the hands of one drain share; everything below `lock` is changed under it.

    Attributes:
        begun: mails accepted, in flight, or waiting for their place; the limit is about these.
        flying: mails between claim and answer; while there are any, more may be queued yet.
        waits: waits since a mail was accepted.
    """

    deliver_next: Callable[[], Outcome | None]
    breaker: Breaker
    limit: int | None
    stopped: Callable[[], bool]
    told: Callable[[Outcome], None]
    requeue: Callable[[], int]
    rhythm: Rhythm
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)
    ending: Ending | None = None
    reason: str = ""
    accepted: int = 0
    begun: int = 0
    flying: int = 0
    waits: int = 0
    fault: BaseException | None = None

    def run(self) -> None:
        """One hand: take a place in the pace, wait for it, deliver, hear the answer."""
        try:
            while self.ending is None:
                wait = self._place()
                if wait is None:
                    self.rhythm.sleep(self.over, _GLANCE)
                elif self._taken(wait):
                    outcome = self.deliver_next()
                    with self.lock:
                        self._hear(outcome)
                    if outcome is None:
                        self.rhythm.sleep(self.over, _GLANCE)
        except BaseException as fault:  # noqa: BLE001  # raised again by `drain`, on its own thread
            with self.lock:
                self.fault = self.fault or fault
                self._end("paused")

    def _place(self) -> float | None:
        """How long to wait before the next claim, None when there is no place now."""
        with self.lock:
            if self.stopped():
                self._end("stopped")
            elif self.limit is not None and self.accepted >= self.limit:
                self._end("limit")
            full = self.limit is not None and self.begun >= self.limit
            if self.ending is not None or full:
                return None
            self.begun += 1
            return self.rhythm.pace.reserve(now=self.rhythm.clock())

    def _taken(self, seconds: float) -> bool:
        """Wait for one's place and take off; false when the place was void."""
        while seconds > 0 and not self.stopped() and not self.over.is_set():
            # In short steps, so that a signal is heard.
            self.rhythm.sleep(self.over, min(seconds, _STEP))
            seconds -= _STEP
        with self.lock:
            void = self.over.is_set() or self.rhythm.pace.held(now=self.rhythm.clock())
            if void or self.stopped():
                self.begun -= 1
                return False
            self.flying += 1
            return True

    def _hear(self, outcome: Outcome | None) -> None:
        self.flying -= 1
        if outcome is None or outcome.result is not Result.ACCEPTED:
            self.begun -= 1
        else:
            self.accepted += 1
            self.waits = 0
        if outcome is None:
            self._empty()
            return
        self.told(outcome)
        now = self.rhythm.clock()
        reason = self.breaker.hear(outcome, now=now)
        if outcome.effect in _ENDINGS:
            self._end(_ENDINGS[outcome.effect], outcome.reason)
        elif outcome.result is Result.NOT_SENT:
            self._end("refused", outcome.reason)
        elif reason:
            self._end("paused", reason)
        elif outcome.effect is Effect.SLOW_DOWN:
            self.rhythm.pace.throttled(now=now)
        elif outcome.effect is Effect.BACK_OFF:
            self._back_off(now)

    def _empty(self) -> None:
        """Nothing is queued; what was deferred gets another turn, after a while."""
        if self.flying or self.ending is not None:
            return
        if self.requeue():
            self._back_off(self.rhythm.clock())
        else:
            self._end("empty")

    def _back_off(self, now: float) -> None:
        """Wait for a random time whose bound doubles from wait to wait.

        What fails while nothing may leave was on its way before, and makes the wait no longer.
        """
        if self.rhythm.pace.held(now=now):
            return
        self.waits += 1
        most = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(self.waits, _DOUBLINGS))
        self.rhythm.pace.hold(self.rhythm.jitter(_FIRST_WAIT, most), now=now)

    def _end(self, ending: Ending, reason: str = "") -> None:
        if self.ending is None:
            self.ending, self.reason = ending, reason
            self.over.set()
