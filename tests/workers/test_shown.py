"""What `status` and `doctor` say of workers."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from newsletter import clocks
from newsletter.delivery import Outcome, Result
from newsletter.store import runs
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.two_machines import two_machines

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


def test_status_and_doctor_know_the_workers_and_what_each_has_sent(folder: Folder, tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    assert json.loads(folder.run("status", "--json").out)["workers"] == []
    with two_machines(url, tmp_path) as (_leader, worker, run):
        now = clocks.now() + dt.timedelta(days=1)  # lately, however slow this machine is
        taken = worker.settle_and_claim(run, (), 3, now=now - dt.timedelta(days=2))
        accepted = Outcome(result=Result.ACCEPTED, message_id="m")
        worker.settle_and_claim(run, [(one, accepted) for one in taken], 0, now=now)
        [name] = worker.workers().values()
        told = f"worker {name}: 3 mails of what is being sent, 0.05/s lately"
        assert told in folder.run("status").out
        [shown] = json.loads(folder.run("status", "--json").out)["workers"]
        assert shown == {"worker": name, "mails": 3, "rate": 0.05}
        assert "1 worker at work" in folder.run("doctor", "-v").out
        assert runs.counts(worker, run).total == 12


def test_a_run_that_only_workers_go_on_with_is_not_called_interrupted(folder: Folder, tmp_path):
    database = postgres.new_database(postgres.template())
    url = postgres.server().url(database)
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    with two_machines(url, tmp_path):
        postgres.server().ask(database, "delete from leases where name = 'sending'")
        out = folder.run("status").out
        assert "running" in out
        assert "interrupted" not in out
