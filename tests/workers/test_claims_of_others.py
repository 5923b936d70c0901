"""What one machine may take for lost, or for its own to send, of what was claimed."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest

from newsletter import clocks
from newsletter.delivery import Delivery, Outcome, Result, State
from newsletter.errors import UnreachableError
from newsletter.sending import part as sending
from newsletter.store import deliveries, runs
from newsletter.store.postgres import leases
from tests.campaign.fleet import Wire
from tests.support import postgres
from tests.support.store_samples import NOW
from tests.support.two_machines import two_machines

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("way_in"), pytest.mark.pooled]

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")
DEFERRED = Outcome(result=Result.DEFERRED, reason="451 greylisted")
NOT_SENT = Outcome(result=Result.NOT_SENT, reason="refused with others")


class _Outlet:
    """Keeps what is handed over."""

    def __init__(self) -> None:
        self.mails: list[int] = []

    def compose(self, run, delivery: Delivery, *, now) -> int:  # as in Outlet
        return delivery.position

    def hand_over(self, mails) -> list[Outcome]:
        self.mails += mails
        return [Outcome(result=Result.ACCEPTED, message_id="m") for _ in mails]


@pytest.fixture
def database() -> str:
    return postgres.new_database(postgres.template())


@pytest.fixture
def url(database: str) -> str:
    return postgres.server().url(database)


def test_after_a_lost_answer_only_what_nobody_heard_of_is_queued_again(tmp_path, database):
    with tempfile.TemporaryDirectory() as short:
        wire = Wire(postgres.server().reached, Path(short) / "wire")
        url = f"postgresql://nobody@/{database}?host={wire.folder}"
        with contextlib.closing(wire), two_machines(url, tmp_path) as (leader, _worker, run):
            [held] = leader.settle_and_claim(run, (), 1, now=NOW)
            wire.cut()
            with pytest.raises(UnreachableError):
                leader.settle_and_claim(run, (), 2, now=NOW)
            more = leader.settle_and_claim(run, (), 12, now=NOW)
            assert wire.cuts == 1
            assert sorted(one.position for one in (held, *more)) == list(range(1, 13))
            assert {one.attempt for one in more} == {1, 2}  # the unheard were claimed before


def _and_claimed_anew(worker, run, first):
    """A request refused as a whole: its mails go again, and one commit says both."""
    [second] = worker.settle_and_claim(run, [(first, NOT_SENT)], 1, now=NOW)
    return second


def _while_it_waits_to_be_told_again(worker, run, first):
    """Its commit came through without an answer, and is repeated once the next attempt is out."""
    worker.settle_and_claim(run, [(first, DEFERRED)], 0, now=NOW)
    deliveries.requeue(worker, run)
    [second] = worker.settle_and_claim(run, (), 1, now=NOW)
    worker.settle_and_claim(run, [(first, DEFERRED)], 0, now=NOW)
    return second


@pytest.mark.parametrize("tried_again", [_and_claimed_anew, _while_it_waits_to_be_told_again])
def test_what_is_told_of_one_attempt_lets_nobody_forget_that_the_next_is_out(
    tmp_path, database, tried_again
):
    with tempfile.TemporaryDirectory() as short:
        wire = Wire(postgres.server().reached, Path(short) / "wire")
        url = f"postgresql://nobody@/{database}?host={wire.folder}"
        with contextlib.closing(wire), two_machines(url, tmp_path) as (_leader, worker, run):
            [first] = worker.settle_and_claim(run, (), 1, now=NOW)
            out = tried_again(worker, run, first)
            assert (out.id, out.attempt) == (first.id, 2)
            wire.cut()
            with pytest.raises(UnreachableError):
                worker.settle_and_claim(run, (), 2, now=NOW)
            more = worker.settle_and_claim(run, (), 12, now=NOW)  # gives back what nobody heard of
            assert sorted(one.position for one in more) == list(range(2, 13))
            worker.settle_and_claim(run, [(out, ACCEPTED)], 0, now=NOW)
            assert runs.counts(worker, run).by_state == {State.ACCEPTED: 1, State.CLAIMED: 11}


def test_who_wakes_with_an_answer_spares_the_mail_that_a_person_had_queued_again(
    tmp_path, database
):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        [claimed] = worker.settle_and_claim(run, (), 1, now=NOW)
        ended = "update leases set until = clock_timestamp() - interval '1 hour' where name <> ?"
        postgres.server().ask(database, ended, "sending")
        assert deliveries.sweep(leader, run, now=NOW) == 1
        assert deliveries.risk(leader, run, now=NOW) == 1
        worker.settle_and_claim(run, [(claimed, ACCEPTED)], 0, now=NOW)
        runs.resume(leader, run, by_hand=True)
        assert [one.position for one in leader.settle_and_claim(run, (), 1, now=NOW)] == [2]
        assert runs.counts(leader, run)[State.ACCEPTED] == 1


def test_a_machine_that_was_frozen_hands_nothing_over_that_others_may_take_for_lost(
    tmp_path, url, monkeypatch
):
    monkeypatch.setattr(leases, "RENEWED", 3600)
    outlet, now = _Outlet(), clocks.seconds
    with two_machines(url, tmp_path) as (_leader, worker, run):
        deliver = sending._hand(run, worker, outlet, clocks.now)().deliver_next
        assert [one.outcome.result for one in deliver(1, lambda: None)] == [Result.ACCEPTED]

        def freeze() -> None:
            monkeypatch.setattr(clocks, "seconds", lambda: now() + 56)

        assert [one.outcome.result for one in deliver(1, freeze)] == [Result.DEFERRED]
        assert outlet.mails == [1]


def test_a_claim_is_lost_when_its_lease_has_ended_and_no_answer_can_come_any_more(
    tmp_path, database, url
):
    with two_machines(url, tmp_path) as (leader, worker, run):
        assert len(worker.settle_and_claim(run, (), 1, now=NOW)) == 1
        assert deliveries.sweep(leader, run, now=NOW) == 0

        def lease_ended(seconds: int) -> None:
            ended = f"until = clock_timestamp() - interval '{seconds} seconds'"
            postgres.server().ask(database, f"UPDATE leases SET {ended} WHERE name <> 'sending'")

        lease_ended(60)
        assert deliveries.sweep(leader, run, now=NOW) == 0
        assert runs.counts(leader, run)[State.CLAIMED] == 1
        lease_ended(80)
        assert deliveries.sweep(leader, run, now=NOW) == 1
        assert runs.counts(leader, run).by_state == {State.QUEUED: 11, State.UNKNOWN: 1}


def test_who_claims_while_another_does_takes_others_and_does_not_wait(tmp_path, url):
    with two_machines(url, tmp_path) as (leader, worker, run):
        assert worker.settle_and_claim(run, (), 1, now=NOW)
        with leader.writing(shared=True) as connection:
            mine = deliveries.claim(connection, run.id, 3, NOW, worker="a")
            others = worker.settle_and_claim(run, (), 3, now=NOW)
            at_once = {one.position for one in (*mine, *others)}
        assert at_once == set(range(2, 8))
