"""Draining with a clock that moves only when somebody sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from newsletter.delivery import Allowance, Attempt, Effect, Outcome, Pause, Result
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.delivery.pace import SHARE, Pace
from newsletter.errors import AccountError
from newsletter.sending.drain import Throttle, drain

FINE = Outcome(result=Result.ACCEPTED, message_id="m")


def tried(outcome):
    return Attempt(position=1, number=1, outcome=outcome)


@dataclass
class Hand:
    """Takes one delivery at a time, by a step that says what came of it; settles nothing."""

    step: Callable[[Callable[[], None]], Attempt | None]

    def deliver_next(self, _most, depart):
        attempt = self.step(depart)
        return (attempt,) if attempt else ()

    def settle(self):
        pass


def one_each(step):
    return lambda: Hand(step)


def why(drained):
    return drained.stop.pause if drained.stop else None


@dataclass
class World:
    """A queue, what is put off, and the time."""

    queue: list[Outcome]
    now: float = 0.0
    threads: int = 1
    again: list[Outcome] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sleep(self, over, seconds):
        # Those who sleep at the same time wake at the same time: nobody adds up.
        until = self.now + seconds
        if self.threads > 1:
            threading.Event().wait(0.0002)  # the others may go first
        with self.lock:
            self.now = max(self.now, until)
            self.slept.append(seconds)

    def jitter(self, least, most):
        self.waits.append(most)
        return most

    def next(self, depart):
        with self.lock:
            if not self.queue:
                return None
            outcome = self.queue.pop(0)
            if outcome.result is Result.DEFERRED:
                self.again.append(outcome)
        depart()
        self.left.append(self.now)
        return tried(outcome)

    def drain(self, rate=14.0, threads=1, **options):
        self.threads = threads
        throttle = Throttle(
            pace=Pace(rate, now=0.0), threads=threads, clock=lambda: self.now,
            sleep=self.sleep, jitter=self.jitter,
        )  # fmt: skip
        return drain(one_each(options.pop("step", self.next)), throttle=throttle, **options)


@pytest.mark.parametrize("threads", [1, 7, 32])
def test_several_hands_come_to_an_end_at_any_pace(threads):
    world = World([FINE] * 100)
    assert world.drain(threads=threads).accepted == 100


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("limit", [1, 3])
def test_the_limit_is_met_exactly_though_some_are_refused(threads, limit):
    world = World([judged(Verdict.REFUSED, "x"), FINE] * 50)
    drained = world.drain(threads=threads, limit=limit, breaker=Breaker(total=10**6))
    assert (why(drained), drained.accepted) == (Pause.LIMIT, limit)
    assert sum(o is FINE for o in world.queue) == 50 - limit


def test_what_was_put_off_is_queued_again_after_a_wait():
    world = World([judged(Verdict.DEFERRED, "x"), FINE])

    def requeue():
        number, world.again = len(world.again), []
        world.queue += [FINE] * number
        return number

    drained = world.drain(requeue=requeue)
    assert (why(drained), drained.accepted) == (None, 2)
    assert world.waits == [2.0]


def test_without_network_waits_double_to_a_minute_and_ten_minutes_end_it():
    world = World([judged(Verdict.UNREACHABLE, "x")] * 1000)
    drained = world.drain()
    assert (why(drained), drained.accepted) == (Pause.NETWORK, 0)
    assert world.waits[:7] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert 600 <= world.now < 700


def test_a_throttle_slows_down_and_goes_on():
    world = World([judged(Verdict.THROTTLED, "x"), FINE, FINE])
    assert world.drain(rate=2.0).accepted == 2
    assert world.now >= 2.0


@pytest.mark.parametrize(
    ("effect", "pause"),
    [(Effect.ABORT, Pause.ACCOUNT), (Effect.REJECT, Pause.MALFORMED), (Effect.STOP, Pause.QUOTA), (Effect.GO_ON, Pause.ACCOUNT)],
)  # fmt: skip
def test_what_would_fail_for_everybody_ends_the_run(effect, pause):
    drained = World([Outcome(result=Result.NOT_SENT, reason="why", effect=effect), FINE]).drain()
    assert drained.stop is not None
    assert (drained.stop.pause, drained.stop.reason) == (pause, "why")


def test_a_stop_is_heard_within_one_step_of_a_long_wait():
    world = World([FINE, judged(Verdict.UNREACHABLE, "x"), FINE])
    drained = world.drain(stopped=lambda: world.now > 1.5)
    assert (why(drained), drained.accepted) == (Pause.INTERRUPTED, 1)
    assert world.now <= 1.5 + 0.25 + 0.25


@pytest.mark.parametrize("fault", [ValueError("a bug"), SystemExit(130)])
@pytest.mark.parametrize("threads", [1, 4])
def test_what_a_hand_raises_is_raised(fault, threads):
    def step(depart):
        raise fault

    with pytest.raises(type(fault)):
        World([]).drain(step=step, threads=threads)


def test_outcomes_are_never_told_by_two_threads_at_once():
    inside, most = [0], [0]

    def settled(_):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.001)
        inside[0] -= 1

    World([FINE] * 60).drain(rate=1e6, threads=8, settled=settled)
    assert most == [1]


def test_what_fails_while_the_run_is_held_makes_no_wait_longer():
    world, pace = World([judged(Verdict.UNREACHABLE, "x"), FINE]), Pace(14.0, now=0.0)

    def step(depart):
        pace.hold(5.0, now=world.now)  # another hand's failure was heard first
        return world.next(depart)

    throttle = Throttle(pace=pace, clock=lambda: world.now, sleep=world.sleep, jitter=world.jitter)
    drain(one_each(step), throttle=throttle)
    assert world.waits == []


@pytest.mark.parametrize("stall", [0.2, 3.0])
def test_a_mail_that_missed_its_place_takes_a_later_one_and_crowds_no_second(stall):
    world = World([FINE] * 60)
    stalls = iter([0.0] * 20 + [stall] + [0.0] * 39)

    def step(depart):
        world.now += next(stalls, 0.0)  # the disk took its time over the claim
        return world.next(depart)

    assert world.drain(rate=14.0 * SHARE, step=step).accepted == 60
    assert all(sum(at <= other < at + 1 for other in world.left) <= 14 for at in world.left)


def test_a_mail_leaves_at_its_place_and_not_when_it_was_claimed():
    world, claimed = World([FINE] * 20), []

    def step(depart):
        claimed.append(world.now)
        return world.next(depart)

    world.drain(rate=10.0, step=step)
    assert world.left == pytest.approx([n / 10 for n in range(20)])
    waited = [left - took for took, left in zip(claimed[:20], world.left, strict=True)]
    assert max(waited) == pytest.approx(0.02)


def test_the_account_is_asked_every_minute_and_its_rate_is_followed():
    world, asked, more = World([FINE] * 100), [], threading.Event()

    def allowance():
        asked.append(world.now)
        if len(asked) == 1:
            raise AccountError("not now")
        more.set()
        return Allowance(rate=50.0)

    class Watch(World):
        def sleep(self, over, seconds):
            if seconds == 60.0:  # the one who asks waits for the others' minute
                while not over.is_set() and world.now < 60.0 * (len(asked) + 1):
                    over.wait(0.001)
            else:
                World.sleep(world, over, seconds)

    throttle = Throttle(
        pace=(pace := Pace(0.5, now=0.0)), allowance=allowance, clock=lambda: world.now,
        sleep=Watch([]).sleep, jitter=world.jitter,
    )  # fmt: skip

    def step(depart):
        if world.now >= 120.0:
            assert more.wait(10)
        return world.next(depart)

    assert drain(one_each(step), throttle=throttle).accepted == 100
    assert len(asked) == 2
    assert pace.rate == 50.0
    assert world.now < 130.0
