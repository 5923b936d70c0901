"""What `status` and `doctor` say of workers."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import re
import socket
from collections.abc import Callable

import pytest

from newsletter import clocks
from newsletter.delivery import Outcome, Result
from newsletter.store import Store, runs
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import HANGS, Command, script
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
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


class Dying(Keeper):
    """Answers two mails; at the third, who sends is killed."""

    kill: Callable[[], object]

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if len(self.mails) == 2:
            self.kill()
            await asyncio.sleep(3600)  # until its connection ends
        return await super().handle_DATA(server, session, envelope)


@pytest.mark.parametrize("leads", [False, True])
def test_a_limited_send_that_died_is_interrupted_whatever_workers_do(
    folder: Folder, tmp_path, leads
):
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
    folder.imported()
    keeper = Dying()
    with aiosmtpd(keeper) as port, Store.open(f"{url}&folder={tmp_path}/b") as store:
        through_smtp(folder, port)
        words = ("send", "--issue", "74", "--confirm", "74", "--limit", "9")
        with Command(folder.root, words) as dead:
            keeper.kill = dead.kill
            assert dead.wait() < 0
        # A worker lives; it may lead another issue, and never this one.
        with store.work(), store.lock() if leads else contextlib.nullcontext():
            assert runs.find_shared(store) is None
            told = folder.run("status")
            [run] = json.loads(folder.run("status", "--json").out)["runs"]
            assert run["state"] == "interrupted"
            assert "1 delivery was in flight when the process ended" in told.out
            assert "waits for something to send" in told.out
            assert "issue 74 was interrupted" in folder.run("doctor").out


def test_who_leads_is_named_beside_the_workers_with_what_it_has_sent(folder: Folder, tmp_path):
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
    folder.imported()
    looked = list[tuple[str, str]]()

    class Looking(Keeper):
        """At the third mail a person looks."""

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            if len(self.mails) == 2:
                looked.append(await asyncio.to_thread(look))
            return await super().handle_DATA(server, session, envelope)

    def look() -> tuple[str, str]:
        ran = [script(folder.root, "status", *words) for words in ((), ("--json",))]
        return ran[0].stdout, ran[1].stdout

    with (
        Store.open(f"{url}&folder={tmp_path}/another") as store,
        store.work(),
        aiosmtpd(Looking()) as port,
    ):
        through_smtp(folder, port)
        with Command(folder.root, ("send", "--issue", "74", "--confirm", "74")) as process:
            process.communicate(timeout=HANGS)
        [(told, found)] = looked
        name = f"pid {process.pid} on {socket.gethostname()}"
        assert re.search(
            rf"^  send {name}: \d mails? of what is being sent, [\d.]+/s lately$",
            told,
            re.MULTILINE,
        )
        assert re.search(
            r"^  worker pid .*: 0 mails of what is being sent, 0/s lately$", told, re.MULTILINE
        )
        assert json.loads(found)["leader"]["worker"] == name
        # A worker that leads is named once.
        with store.lock():
            assert "  send pid" not in folder.run("status").out
            assert json.loads(folder.run("status", "--json").out)["leader"] is None
