"""`--limit K` bounds how many people can have got a mail, whatever the server's answers prove."""

from __future__ import annotations

from newsletter.delivery import Outcome, Pause, Result, Stop
from newsletter.sending.drain import Drained
from tests.support.runs import Scripted, desk

__all__ = ["desk"]

LOST = Outcome(result=Result.UNKNOWN, reason="no answer")


def test_a_mail_that_may_have_arrived_counts_towards_a_limit(desk):
    here = desk(3)
    limit = Stop(Pause.LIMIT, "the limit is reached")
    assert here.drain(Scripted([LOST, LOST]), limit=1) == Drained(accepted=0, stop=limit)
    assert here.states() == {"unknown": 1, "queued": 2}
