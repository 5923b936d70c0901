"""What a lease and the store's lock keep apart, where two machines write at once."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from newsletter.audience import MAILABLE
from newsletter.delivery import Outcome, Pause, Result, RunState, State, Stop
from newsletter.errors import PausedError
from newsletter.store import Store, freezing, runs, subscribers
from tests.support import postgres
from tests.support.store_samples import NOW, a_content
from tests.support.two_machines import WAY, two_machines

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("way_in"), pytest.mark.pooled]

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")
DEFERRED = Outcome(result=Result.DEFERRED, reason="451 greylisted")
ENDED = "update leases set until = clock_timestamp() - interval '1 second' where name = ?"


@pytest.fixture
def database() -> str:
    return postgres.new_database(postgres.template())


def test_whose_lease_has_ended_claims_nothing_though_its_connection_is_open(tmp_path, database):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        assert leader.settle_and_claim(run, (), 1, now=NOW)
        postgres.server().ask(database, ENDED, "sending")
        with worker.lock():  # which is free by now
            with pytest.raises(PausedError, match="silent for a minute"):
                leader.settle_and_claim(run, (), 1, now=NOW)
            assert worker.settle_and_claim(run, (), 1, now=NOW)


def test_whose_lease_has_ended_has_no_say_in_how_a_run_ends(tmp_path, database):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        postgres.server().ask(database, ENDED, "sending")
        with worker.lock():
            with pytest.raises(PausedError, match="silent for a minute"):
                runs.pause(leader, run, Stop(Pause.BREAKER, "too many"))
            while claimed := worker.settle_and_claim(run, (), 12, now=NOW):
                worker.settle_and_claim(run, [(one, ACCEPTED) for one in claimed], 0, now=NOW)
            runs.set_state(worker, run, RunState.FINISHED, NOW)
        with pytest.raises(PausedError, match="silent for a minute"):
            runs.set_state(leader, run, RunState.PAUSED, NOW, pause=Pause.PUT_OFF)
        found = runs.find(worker, run.content.issue, rehearsal=False)
        assert found is not None
        assert found.state is RunState.FINISHED


def test_a_run_with_nothing_to_claim_keeps_nobody_from_a_later_one(tmp_path, database):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, run):
        claimed = leader.settle_and_claim(run, (), 12, now=NOW)
        leader.settle_and_claim(run, [(one, DEFERRED) for one in claimed], 0, now=NOW)
        later = freezing.start(
            leader, a_content(75), rehearsal=False, transport="smtp", eligible=MAILABLE, now=NOW
        )
        runs.share(leader, later, WAY)
        shared = runs.find_shared(worker)
        assert shared is not None
        assert (shared.run.id, shared.queued) == (later.id, True)
        leader.settle_and_claim(later, (), 12, now=NOW)
        shared = runs.find_shared(worker)
        assert shared is not None
        assert (shared.run.id, shared.queued) == (run.id, False)


def test_who_takes_an_ended_lease_while_it_is_given_back_holds_it(tmp_path, database):
    server, inside, done = postgres.server(), threading.Event(), threading.Event()
    with Store.open(f"{server.url(database)}&folder={tmp_path}") as store:
        ended = "clock_timestamp() - interval '1 second'"
        server.ask(
            database,
            "insert into leases (name, token, host, boot, pid, until) "
            f"values ('sending', 'old', 'elsewhere', '', 7, {ended})",
        )

        def take() -> None:
            with store.lock():
                inside.set()
                done.wait()

        taker = threading.Thread(target=take)
        with server.connect(database) as holder, holder.transaction():
            holder.execute("delete from leases where token = 'old'")
            taker.start()
            waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            while server.ask(database, waits) == [(0,)] and not inside.is_set():
                done.wait(0.01)
        inside.wait()
        try:
            assert store.sender()
        finally:
            done.set()
            taker.join()
        assert not store.sender()


def test_an_unsubscribe_comes_before_a_claim_or_after_it_never_beside_it(tmp_path, database):
    url = postgres.server().url(database)
    with (
        two_machines(url, tmp_path) as (leader, worker, run),
        Store.open(f"{url}&folder={tmp_path}/page", patience=0.3) as page,
    ):
        question = "select email from subscribers order by id"
        [_, (second,), *_] = postgres.server().ask(database, question)
        with leader.writing(shared=True):
            assert worker.settle_and_claim(run, (), 1, now=NOW)  # claims do go beside each other
            with pytest.raises(PausedError, match="kept the records locked"):
                subscribers.remove(page, second, now=NOW)
        assert subscribers.remove(page, second, now=NOW)
        claimed = worker.settle_and_claim(run, (), 2, now=NOW)
        assert [one.position for one in claimed] == [3, 4]
        assert runs.counts(leader, run)[State.SKIPPED] == 1


def test_an_answer_counts_for_the_attempt_that_it_is_about(tmp_path, database):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, _worker, run):
        [first] = leader.settle_and_claim(run, (), 1, now=NOW)
        leader.settle_and_claim(run, [(first, DEFERRED)], 0, now=NOW)
        postgres.server().ask(database, "update deliveries set state = 'queued' where attempt > 0")
        [second] = leader.settle_and_claim(run, (), 1, now=NOW)
        assert (second.position, second.attempt) == (first.position, 2)
        leader.settle_and_claim(run, [(first, ACCEPTED)], 0, now=NOW)  # an answer told again
        assert runs.counts(leader, run)[State.CLAIMED] == 1
        leader.settle_and_claim(run, [(second, ACCEPTED)], 0, now=NOW)
        assert runs.counts(leader, run)[State.ACCEPTED] == 1


@pytest.mark.parametrize("level", ["serializable", "repeatable read", "read uncommitted"])
def test_how_transactions_are_kept_apart_is_no_matter_of_the_roles(tmp_path, database, level):
    server = postgres.server()
    server.ask(database, f"alter database {database} set default_transaction_isolation = '{level}'")
    asked = sa.text("show transaction_isolation")
    with Store.open(f"{server.url(database)}&folder={tmp_path}") as store:
        with store.writing() as connection:
            assert connection.execute(asked).scalar() == "read committed"
        with store.writing(shared=True) as connection:
            assert connection.execute(asked).scalar() == "read committed"
        with store.reading() as connection:
            assert connection.execute(asked).scalar() == "repeatable read"


def test_a_worker_that_needed_a_new_lease_is_one_worker(tmp_path, database):
    with two_machines(postgres.server().url(database), tmp_path) as (leader, worker, _):
        [token] = worker.workers()
        columns = "host, boot, pid"
        postgres.server().ask(
            database,
            f"insert into leases (name, token, until, {columns}) "
            f"select 'worker-before', 'before', until - interval '9 seconds', {columns} "
            "from leases where name like 'worker-%'",
        )
        assert list(leader.workers()) == [token]


def test_a_run_that_names_no_database_goes_on_where_it_was_begun(tmp_path, database):
    """As the version before wrote it down."""
    named = "split_part(server, '/', 1) || '/' || split_part(server, '/', 2)"
    with two_machines(postgres.server().url(database), tmp_path) as (leader, _, run):
        begun = f"update runs set server = {named} || '/' || split_part(server, '/', 4)"
        postgres.server().ask(database, begun)
        assert runs.find_moved(leader) == ()
        assert leader.settle_and_claim(run, (), 1, now=NOW)
        elsewhere = f"update runs set server = {named} || '/1 2'"
        postgres.server().ask(database, elsewhere)
        assert [one.id for one in runs.find_moved(leader)] == [run.id]
