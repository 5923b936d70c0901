"""A run that is left to workers, none of which sends it: all who look are told, and why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from newsletter.sending import run as sending
from newsletter.store import Store, runs, shares
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import HANGS, Command
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

NOBODY = "issue 74: nobody sends it at the moment"


@pytest.fixture
def url(folder: Folder) -> str:
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.imported()
    return url


@contextlib.contextmanager
def with_another_port(folder: Folder) -> Iterator[Command]:
    """A worker that has begun to look, with a mail server of its own."""
    its = {"NEWSLETTER_TRANSPORT__SMTP__PORT": "1"}
    with Command(folder.root, ("worker",), env=os.environ | its) as process:
        process.stderr.readline()  # it is about to begin
        while "worker pid" not in folder.run("status").out:
            assert process.poll() is None
        yield process
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANGS)


def test_what_keeps_the_only_worker_from_it_is_said_wherever_one_looks(folder, url, monkeypatch):
    def told(context, run) -> tuple[bool, str]:
        while not shares.unsent(context.store).get(run.id):
            time.sleep(0.05)
        return False, ""

    monkeypatch.setattr(sending, "_taken_up", told)
    with aiosmtpd(keeper := Keeper()) as port:
        through_smtp(folder, port)
        with with_another_port(folder) as process:
            left = folder.send("--detach")
            name = f"worker pid {process.pid} on {socket.gethostname()}"
            why = (
                f"{name}: this worker's settings are not those issue 74 was begun with "
                "(different here: transport.smtp.port)"
            )
            assert left.code == 6
            assert f"warning: no worker has begun to send it yet; {why}\n" in left.err
            assert f"  74 smtp: nobody sends it at the moment: {why}\n" in folder.run("status").out
            assert f"{NOBODY}: {why}" in folder.run("doctor").out
        # It is no reason any more once somebody sends it.
        assert folder.run("worker", "--once").code == 0
        assert len(keeper.mails) == 25
    assert "settings" not in folder.run("status").out


class Looking(Keeper):
    """Looks at each mail what the records say of the run that it is of."""

    records: Store

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        [run] = await asyncio.to_thread(runs.find_all, self.records)
        self.reasons.append(run.reason)
        return await super().handle_DATA(server, session, envelope)


def test_a_reason_is_gone_once_somebody_leads(folder, url, tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)
    with (
        Store.open(f"{url}&folder={tmp_path}/another") as store,
        store.work(),
        aiosmtpd(keeper := Looking()) as port,
    ):
        keeper.records = store
        through_smtp(folder, port)
        assert folder.send("--detach").code == 6
        assert "nobody sends it at the moment: each worker says on its machine what keeps it" in (
            folder.run("status").out
        )
        assert f"{NOBODY} (newsletter send --issue 74 sends it)\n" in folder.run("doctor").out
        folder.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__PORT", "1")
        assert folder.run("worker", "--once").code == 8
        assert "transport.smtp.port" in folder.run("status").out
        with store.lock():
            assert "nobody" not in folder.run("status").out
            assert "transport.smtp.port" not in folder.run("status").out
            assert "nobody" not in folder.run("doctor").out
        through_smtp(folder, port)
        assert folder.run("worker", "--once").code == 0
        assert keeper.reasons == [""] * 25
