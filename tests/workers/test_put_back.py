"""A disk is put back as it was a moment ago, and only the folder of a dead worker can tell."""

from __future__ import annotations

import pytest

from newsletter.delivery import Outcome, Result
from newsletter.errors import RefusedError
from newsletter.project import high_water, ledger
from newsletter.store import Store, agreement, claims, deliveries, doubting, runs
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.store_samples import NOW
from tests.support.two_machines import WAY, two_machines

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

DEFERRED = Outcome(result=Result.DEFERRED, reason="451 greylisted")
IDLE = "no issue is being sent that a worker could help with\n"
#: Of a row, as it was before its last claim.
UNCLAIMED = "state = 'queued', attempt = attempt - 1"


@pytest.fixture
def database() -> str:
    return postgres.new_database(postgres.template())


def _put_back(database: str, positions: list[int]) -> None:
    """Leave the records as they were before these were claimed the last time."""
    with postgres.by_hand(database) as execute:
        execute("SET session_replication_role = replica")
        execute(f"UPDATE deliveries SET {UNCLAIMED} WHERE position = ANY(?)", [positions])


def _followed(worker: Store, run) -> None:
    """What the worker's file does each second: it rises with the claims of the others."""
    mark = worker._group_commit._mark
    assert mark
    mark.rise(claims.reached(worker, run))
    mark.flush()


def _lost(tmp_path, store: Store, run):
    return agreement.lost(tmp_path / "b", store, run.content.issue)


def test_a_claim_that_only_its_own_file_knows_is_missed_by_its_place(tmp_path, database):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        leader.settle_and_claim(run, (), 5, now=NOW)
        _followed(worker, run)
        leader.settle_and_claim(run, (), 2, now=NOW)  # of which the worker does not hear
        sent = [one.position for one in worker.settle_and_claim(run, (), 2, now=NOW)]
        assert _lost(tmp_path, worker, run) is None
        _put_back(database, sent)
        lost = _lost(tmp_path, leader, run)
        assert lost
        with pytest.raises(RefusedError, match="up to recipient 7 of the first 9") as refused:
            raise agreement.refusal(lost)
        assert "newsletter worker --once" in str(refused.value.hint)
        assert "2 more mails may have gone" in agreement.forgotten(tmp_path / "b", leader, 74)
        assert doubting.doubt(leader, run, lost.entry.reached, now=NOW) == 2
        runs.resume(leader, run, by_hand=True)
        assert _lost(tmp_path, leader, run) is None
        rest = leader.settle_and_claim(run, (), 3, now=NOW)
        assert [one.position for one in rest] == [10, 11, 12]


def test_a_second_attempt_comes_on_top_of_what_others_have_claimed(tmp_path, database):
    """It raises the position in no file."""
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        first = leader.settle_and_claim(run, (), 5, now=NOW)
        leader.settle_and_claim(run, [(one, DEFERRED) for one in first], 0, now=NOW)
        _followed(worker, run)
        assert deliveries.requeue(leader, run) == 5
        [again] = worker.settle_and_claim(run, (), 1, now=NOW)
        assert (again.position, again.attempt) == (1, 2)
        assert _lost(tmp_path, worker, run) is None
        _put_back(database, [1])
        assert _lost(tmp_path, leader, run)


def test_the_last_claim_is_missed_also_where_others_had_claimed_more(tmp_path, database):
    """Of whose claims the worker has not heard: neither of its numbers is above the records'."""
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        first = leader.settle_and_claim(run, (), 5, now=NOW)
        leader.settle_and_claim(run, [(one, DEFERRED) for one in first], 0, now=NOW)
        assert deliveries.requeue(leader, run) == 5
        leader.settle_and_claim(run, (), 2, now=NOW)
        [again] = worker.settle_and_claim(run, (), 1, now=NOW)
        assert (again.position, again.attempt) == (3, 2)
        _put_back(database, [3])
        lost = _lost(tmp_path, leader, run)
        assert lost
        assert "may have left that they do not know of" in agreement.refusal(lost).message
        claims.distrust(leader, run.id, lost.entry.reached, "told")
        doubting.doubt(leader, run, lost.entry.reached, now=NOW)
        assert _lost(tmp_path, leader, run) is None
        assert deliveries.risk(leader, run, now=NOW)
        assert _lost(tmp_path, leader, run) is None


def test_who_was_passed_over_since_is_no_question_for_ever(tmp_path, database):
    """Nobody is counted as attempted who has left: the place is passed all the same."""
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        leader.settle_and_claim(run, (), 7, now=NOW)
        sent = [one.position for one in worker.settle_and_claim(run, (), 2, now=NOW)]
        _put_back(database, sent)
        by = "UPDATE subscribers SET status = 'unsubscribed' WHERE id = "
        postgres.server().ask(
            database, f"{by}(SELECT subscriber_id FROM deliveries WHERE position = 9)"
        )
        others = [one.position for one in leader.settle_and_claim(run, (), 2, now=NOW)]
        assert others == [8, 10]
        _put_back(database, [10])
        doubting.doubt(leader, run, claims.reached(leader, run)._replace(position=9), now=NOW)
        assert _lost(tmp_path, leader, run) is None


def test_processes_of_one_machine_share_a_file_that_never_falls(tmp_path, database):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        reached, counts = claims.reached(leader, run), runs.counts(leader, run)
        one, other = (
            high_water.write(tmp_path, run, counts, reached, occurrence=None) for _ in "ab"
        )
        told = [reached]
        with leader.marked(one), worker.marked(other, way=WAY):
            for store, most in ((leader, 4), (worker, 1), (leader, 2), (worker, 1)):
                taken = store.settle_and_claim(run, (), most, now=NOW)
                store.settle_and_claim(run, [(one, DEFERRED) for one in taken], 0, now=NOW)
                deliveries.requeue(leader, run)
                entry = ledger.entry(tmp_path, 74)
                assert entry
                told.append(entry.reached)
        high_water.write(tmp_path, run, counts, reached, occurrence=None)
        entry = ledger.entry(tmp_path, 74)
        assert entry
        told.append(entry.reached)
        assert told == sorted(told)
        assert told[-1].attempts <= claims.reached(leader, run).attempts


def test_a_healthy_run_is_refused_nowhere(tmp_path, database):
    url = postgres.server().url(database)
    with two_machines(url, tmp_path) as (leader, worker, run):
        for most in (1, 2, 3):
            for store in (leader, worker):
                taken = store.settle_and_claim(run, (), most, now=NOW)
                store.settle_and_claim(run, [(one, DEFERRED) for one in taken], 0, now=NOW)
                for name in "ab":
                    assert agreement.lost(tmp_path / name, leader, 74) is None
            _followed(worker, run)
            deliveries.requeue(leader, run)


def test_a_worker_tells_of_more_also_where_others_had_paused_the_run(folder: Folder) -> None:
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        assert folder.send("--limit", "10").code == 6
        # Another machine had sent one less, and told: its last is missing as well.
        with postgres.by_hand(database) as execute:
            execute("SET session_replication_role = replica")
            execute(f"UPDATE deliveries SET {UNCLAIMED}, message_id = '' WHERE position IN (9, 10)")
            execute("UPDATE runs SET told_attempts = 9, told_position = 9, pause = 'fault'")
        ran = folder.run("worker", "--once")
        said = "issue 74: the records now know which mails left from here\n"
        assert (ran.code, ran.err) == (0, said)
        told = "SELECT state, told_attempts, told_position FROM runs"
        assert postgres.server().ask(database, told) == [("paused", 10, 10)]
        ran = folder.run("worker", "--once")
        assert (ran.code, ran.err) == (0, IDLE)  # it is told once
        # On another machine, which has another folder.
        (folder.root / "issues/.ledger/74.json").unlink()
        assert folder.send("--restored").code == 9
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25


@pytest.mark.parametrize(
    ("state", "pause"), [("paused", "limit"), ("cancelled", ""), ("running", "")]
)
def test_a_worker_tells_of_more_also_where_the_records_have_the_run_as_it_stood(
    folder: Folder, state: str, pause: str
) -> None:
    """They were copied before it went on: nobody has paused it since, and no worker takes it up."""
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        assert folder.send("--limit", "10").code == 6
        ran = folder.run("worker", "--once")
        assert (ran.code, ran.err) == (0, IDLE)  # all is well
        with postgres.by_hand(database) as execute:
            execute("SET session_replication_role = replica")
            execute(f"UPDATE deliveries SET {UNCLAIMED}, message_id = '' WHERE position IN (9, 10)")
            execute("UPDATE runs SET state = ?, pause = ?", [state, pause])
        ran = folder.run("worker", "--once")
        said = "issue 74: the records now know which mails left from here\n"
        assert (ran.code, ran.err) == (0, said)
        told = "SELECT told_attempts, told_position FROM runs"
        assert postgres.server().ask(database, told) == [(10, 10)]
        assert folder.run("worker", "--once").err == IDLE  # it is told once
        # On another machine, which has another folder.
        (folder.root / "issues/.ledger/74.json").unlink()
        assert folder.send("--restored").code == 9
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25


@pytest.mark.parametrize(
    ("state", "reason"),
    [("cancelled", "a person cancelled it"), ("running", "a person sends the rest")],
)
def test_who_accepts_a_backup_and_cannot_send_leaves_nothing_to_workers(
    folder: Folder, state: str, reason: str
) -> None:
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        assert folder.send("--limit", "10").code == 6
        assert folder.run("cancel", "--issue", "74").code == 0
        with postgres.by_hand(database) as execute:
            execute("SET session_replication_role = replica")
            execute(f"UPDATE deliveries SET {UNCLAIMED}, message_id = '' WHERE position IN (9, 10)")
            execute("UPDATE runs SET state = ?, way = ?", [state, '{"transport.kind": "smtp"}'])
        folder.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__PORT", "1")
        ran = folder.send("--restored")
        assert ran.code == 6
        assert "2 deliveries may have been sent" in ran.err
        assert "nothing was sent now" in ran.err
        folder.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__PORT", str(port))
        assert folder.run("worker", "--once").code == 0
        assert len(keeper.mails) == 10
        status = folder.run("status", "--issue", "74").out
        assert "interrupted" not in status
        assert reason in status
        assert folder.send().code == 9
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25
