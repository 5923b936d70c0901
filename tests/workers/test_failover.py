"""A standby without the last commits takes over: what left is not sent by whoever did not send it."""

from __future__ import annotations

import pytest

from newsletter.delivery import Outcome, Pause, Result, RunState, State
from newsletter.errors import ForgottenError
from newsletter.store import Store, claims, doubting, runs
from newsletter.store.postgres import histories
from tests.campaign.fleet import cluster
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.store_samples import NOW
from tests.support.two_machines import WAY, two_machines

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")


def _send(store: Store, run, most: int) -> list[int]:
    """Claim, hand over and settle at most so many; who got one."""
    taken = store.settle_and_claim(run, (), most, now=NOW)
    if taken:
        store.settle_and_claim(run, [(one, ACCEPTED) for one in taken], 0, now=NOW)
    return [one.position for one in taken]


@pytest.mark.parametrize("promoted", [True, False])
def test_nobody_is_sent_what_another_machine_sent_and_the_records_forgot(
    tmp_path, monkeypatch, promoted
):
    monkeypatch.setattr(histories, "LOOKED", 3600)
    with cluster() as database:
        url = f"postgresql://nobody@/postgres?host={database.folder}"
        with two_machines(url, tmp_path) as (leader, worker, run):
            sent = _send(leader, run, 2)
            database.copy()
            sent += _send(worker, run, 3)
            database.fail_over(promoted=promoted)
            if promoted:
                with pytest.raises(ForgottenError, match="another server has taken over"):
                    leader.settle_and_claim(run, (), 4, now=NOW)
            else:  # only the worker can tell, and has the time to
                assert leader.settle_and_claim(run, (), 4, now=NOW) == ()
            with pytest.raises(ForgottenError):
                worker.expect_remembered()
            with pytest.raises(ForgottenError):
                leader.settle_and_claim(run, (), 4, now=NOW)
            worker.expect_remembered()  # it has told
            with pytest.raises(ForgottenError):
                worker.settle_and_claim(run, (), 4, now=NOW)

            found, told = runs.find_all(leader)[0], claims.distrusted(leader, run)
            assert (found.state, found.pause) == (RunState.PAUSED, Pause.FAULT)
            assert told
            assert (told.moved, told.reached.position) == (promoted, 5)
            assert doubting.doubt(leader, run, told.reached, now=NOW) == 3
            runs.resume(leader, run, by_hand=True)
            while more := _send(leader, run, 4):
                sent += more
            assert sorted(sent) == list(range(1, 13))
            states = {State.ACCEPTED: 9, State.UNKNOWN: 3}
            assert runs.counts(leader, run).by_state == states


def test_a_planned_restart_goes_on_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(histories, "LOOKED", 0)
    with cluster() as database:
        url = f"postgresql://nobody@/postgres?host={database.folder}"
        with two_machines(url, tmp_path) as (leader, worker, run):
            sent = _send(leader, run, 2) + _send(worker, run, 3)
            database.restart("immediate")
            sent += _send(worker, run, 3) + _send(leader, run, 4)
            worker.expect_remembered()
            assert sorted(sent) == list(range(1, 13))


def test_send_says_what_can_be_done_on_another_server(folder: Folder) -> None:
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        assert folder.send("--limit", "10").code == 6
        with postgres.by_hand(database) as execute:
            execute("UPDATE runs SET server = '1/00000001/2 3'")
            execute("SET session_replication_role = replica")
            forgotten = "state = 'queued', attempt = 0, message_id = ''"
            execute(f"UPDATE deliveries SET {forgotten} WHERE position > 8")
        ran = folder.send()
        assert ran.code == 8
        assert "another server took these records over" in ran.error
        assert "newsletter worker --once" in ran.hint
        assert "--restored" in ran.hint
        ran = folder.run("worker", "--once")
        assert (ran.code, ran.err) == (
            0,
            "issue 74: the records now know which mails left from here\n",
        )
        assert "another server" in folder.run("status").out
        assert folder.send("--restored").code == 9
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25
    states = postgres.server().ask(
        database, "select state, count(*) from deliveries group by 1 order by 1"
    )
    assert states == [("accepted", 23), ("unknown", 2)]


def test_a_worker_claims_nothing_once_the_run_is_another_processs_alone(tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    with two_machines(url, tmp_path) as (leader, worker, run):
        assert len(worker.settle_and_claim(run, (), 1, now=NOW)) == 1
        for way in ("", "another"):  # as `send --limit` has it, and a change of settings
            runs.share(leader, run, way)
            assert worker.settle_and_claim(run, (), 3, now=NOW) == ()
        assert len(leader.settle_and_claim(run, (), 1, now=NOW)) == 1
        runs.share(leader, run, WAY)
        assert len(worker.settle_and_claim(run, (), 1, now=NOW)) == 1


def test_while_it_is_not_written_down_what_was_forgotten_nothing_is_claimed(tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    with two_machines(url, tmp_path) as (leader, worker, run):
        assert (
            len(
                leader.settle_and_claim(run, (), 1, now=NOW)
                + worker.settle_and_claim(run, (), 1, now=NOW)
            )
            == 2
        )
        reached = claims.reached(leader, run)._replace(attempts=3, position=3)
        claims.distrust(leader, run.id, reached, "told")
        runs.resume(leader, run, by_hand=True)
        for machine in (leader, worker):
            with pytest.raises(ForgottenError):
                machine.settle_and_claim(run, (), 1, now=NOW)
        assert runs.counts(leader, run).by_state == {State.QUEUED: 10, State.CLAIMED: 2}
