"""The server's disk is full while an answer is recorded: the answer waits, and is recorded."""

from __future__ import annotations

import pytest

from newsletter.delivery import Outcome, Result, State
from newsletter.errors import PausedError
from newsletter.store import database as databases
from newsletter.store import runs
from tests.support import postgres
from tests.support.store_samples import NOW
from tests.support.two_machines import two_machines

pytestmark = pytest.mark.processes

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")
#: A sequence counts what is undone as well.
_FULL = """
CREATE SEQUENCE tries;
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('newsletter.tries') <= {times} THEN
        RAISE 'could not extend file' USING ERRCODE = '53100';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER full_disk BEFORE UPDATE OF settled_at ON deliveries FOR EACH ROW
    WHEN (NEW.state = 'accepted') EXECUTE FUNCTION full_disk()
"""


def _fill(database: str, times: int) -> None:
    postgres.server().ask(database, _FULL.format(times=times))


def test_no_answer_is_lost_while_it_is_full(tmp_path):
    database = postgres.new_database(postgres.template())
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        mine = leader.settle_and_claim(run, (), 1, now=NOW)
        others = worker.settle_and_claim(run, (), 1, now=NOW)
        _fill(database, 3)
        # Recorded, and the next is claimed, as if nothing had been.
        assert leader.settle_and_claim(run, [(mine[0], ACCEPTED)], 1, now=NOW)
        worker.settle_and_claim(run, [(others[0], ACCEPTED)], 0, now=NOW)
        assert runs.counts(leader, run)[State.ACCEPTED] == 2
        assert (leader.unrecorded(), worker.unrecorded()) == ((), ())


def test_what_it_stays_full_for_is_known_to_whoever_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "PATIENCE", 0.5)
    database = postgres.new_database(postgres.template())
    with two_machines(postgres.server().url(database), tmp_path) as (leader, _worker, run):
        [first] = leader.settle_and_claim(run, (), 1, now=NOW)
        _fill(database, 1_000_000)
        with pytest.raises(PausedError, match="disk is full"):
            leader.settle_and_claim(run, [(first, ACCEPTED)], 1, now=NOW)
        assert leader.unrecorded() == ((first, ACCEPTED),)
        assert leader.unrecorded() == ()
        assert runs.counts(leader, run)[State.CLAIMED] == 1
