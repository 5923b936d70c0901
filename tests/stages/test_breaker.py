from __future__ import annotations

import pytest

from newsletter.delivery import Outcome, Pause, Result, Stop
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.outcomes import Verdict, judged

FINE = Outcome(result=Result.ACCEPTED, message_id="m")


def first_stop(breaker, outcomes):
    """1-based number of the answer that stops, and why."""
    for number, outcome in enumerate(outcomes, 1):
        if stop := breaker.hear(outcome, now=0.0):
            assert stop.pause is Pause.BREAKER
            return number, stop.reason
    return 0, ""


@pytest.mark.parametrize(
    ("total", "outcomes", "stop"),
    [
        (1000, [judged(Verdict.REFUSED, "x")] * 9, (5, "5 mails in a row were refused")),
        (100, [judged(Verdict.REFUSED, "x"), FINE] * 9, (5, "3 mails were refused, over 2 %")),
        (1000, [judged(Verdict.REFUSED, "x"), FINE] * 20, (0, "")),
        (25, [judged(Verdict.UNPROVEN, "x")] * 3, (2, "2 outcomes are unknown")),
        (1000, [judged(Verdict.UNPROVEN, "x")] * 30, (11, "11 outcomes are unknown")),
        (10**6, [judged(Verdict.UNPROVEN, "x")] * 30, (26, "26 outcomes are unknown")),
    ],
)
def test_a_run_stops_at_its_thresholds(total, outcomes, stop):
    assert first_stop(Breaker(total=total), outcomes) == stop


def test_ten_minutes_without_network_stop_a_run_and_one_answer_begins_them_anew():
    breaker = Breaker(total=10)
    assert breaker.hear(judged(Verdict.UNREACHABLE, "x"), now=0.0) is None
    assert breaker.hear(FINE, now=500.0) is None
    assert breaker.hear(judged(Verdict.UNREACHABLE, "x"), now=600.0) is None
    assert breaker.hear(judged(Verdict.UNREACHABLE, "x"), now=1199.0) is None
    stop = breaker.hear(judged(Verdict.UNREACHABLE, "x"), now=1200.0)
    assert stop == Stop(Pause.NETWORK, "nothing could be reached for ten minutes: x")
