"""A standby without the last commits takes over while mails leave."""

from __future__ import annotations

import pytest

from newsletter.audience import MAILABLE
from newsletter.delivery import Outcome, Result
from newsletter.errors import ForgottenError, PausedError
from newsletter.project import high_water
from newsletter.project.ledger import Reached
from newsletter.store import Store, claims, doubting, freezing, imports, runs
from tests.support import postgres
from tests.support.store_samples import NOW, a_content, people

pytestmark = pytest.mark.processes

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")
DEFERRED = Outcome(result=Result.DEFERRED, reason="451 greylisted")


#: What a standby may have of a row: nothing; a claim, and not its outcome.
UNCLAIMED = "state = 'queued', attempt = 0, message_id = ''"
UNSETTLED = "state = 'claimed', message_id = ''"


def _forget(database: str, values: str) -> None:
    """Leave the records as if less had been done."""
    with postgres.server().connect(database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"UPDATE deliveries SET {values} WHERE attempt > 0")


def _hang_up(database: str) -> None:
    """End all connections."""
    with postgres.server().connect(database) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _begun(store: Store, place):
    """A run for four people, and its file's mark."""
    imports.add(store, people(4), source="test", now=NOW)
    run = freezing.start(
        store, a_content(), rehearsal=False, transport="smtp", eligible=MAILABLE, expect=None,
        now=NOW, occurrence=None,
    )  # fmt: skip
    reached, counts = claims.reached(store, run), runs.counts(store, run)
    return run, high_water.write(place, run, counts, reached, occurrence=None)


@pytest.mark.parametrize("in_flight", [False, True])
def test_nothing_is_claimed_where_the_records_forgot_what_left(tmp_path, in_flight):
    database = postgres.new_database(postgres.template())
    url = f"{postgres.server().url(database)}&folder={tmp_path}"
    with Store.open(url) as store, store.lock():
        run, mark = _begun(store, tmp_path)
        with store.marked(mark):
            claimed = store.settle_and_claim(run, (), 2, now=NOW)
            settled = [(one, ACCEPTED) for one in claimed]
            if not in_flight:
                store.settle_and_claim(run, settled, 0, now=NOW)
            _forget(database, UNCLAIMED)
            _hang_up(database)
            told = "these records know of fewer mails"
            if in_flight:
                with pytest.raises(PausedError, match=told):
                    store.settle_and_claim(run, settled, 0, now=NOW)
            with pytest.raises(PausedError, match=told):
                store.settle_and_claim(run, (), 2, now=NOW)


def test_what_others_had_claimed_as_far_as_it_is_known_here_counts_as_well(tmp_path):
    database = postgres.new_database(postgres.template())
    url = f"{postgres.server().url(database)}&folder={tmp_path}"
    with Store.open(url) as store, store.lock():
        run, mark = _begun(store, tmp_path)
        with store.marked(mark):
            assert len(store.settle_and_claim(run, (), 1, now=NOW)) == 1
            mark.rise(Reached(recipients=4, attempts=3, position=3))
            _hang_up(database)
            with pytest.raises(PausedError, match="these records know of fewer mails"):
                store.settle_and_claim(run, (), 1, now=NOW)


@pytest.mark.parametrize(("done", "forgotten"), [(False, UNCLAIMED), (True, UNSETTLED)])
def test_the_last_commit_of_a_process_is_missed(tmp_path, done, forgotten):
    """Nobody else may know of it, and no connection need have ended."""
    database = postgres.new_database(postgres.template())
    url = f"{postgres.server().url(database)}&folder={tmp_path}"
    with Store.open(url) as store, store.lock():
        run, mark = _begun(store, tmp_path)
        with store.marked(mark):
            claimed = store.settle_and_claim(run, (), 2, now=NOW)
            if done:
                store.settle_and_claim(run, [(one, ACCEPTED) for one in claimed], 0, now=NOW)
            store.expect_remembered()
            _forget(database, forgotten)
            with pytest.raises(ForgottenError):
                store.expect_remembered()
            store.expect_remembered()  # it is told once
        assert claims.distrusted(store, run)


def test_a_late_answer_is_not_taken_for_that_of_an_attempt_that_was_forgotten(tmp_path):
    database = postgres.new_database(postgres.template())
    url = f"{postgres.server().url(database)}&folder={tmp_path}"
    with Store.open(url) as store, store.lock():
        run, mark = _begun(store, tmp_path)
        with store.marked(mark):
            claimed = store.settle_and_claim(run, (), 2, now=NOW)
            store.settle_and_claim(run, [(one, DEFERRED) for one in claimed], 0, now=NOW)
        assert doubting.doubt(store, run, claims.reached(store, run), now=NOW) == 2
        by = "select distinct worker, attempt from deliveries where state = 'unknown'"
        assert postgres.server().ask(database, by) == [("", 2)]
