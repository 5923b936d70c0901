"""Files that are taken away or replaced while a run has them open: it stops, and says so."""

from __future__ import annotations

import pytest

from newsletter.delivery import Outcome, Result
from newsletter.errors import PausedError
from newsletter.store import Store, deliveries
from tests.support import claiming
from tests.support.runs import desk
from tests.support.store_samples import LATER, NOW

__all__ = ["desk"]

FINE = Outcome(result=Result.ACCEPTED, message_id="m1")


def replace(path):
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").replace(path)


@pytest.mark.parametrize(
    "take_away", [lambda path: path.unlink(), lambda path: path.rename(f"{path}.old"), replace]
)
def test_nothing_is_claimed_or_recorded_in_records_that_were_taken_away(desk, take_away):
    here = desk(3)
    taken = claiming.claim(here.store, here.run, now=LATER)
    take_away(here.store.path)
    said = "the records were moved, replaced or removed while they were in use"
    with pytest.raises(PausedError, match=said):
        claiming.settle(here.store, here.run, taken, FINE, now=LATER)
    with pytest.raises(PausedError, match=said):
        claiming.claim(here.store, here.run, now=LATER)


def test_a_run_stops_where_its_lock_was_removed_and_records_what_was_on_its_way(desk):
    here = desk(3)
    lock = here.store.path.with_name(f"{here.store.path.name}.sending.lock")
    with here.store.lock():
        taken = claiming.claim(here.store, here.run, now=LATER)
        lock.unlink()
        claiming.settle(here.store, here.run, taken, FINE, now=LATER)
        with pytest.raises(PausedError, match="the lock beside the store was moved or removed"):
            claiming.claim(here.store, here.run, now=LATER)
    assert here.states() == {"accepted": 1, "queued": 2}


def test_where_another_run_has_taken_over_it_is_not_called_a_bug(desk):
    here = desk(3)
    with here.store.lock():
        taken = claiming.claim(here.store, here.run, now=LATER)
        here.store.path.with_name(f"{here.store.path.name}.sending.lock").unlink()
        with Store.open(f"sqlite:///{here.store.path}") as other, other.lock():
            assert deliveries.recover(other, here.run, now=NOW) == 1
            with pytest.raises(PausedError, match="the lock beside the store was moved or removed"):
                claiming.settle(here.store, here.run, taken, FINE, now=LATER)
    assert here.states() == {"unknown": 1, "queued": 2}
