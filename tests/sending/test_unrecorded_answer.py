"""Why a run stands still whose last answers could not be recorded: nothing was put off."""

from __future__ import annotations

from newsletter.delivery import Counts, Pause, State, Stop
from newsletter.sending import part
from newsletter.sending.drain import Drained
from tests.support.runs import desk

__all__ = ["desk"]


def test_what_was_claimed_and_never_settled_is_not_called_deferred(desk):
    here = desk(1)
    told = Counts(by_state={State.ACCEPTED: 299, State.CLAIMED: 1})
    assert part._stop_of(here.store, here.run, told, Drained(accepted=299)) == Stop(
        Pause.FAULT, "what became of 1 mail could not be recorded"
    )
    queued = Counts(by_state={State.ACCEPTED: 299, State.QUEUED: 1})
    stop = part._stop_of(here.store, here.run, queued, Drained(accepted=299))
    assert stop is not None
    assert stop.pause is Pause.PUT_OFF
