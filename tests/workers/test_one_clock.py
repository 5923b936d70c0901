"""Machines that send one issue have clocks of their own: rates are told by the server's."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from types import SimpleNamespace

import pytest

from newsletter import clocks
from newsletter.cli.show import Console
from newsletter.delivery import Outcome, Pause, Result, Stop
from newsletter.errors import RefusedError
from newsletter.events import reconcile
from newsletter.project import Project
from newsletter.sending import run as sending
from newsletter.settings import load
from newsletter.store import Store
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.two_machines import two_machines

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

RIGHT = clocks.now


def _off(folder: Folder, seconds: float) -> None:
    folder.patch.setattr(clocks, "now", lambda: RIGHT() + dt.timedelta(seconds=seconds))


@pytest.mark.parametrize("off", [120, -120])
@pytest.mark.parametrize("put_right", [False, True])
def test_a_machine_whose_clock_is_off_writes_by_the_server_s(
    folder: Folder, tmp_path, monkeypatch, off, put_right
):
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)
    database = postgres.new_database()
    url = postgres.server().url(database)
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.imported()

    class Clocked(Keeper):
        """The clock is set right while the third mail is handed over."""

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            if put_right and len(self.mails) == 2:
                await asyncio.to_thread(_off, folder, 0)
            return await super().handle_DATA(server, session, envelope)

    with aiosmtpd(Clocked()) as port:
        through_smtp(folder, port)
        with Store.open(f"{url}&folder={tmp_path}/b") as store, store.work():
            assert folder.send("--detach").code == 6
        ask = postgres.server().ask
        [(before,)] = ask(database, "select clock_timestamp()")
        _off(folder, off)
        assert folder.run("worker", "--once").code == 0
        [(after,)] = ask(database, "select clock_timestamp()")
    [told] = ask(
        database,
        "select min(claimed_at), max(claimed_at), min(settled_at), max(settled_at), count(*) "
        "from deliveries where state = 'accepted'",
    )
    first, last, first_settled, last_settled = map(dt.datetime.fromisoformat, told[:4])
    assert told[4] == 25
    assert before <= first <= last <= last_settled <= after
    assert first < first_settled


@pytest.mark.parametrize(("off", "settled", "rate"), [(3600, 1800, 3 / 60), (-3600, -1800, 0)])
def test_who_looks_with_a_wrong_clock_sees_what_others_see(
    folder: Folder, tmp_path, off, settled, rate
):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    accepted = Outcome(result=Result.ACCEPTED, message_id="m")
    with two_machines(url, tmp_path) as (_leader, worker, run):
        now = RIGHT()
        taken = worker.settle_and_claim(run, (), 3, now=now - dt.timedelta(days=2))
        # Half an hour off: lately or long ago, however slow this machine is.
        at = now + dt.timedelta(seconds=settled)
        worker.settle_and_claim(run, [(one, accepted) for one in taken], 0, now=at)
        _off(folder, off)
        told = json.loads(folder.run("status", "--json").out)
        assert [one["rate"] for one in told["workers"]] == [rate]
        assert bool(told["runs"][0]["mails_per_second"]) is bool(rate)


@pytest.mark.parametrize("off", [3, -3])
def test_when_the_quota_frees_up_is_told_by_the_server_s_clock(folder: Folder, tmp_path, off):
    """Of a day ago, by whichever clock: what left before counts no more."""
    url = postgres.server().url(postgres.new_database(postgres.template()))
    accepted = Outcome(result=Result.ACCEPTED, message_id="m")
    with two_machines(url, tmp_path) as (leader, _worker, run):
        last = RIGHT() - dt.timedelta(hours=1)
        for at in (RIGHT() - dt.timedelta(hours=30), last):
            [one] = leader.settle_and_claim(run, (), 1, now=at)
            leader.settle_and_claim(run, [(one, accepted)], 0, now=at)
        _off(folder, off * 86400)
        stop = Stop(Pause.QUOTA, "the day's quota is used up")
        assert sending._quota_frees_at(leader, stop) == last + dt.timedelta(days=1)


@pytest.mark.parametrize(("off", "minutes"), [(3600, 1), (-3600, 16), (3600, 16), (-3600, 1)])
def test_whether_events_may_still_come_is_told_by_the_server_s_clock(
    folder: Folder, tmp_path, monkeypatch, off, minutes
):
    """Who decides too early would have mails sent again whose events are on their way."""
    queue = SimpleNamespace(close=lambda: None, size=lambda: 0)
    monkeypatch.setattr(reconcile, "open_queue", lambda *_: queue)
    nothing = SimpleNamespace(foreign=0, settled=0)
    monkeypatch.setattr(reconcile, "pull", lambda *_: nothing)
    monkeypatch.setattr(reconcile, "warn_of_unusable", lambda *_: None)
    url = postgres.server().url(postgres.new_database(postgres.template()))
    with two_machines(url, tmp_path) as (leader, _worker, run):
        at = RIGHT() - dt.timedelta(minutes=minutes)
        [one] = leader.settle_and_claim(run, (), 1, now=at)
        lost = Outcome(result=Result.UNKNOWN, reason="no answer")
        leader.settle_and_claim(run, [(one, lost)], 0, now=at)
        _off(folder, off)
        early = contextlib.nullcontext() if minutes > 15 else pytest.raises(RefusedError)
        with early:
            project = Project(tmp_path, load(None, environ={}, dotenv=""))
            reconcile.reconcile(
                project, leader, run, patient=True, environ={}, reporter=Console()
            )  # fmt: skip


@pytest.mark.parametrize("off", [3600, -3600])
def test_what_a_backup_had_forgotten_is_unknown_since_then_by_the_server_s_clock(
    folder: Folder, off
):
    """Whether events may still come is reckoned from there."""
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    ask = postgres.server().ask
    with aiosmtpd(Keeper()) as port:
        through_smtp(folder, port)
        assert folder.send("--limit", "10").code == 6
        with postgres.by_hand(database) as execute:
            execute("SET session_replication_role = replica")
            execute(
                "UPDATE deliveries SET state = 'queued', attempt = 0, message_id = '' "
                "WHERE position IN (9, 10)"
            )
        [(before,)] = ask(database, "select clock_timestamp()")
        _off(folder, off)
        assert folder.send("--restored").code == 9
        [(after,)] = ask(database, "select clock_timestamp()")
    told = ask(database, "select claimed_at, settled_at from deliveries where state = 'unknown'")
    moments = [dt.datetime.fromisoformat(one) for row in told for one in row]
    assert len(moments) == 4
    assert before <= min(moments) <= max(moments) <= after
