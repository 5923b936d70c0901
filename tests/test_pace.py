from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.outbox.pace import Pace


@given(st.floats(0.5, 200), st.lists(st.floats(0, 2), min_size=2, max_size=80))
def test_no_second_holds_more_than_the_rate(rate, gaps):
    pace, now, leaving = Pace(rate, now=0.0), 0.0, []
    for gap in gaps:
        now += gap
        leaving.append(now + pace.reserve(now=now))
    for start in leaving:
        assert sum(start <= at < start + 1 - 1e-6 for at in leaving) <= rate + 1


def test_a_throttle_halves_the_pace_once_and_it_recovers_by_five_percent_a_minute():
    pace = Pace(100.0, now=0.0)
    pace.throttled(now=10.0)
    pace.throttled(now=10.5)  # was on its way already
    assert (pace.rate, pace.held(now=10.9), pace.held(now=11.0)) == (50.0, True, False)
    assert pace.reserve(now=10.5) == 0.5
    pace.reserve(now=70.0)
    assert pace.rate == pytest.approx(55.0)
    pace.reserve(now=10_000.0)
    assert pace.rate == 100.0


def test_the_pace_never_falls_below_a_tenth():
    pace = Pace(100.0, now=0.0)
    for now in range(0, 40, 2):
        pace.throttled(now=now)
    assert 10.0 <= pace.rate < 11.0
