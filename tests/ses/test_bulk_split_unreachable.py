"""A request that was split for its size, where nothing can be reached."""

from __future__ import annotations

import pytest

from newsletter.delivery import Effect, Pause, Result
from newsletter.delivery.breaker import Breaker
from tests.fake_ses import FakeSes
from tests.ses.test_bulk import give, mails, meanings
from tests.ses.test_ses import transport, world

__all__ = ["world"]

pytestmark = pytest.mark.processes


def test_what_was_held_back_does_not_hide_that_nothing_was_reached(world):
    with FakeSes() as fake:
        environ = world(fake)
    breaker = Breaker(total=1000, batch=60)
    with transport(environ) as ses:
        outcomes = give(ses, mails(60))
    assert meanings(outcomes) == [(Result.DEFERRED, Effect.BACK_OFF)] * 60
    assert [breaker.hear(one, now=0.0) for one in outcomes] == [None] * 60
    stop = breaker.hear(outcomes[-1], now=601.0)
    assert stop is not None
    assert stop.pause is Pause.NETWORK
