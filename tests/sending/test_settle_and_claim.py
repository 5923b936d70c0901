"""What is known of a mail is on record with the next claim of the same hand, and never later."""

from __future__ import annotations

import contextlib
import threading

import pytest
import sqlalchemy as sa

from newsletter.delivery import Attempt
from newsletter.delivery.deliver import Hand, SingleOutlet
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.delivery.pace import Pace
from newsletter.errors import InputError
from newsletter.sending.drain import Throttle, drain
from newsletter.store import deliveries
from tests.support.runs import Scripted, accepted, desk
from tests.support.store_samples import LATER

__all__ = ["desk"]


def hand(here, transport=None):
    outlet = SingleOutlet(transport=transport or here.transport, press=here.press)
    return Hand(run=here.run, records=here.store, outlet=outlet, clock=lambda: LATER)


@contextlib.contextmanager
def commits(store):
    """The transactions that end in the block, each as the statements it made."""
    found, now = [], []

    def heard(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE deliveries"):
            now.append("settled" if "message_id" in statement else "claimed")

    def ended(_connection):
        if now:
            found.append(tuple(now))
        now.clear()

    sa.event.listen(store.engine, "before_cursor_execute", heard)
    sa.event.listen(store.engine, "commit", ended)
    try:
        yield found
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", heard)
        sa.event.remove(store.engine, "commit", ended)


def test_an_outcome_and_the_next_claim_are_one_commit(desk):
    here = desk(3)
    with commits(here.store) as found:
        assert here.drain().accepted == 3
    assert found == [("claimed",), ("settled", "claimed"), ("settled", "claimed"), ("settled",)]


def test_each_mail_leaves_when_its_claim_and_the_outcome_before_it_are_on_the_disk(desk):
    here, seen = desk(3), []
    transport = Scripted(
        [accepted(str(n)) for n in range(3)], seen=lambda _: seen.append(here.rows())
    )
    here.drain(transport)
    assert seen == [
        [(1, "claimed", 1), (2, "queued", 0), (3, "queued", 0)],
        [(1, "accepted", 1), (2, "claimed", 1), (3, "queued", 0)],
        [(1, "accepted", 1), (2, "accepted", 1), (3, "claimed", 1)],
    ]  # fmt: skip


def test_an_outcome_does_not_wait_for_the_pace(desk):
    here, now, waiting = desk(2), [0.0], []

    def sleep(_over, seconds):
        waiting.append(here.rows()[0])
        now[0] += seconds

    throttle = Throttle(pace=Pace(1.0, now=0.0), clock=lambda: now[0], sleep=sleep)
    assert drain(lambda: hand(here), throttle=throttle).accepted == 2
    assert set(waiting) == {(1, "accepted", 1)}


class CallbackError(Exception):
    """Whoever listens has failed."""


@pytest.mark.parametrize("fault", [CallbackError, SystemExit])
def test_an_outcome_is_on_record_though_who_hears_of_it_fails(desk, fault):
    here = desk(3)

    def told(_):
        raise fault

    with pytest.raises(fault):
        here.drain(told=told)
    assert here.rows() == [(1, "accepted", 1), (2, "queued", 0), (3, "queued", 0)]


def test_what_is_wrong_with_the_next_claim_does_not_cost_the_outcome_before_it(desk, monkeypatch):
    here, real = desk(3), deliveries.claim

    def claim(connection, run, most, now, **by):
        if any(attempt == 1 for _, _, attempt in here.rows()):
            raise InputError("this row cannot be read")
        return real(connection, run, most, now, **by)

    monkeypatch.setattr(deliveries, "claim", claim)
    with pytest.raises(InputError, match="this row cannot be read"):
        here.drain()
    assert here.rows() == [(1, "accepted", 1), (2, "queued", 0), (3, "queued", 0)]


def test_a_mark_that_cannot_be_flushed_gives_back_the_claim_and_keeps_the_outcome(desk):
    here = desk(2)

    class Mark:
        """Fails at the second claim."""

        run, flushed = here.run.id, 0

        def begin(self):
            pass

        def count(self, taken):
            pass

        def flush(self):
            self.flushed += 1
            if self.flushed == 2:
                raise InputError("the ledger cannot be written")

    with here.store.marked(Mark()), pytest.raises(InputError, match="ledger"):
        here.drain()
    assert here.rows() == [(1, "accepted", 1), (2, "queued", 1)]
    assert list(here.mails()) == ["074/0001.eml"]


def test_nobody_ends_the_run_while_another_hand_has_an_outcome_that_is_on_no_record():
    put_off = Attempt(position=1, number=1, outcome=judged(Verdict.DEFERRED, "later"))
    fine = Attempt(position=1, number=2, outcome=accepted())
    queue, deferred, lock = [put_off], [], threading.Lock()
    found_nothing = threading.Semaphore(0)

    class Slow:
        """Its commit takes until the other hand has looked twice."""

        held: Attempt | None = None

        def deliver_next(self, _most, depart):
            self.settle()
            with lock:
                self.held = queue.pop() if queue else None
            if self.held is None:
                found_nothing.release()
                return ()
            depart()
            return (self.held,)

        def settle(self):
            held, self.held = self.held, None
            if held is put_off:
                assert all(found_nothing.acquire(timeout=60) for _ in range(2))
                deferred.append(held)

    def requeue():
        number = len(deferred)
        queue.extend(fine for _ in range(number))
        deferred.clear()
        return number

    throttle = Throttle(pace=Pace(1e9, now=0.0), threads=2, jitter=lambda *_: 0.0)
    assert drain(Slow, requeue=requeue, throttle=throttle).accepted == 1
