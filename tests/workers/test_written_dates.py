"""How a role or a database has dates written is no matter of the records."""

from __future__ import annotations

import pytest

from newsletter import clocks
from newsletter.store import runs
from newsletter.store.shares import senders
from tests.support import postgres
from tests.support.store_samples import NOW
from tests.support.two_machines import two_machines

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("style", ["SQL, DMY", "German", "Postgres, MDY"])
def test_dates_are_read_and_written_as_ever(tmp_path, style):
    server, database = postgres.server(), postgres.new_database(postgres.template())
    server.ask(database, f"alter database {database} set datestyle = '{style}'")
    with two_machines(server.url(database), tmp_path) as (leader, worker, run):
        assert len(worker.settle_and_claim(run, (), 2, now=NOW)) == 2
        [found] = runs.find_all(leader)
        assert found.started_at == run.started_at
        assert len(senders(leader, now=clocks.now()).workers) == 1
        [(claimed,), *_] = server.ask(
            database, "select claimed_at::text from deliveries where attempt > 0"
        )
        worker.expect_remembered()
    assert claimed
