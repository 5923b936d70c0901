from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.pace import Pace


@given(st.floats(0.5, 200), st.lists(st.floats(0, 2), min_size=2, max_size=80))
def test_no_second_holds_more_than_the_rate(rate, gaps):
    pace, now, leaving = Pace(rate, now=0.0), 0.0, []
    for gap in gaps:
        now += gap
        leaving.append(pace.reserve(now=now))
    for start in leaving:
        assert sum(start <= at < start + 1 - 1e-6 for at in leaving) <= rate + 1


def test_a_throttle_halves_the_pace_once_and_it_recovers_by_five_percent_a_minute():
    pace = Pace(100.0, now=0.0)
    pace.throttled(now=10.0)
    pace.throttled(now=10.5)  # was on its way already
    assert (pace.rate, pace.held(now=10.9), pace.held(now=11.0)) == (50.0, True, False)
    assert pace.reserve(now=10.5) == 11.0
    pace.reserve(now=70.0)
    assert pace.rate == pytest.approx(55.0)
    pace.reserve(now=10_000.0)
    assert pace.rate == 100.0


def test_the_pace_never_falls_below_a_tenth():
    pace = Pace(100.0, now=0.0)
    for now in range(0, 40, 2):
        pace.throttled(now=now)
    assert 10.0 <= pace.rate < 11.0


def test_a_place_that_nobody_took_is_lost_and_not_caught_up():
    pace = Pace(10.0, now=0.0)
    places = [pace.reserve(now=now) for now in (0.0, 0.0, 3.0, 3.0)]
    assert places == pytest.approx([0.0, 0.1, 3.0, 3.1])


def test_another_rate_of_the_account_counts_at_once_and_a_cut_stays_cut():
    pace = Pace(100.0, now=0.0)
    pace.change(200.0, now=1.0)
    assert pace.rate == 200.0
    pace.throttled(now=2.0)
    pace.change(150.0, now=2.0)
    assert pace.rate == 100.0
    pace.change(50.0, now=2.0)
    assert pace.rate == 50.0
    pace.change(200.0, now=2.0)
    assert pace.rate == 200.0
