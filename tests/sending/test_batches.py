"""Several mails in one request: places in the pace, the limit, and what one claim brings back."""

from __future__ import annotations

import threading

import pytest

from newsletter.delivery import Attempt, Outcome, Result, Stop
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.delivery.pace import Pace
from newsletter.sending.drain import Throttle, drain

FINE = Outcome(result=Result.ACCEPTED, message_id="m")


class Post:
    """A queue, taken in batches; what it answers, and when each left."""

    def __init__(self, number, answers=None):
        self.left, self.answers = number, answers or {}
        self.now, self.sizes, self.moments = 0.0, [], []
        self.lock = threading.Lock()

    def sleep(self, _over, seconds):
        until = self.now + seconds
        threading.Event().wait(0.0002)
        with self.lock:
            self.now = max(self.now, until)

    def settle(self):
        pass

    def deliver_next(self, most, wait):
        with self.lock:
            taken = min(most, self.left)
            self.left -= taken
            if taken:
                self.sizes.append(taken)
            answer = self.answers.get(len(self.sizes), FINE)
            if answer.effect is judged(Verdict.REFUSED_TOGETHER, "").effect:
                self.left += taken
        if not taken:
            return ()
        wait()
        self.moments.append(self.now)
        return tuple(Attempt(position=n + 1, number=1, outcome=answer) for n in range(taken))

    def drain(self, batch, *, threads=1, rate=100.0, **more):
        throttle = Throttle(
            pace=Pace(rate, now=0.0), threads=threads, batch=batch, clock=lambda: self.now,
            sleep=self.sleep,
        )  # fmt: skip
        return drain(lambda: self, throttle=throttle, **more)


def test_a_batch_takes_as_many_places_as_it_has_mails():
    post = Post(500)
    assert post.drain(50).accepted == 500
    assert post.sizes == [50] * 10
    assert sorted(post.moments) == pytest.approx([n * 0.5 for n in range(10)], abs=0.03)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("limit", [1, 49, 50, 51, 120])
def test_a_limit_is_kept_by_several_hands(threads, limit):
    post = Post(500)
    assert post.drain(50, threads=threads, limit=limit).accepted == limit
    assert sum(post.sizes) == limit


def test_after_a_refusal_of_all_as_many_claims_are_for_one_each_and_then_batches_again():
    post = Post(30, {2: judged(Verdict.REFUSED_TOGETHER, "no")})
    assert post.drain(5).accepted == 30
    assert post.sizes == [5, 5, *[1] * 5, *[5] * 4]


def test_places_that_were_taken_for_many_are_used_for_one_after_a_refusal_of_all():
    post = Post(200, {1: judged(Verdict.REFUSED_TOGETHER, "no")})
    assert post.drain(50, threads=4).accepted == 200
    # A hand may have taken a place for one when the last of them was claimed.
    assert 50 <= post.sizes.count(1) < 50 + 4


@pytest.mark.parametrize(
    ("batch", "unknown", "stops"), [(1, 1, False), (1, 2, True), (50, 100, False), (50, 101, True)]
)
def test_two_lost_answers_are_borne_whatever_the_size(batch, unknown, stops):
    breaker = Breaker(total=100, batch=batch)
    heard = [breaker.hear(judged(Verdict.UNPROVEN, "lost"), now=0.0) for _ in range(unknown)]
    assert any(isinstance(one, Stop) for one in heard) is stops
