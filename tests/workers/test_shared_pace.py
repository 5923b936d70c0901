"""The pace of an account, given out by the database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from newsletter.delivery import Attempt, Outcome, Result
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.sending.drain import Throttle, drain
from newsletter.sending.shared_pace import SharedPace
from newsletter.store import Store
from tests.campaign.servers import serving
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

_MOMENTS = ("next", "since", "cut_at")


def test_places_of_two_machines_follow_one_another_and_a_throttle_slows_both(tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    with (
        Store.open(f"{url}&folder={tmp_path}/a") as one,
        Store.open(f"{url}&folder={tmp_path}/b") as other,
    ):
        first, rate = one.backend.take_places("account", 1000, 10.0)
        assert (round(first), rate) == (0, 10.0)
        second, _ = other.backend.take_places("account", 1, 10.0)
        assert 1 < second <= 100  # behind the hundred seconds that the first has taken
        one.backend.cut_pace("account")
        _, rate = other.backend.take_places("account", 1, 10.0)
        assert 5.0 <= rate < 10.0


def test_a_clock_that_is_put_back_neither_stops_the_pace_nor_turns_it_round(tmp_path):
    database = postgres.new_database(postgres.template())
    with Store.open(f"{postgres.server().url(database)}&folder={tmp_path}") as store:
        backend = store.backend
        backend.take_places("account", 1000, 10.0)
        backend.cut_pace("account")
        moments = ", ".join(f"{one} = {one} + interval '15 min'" for one in _MOMENTS)
        postgres.server().ask(database, f"UPDATE paces SET {moments}")
        wait, rate = backend.take_places("account", 1, 10.0)
        assert 1 < wait <= 100  # behind those hundred seconds all the same
        assert rate == 5.0
        backend.cut_pace("account")  # it is news, as the first was a while ago
        _, rate = backend.take_places("account", 1, 10.0)
        assert 2.5 <= rate < 5.0


class _Seen(SharedPace):
    """Keeps the places that it was given."""

    def __init__(self, *words, **more) -> None:
        super().__init__(*words, **more)
        self.places: list[float] = []

    def reserve(self, *, now: float, mails: int = 1) -> float:
        self.places.append(super().reserve(now=now, mails=mails))
        return self.places[-1]


class _Hand:
    """Finds nobody there at first; then all is accepted, until nothing is left."""

    def __init__(self, positions: Iterator[int]) -> None:
        self._positions = positions

    def deliver_next(self, _most: int, wait_for_slot) -> Sequence[Attempt]:
        position = next(self._positions, 0)
        if not position:
            return ()
        wait_for_slot()
        outcome = Outcome(result=Result.ACCEPTED, message_id="m")
        if position == 1:
            outcome = judged(Verdict.UNREACHABLE, "nobody is there")
        return (Attempt(position=position, number=1, outcome=outcome),)

    def settle(self) -> None:
        """Nothing is on record."""


def test_after_a_wait_no_two_threads_have_the_same_place(tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    with Store.open(f"{url}&folder={tmp_path}") as store:
        pace = _Seen(50.0, store.backend, "account", now=time.monotonic())
        positions = iter(range(1, 20))
        throttle = Throttle(pace=pace, threads=8, jitter=lambda *_: 0.3)
        drained = drain(lambda: _Hand(positions), throttle=throttle)
    assert drained.accepted == 18
    assert len(set(pace.places)) == len(pace.places)


def test_an_issue_leaves_through_ses_with_records_on_a_server(folder: Folder, tmp_path) -> None:
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    with serving("ses", tmp_path) as server:
        for name, value in server.environ.items():
            folder.patch.setenv(name, value)
        ran = folder.send()
        assert ran.code == 0, ran.err
        assert server.ledger.update() == len(set(server.ledger.mails)) == 25
    assert postgres.server().ask(database, "select count(*) from paces") == [(1,)]
