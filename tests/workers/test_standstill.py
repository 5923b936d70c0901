"""The database, or a pooler before it, stands still: it acknowledges everything and answers nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import HANGS, Command, started
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.standstill import Relay, relay

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

WORLD = "unanswered"
SEND = ("send", "--issue", "74", "--confirm", "74")
SOURCE = ("--consent-source", "a card")


class Stopper(Keeper):
    """Has the database stand still as it takes the third mail, for which it waits until it may.

    So it does for the twentieth.
    """

    def __init__(self, wire: Relay) -> None:
        super().__init__()
        self._wire, self.may, self.may_end = wire, threading.Event(), threading.Event()
        self.may.set()
        self.may_end.set()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if len(self.mails) == 3:
            await asyncio.to_thread(self.may.wait)
            self._wire.stop()
        if len(self.mails) == 20:
            await asyncio.to_thread(self.may_end.wait)
        return answer


@pytest.fixture
def wire(folder: Folder, tmp_path: Path) -> Iterator[Relay]:
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    with relay(postgres.server().folder, tmp_path / "wire", database) as made:
        folder.patch.setenv("NEWSLETTER_STORE__URL", made.url())
        folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
        yield made


def _until_at_work(wire: Relay, worker: Command) -> None:
    """Wait until a worker has its lease: a send is left to nobody else."""
    question = "select 1 from leases where name like 'worker-%'"
    while not postgres.server().ask(wire.database, question):
        assert worker.poll() is None, worker.communicate()
        time.sleep(0.02)


def _ended(command: Command, keeper: Keeper) -> tuple[int, str]:
    """Have it stop after the third mail: its exit code, and what it said; it has its 75 seconds."""
    end = time.monotonic() + 60
    while len(keeper.mails) < 3:
        assert command.poll() is None, command.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    command.send_signal(signal.SIGTERM)
    code = command.wait(75)
    return code, command.communicate()[1]


def _states(wire: Relay) -> dict[str, int]:
    question = "select state, count(*) from deliveries group by state"
    return dict(postgres.server().ask(wire.database, question))


@pytest.mark.parametrize("who", ["send", "worker"])
def test_who_is_stopped_ends_soon_and_says_what_is_not_on_record(folder: Folder, wire, who):
    keeper = Stopper(wire)
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        if who == "send":
            with started(folder.root, *SEND, world=WORLD) as command:
                code, said = _ended(command, keeper)
        else:
            keeper.may.clear()  # whoever leaves it to the worker has to see that it began
            with started(folder.root, "worker", world=WORLD) as command:
                _until_at_work(wire, command)
                with started(folder.root, *SEND, "--detach") as sending:
                    assert sending.wait(HANGS) == 0, sending.communicate()
                keeper.may.set()
                code, said = _ended(command, keeper)
        assert code == 6
        assert "issue 74: what became of 1 mail could not be recorded" in said
        assert "it does not answer" in said
        assert "psycopg" not in said
        assert "timeout expired" not in said  # as the client library says it
        assert "Traceback" not in said
        [log] = (folder.root / ".newsletter" / "runs").glob("*.jsonl")
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        [kept] = [line for line in lines if line["event"] == "unrecorded"]
        assert (kept["position"], kept["attempt"], kept["result"]) == (3, 1, "accepted")
        wire.go_on()
        # Whoever goes on sends to everybody else, and to nobody twice.
        again = folder.send()
        assert again.code == 9, again.err
        assert _states(wire) == {"accepted": 24, "unknown": 1}
    assert len({to[0] for _, to, _ in keeper.mails}) == len(keeper.mails) == 25


def test_who_goes_on_says_that_nothing_leaves_and_loses_nothing(folder: Folder, wire):
    keeper = Stopper(wire)
    keeper.may_end.clear()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        with started(folder.root, *SEND, world=WORLD) as command:
            while len(keeper.mails) < 3:
                assert command.poll() is None, command.communicate()
                time.sleep(0.02)
            said = command.heard("nothing leaves from here until it is back")
            wire.go_on()
            said += command.heard("the database is back")  # before all is through
            keeper.may_end.set()
            said += command.communicate(timeout=HANGS)[1]
            assert command.returncode == 0, said
    assert _states(wire) == {"accepted": 25}
    assert len({to[0] for _, to, _ in keeper.mails}) == len(keeper.mails) == 25


@pytest.mark.parametrize(
    ("words", "statement"),
    [
        (("status",), b"FROM runs"),
        (("stats",), b"FROM consents"),
        (("subscribers", "list"), b"FROM subscribers"),
        (("subscribers", "export", "all.csv"), b"FROM subscribers"),
        (("subscribers", "remove", "nobody@reader.example"), b"FROM subscribers"),
        (("subscribers", "add", "new@reader.example", *SOURCE), b"INSERT INTO subscribers"),
        (("subscribers", "import", "more.csv", *SOURCE), b"INSERT INTO consents"),
    ],
)
def test_a_command_gives_a_database_up_that_stands_still_in_its_middle(
    folder: Folder, wire, words, statement
):
    folder.write("more.csv", "email\nnewer@reader.example\n")
    wire.stops_at = statement
    with started(folder.root, *words, world=WORLD) as command:
        code = command.wait(60)
        said = command.communicate()[1]
    assert wire.stands_still()
    assert code == 6, said
    assert "the database cannot be reached any more" in said
    assert "it does not answer" in said
    assert "Traceback" not in said
