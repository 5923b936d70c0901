"""Ctrl-C while a mail server lets one wait: what is said at once, and what a second one costs.

Nothing here waits for a time: the mail is answered when the test says so, or never.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator

import pytest

from newsletter.sending import run
from newsletter.store import Store
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import HANGS, Command, started
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

SEND = ("send", "--issue", "74", "--confirm", "74")
HEARD = "stopping once any mails in flight are answered; "
AGAIN = "Ctrl-C again ends at once and leaves them unknown\n"
#: After so long without a word none comes.
_SECONDS = 60


class Slow(Keeper):
    """Answers its third mail when it is told to, or when the test has failed for certain."""

    def __init__(self) -> None:
        super().__init__()
        self.waits, self.answer = threading.Event(), threading.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if len(self.mails) == 2:
            self.waits.set()
            await asyncio.to_thread(self.answer.wait, _SECONDS)
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def slow(folder: Folder) -> Iterator[Slow]:
    keeper = Slow()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
        yield keeper
        keeper.answer.set()


@contextlib.contextmanager
def sending(folder: Folder, slow: Slow, where: str, place) -> Iterator[tuple[Command, list[str]]]:
    """A command that sends, and waits for an answer: alone, with a worker that does nothing, or as
    the worker that leads; and what it has said."""
    with contextlib.ExitStack() as held:
        if where != "alone":
            url = postgres.server().url(postgres.new_database())
            folder.patch.setenv("NEWSLETTER_STORE__URL", url)
        folder.imported()
        words: tuple[str, ...] = SEND
        if where == "worker":
            words = ("worker",)
        elif where == "together":
            there = held.enter_context(Store.open(f"{url}&folder={place}/another"))
            held.enter_context(there.work())
        process = held.enter_context(started(folder.root, *words))
        said: list[str] = []
        if where == "worker":
            said.append(process.stderr.readline())  # it is at work
            while folder.send("--detach").code == 8:  # no worker yet
                assert process.poll() is None
        while not slow.waits.wait(0.05):
            assert process.poll() is None, process.communicate()
        yield process, said


def hear(process: Command, number: int) -> str:
    """Send a signal, and read on until it is said that it was heard."""
    process.send_signal(number)
    said = ""
    while HEARD not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


@pytest.mark.parametrize("where", ["alone", "together", "worker"])
def test_a_signal_is_answered_at_once_while_a_mail_is_not(folder, slow, tmp_path, where):
    with sending(folder, slow, where, tmp_path) as (process, _):
        said = hear(process, signal.SIGINT)
        assert said.endswith(HEARD + AGAIN)
        assert len(slow.mails) == 2
        slow.answer.set()
        _, rest = process.communicate(timeout=HANGS)
        assert "stopping" not in rest
        assert process.returncode == (0 if where == "worker" else 130)
        assert len(slow.mails) == 3
        assert folder.states() == {"accepted": 3, "queued": 22}
        if where != "worker":
            assert rest.endswith(
                "paused: interrupted\nnext: newsletter send --issue 74 goes on with 22\n"
            )


@pytest.mark.parametrize("where", ["alone", "together", "worker"])
def test_a_second_one_says_what_it_costs_and_what_comes_next(folder, slow, tmp_path, where):
    with sending(folder, slow, where, tmp_path) as (process, _):
        hear(process, signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=HANGS)
        assert process.returncode == 130
        price = (
            "ended at once: 1 mail was in flight and is left unknown, never sent again by itself"
        )
        go_on = "next: newsletter send --issue 74 goes on with 22"
        told = [price] if where == "worker" else [price, go_on]
        told = ["paused for all", *told] if where == "together" else told
        assert rest.splitlines() == told


def test_a_service_that_is_stopped_is_not_told_of_a_key(folder, slow, tmp_path):
    with sending(folder, slow, "alone", tmp_path) as (process, _):
        assert "a second signal ends at once" in hear(process, signal.SIGTERM)
        slow.answer.set()
        process.communicate(timeout=HANGS)
        assert process.returncode == 143


def test_who_ends_it_at_once_before_anything_is_begun_reads_that_nothing_was_sent(
    folder: Folder, monkeypatch
):
    def interrupted(*_, **__):
        raise SystemExit(130)

    monkeypatch.setattr(run, "_freeze_or_resume", interrupted)
    folder.imported()
    with pytest.raises(SystemExit, match="130"):
        folder.send()
    assert folder.capture.readouterr().err.endswith("ended at once: nothing was sent\n")
