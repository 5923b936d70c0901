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
    assert stop.reason == "1 mail came back into the queue after the others were through"


def test_only_what_was_deferred_is_called_so(desk):
    here = desk(1)

    def why(**left: int) -> str:
        counts = Counts(by_state={State[name]: number for name, number in left.items()})
        stop = part._stop_of(here.store, here.run, counts, Drained(accepted=0))
        assert stop is not None
        return stop.reason

    assert why(DEFERRED=2) == "what is left was deferred 5 times"
    assert why(QUEUED=3, DEFERRED=2) == (
        "3 mails came back into the queue after the others were through, 2 mails deferred 5 times"
    )
