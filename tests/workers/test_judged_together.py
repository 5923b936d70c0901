"""What comes back is judged by what all machines have sent, also while the leader hears nothing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

import pytest

from newsletter import clocks
from newsletter.cli import sending as commands
from newsletter.cli import signals
from newsletter.delivery import Outcome, Pause, Result, RunState, State
from newsletter.events import background
from newsletter.ses.event_format import read_event
from newsletter.store import Store, imports, runs
from newsletter.store.feedback import Feedback
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.ses_events import SOURCE, Sent, bounce
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.store_samples import NOW, people

__all__ = ["folder", "plain_environment"]

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("way_in")]

READERS = 1000
#: However busy the machine, whoever waits longer hangs.
HANGS = 120


class Held(Keeper):
    """Answers the first mails at once, and the next one only when something else has happened."""

    def __init__(self, own: int, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self.own, self.meanwhile = own, meanwhile

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if len(self.mails) == self.own:
            await asyncio.to_thread(self.meanwhile)
        return await super().handle_DATA(server, session, envelope)


class Looks:
    """How often the leader has looked at what came back."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._one, real = threading.Semaphore(0), Feedback.setbacks

        def looked(*given, **named):
            found = real(*given, **named)
            self._one.release()
            return found

        patch.setattr(Feedback, "setbacks", looked)
        patch.setattr(background, "POLL_INTERVAL", 0.05)

    def twice_more(self) -> None:
        while self._one.acquire(blocking=False):
            pass
        assert all(self._one.acquire(timeout=HANGS) for _ in range(3))  # one may be under way


@pytest.fixture
def url(folder: Folder) -> str:
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
    return url


class Others:
    """Another machine: it sends most of the rest at once, and some of that bounces."""

    def __init__(self, store: Store) -> None:
        self.store, self.bounced = store, 0
        self.taken: list[Sent] = []

    def send(self, number: int) -> None:
        store, now = self.store, clocks.now()
        shared = runs.find_shared(store)
        assert shared is not None
        with store.marked(None, way=shared.way):
            taken = store.settle_and_claim(shared.run, (), number, now=now)
            answers = [
                (one, Outcome(result=Result.ACCEPTED, message_id=f"m-{one.position}"))
                for one in taken
            ]
            store.settle_and_claim(shared.run, answers, 0, now=now)
        name = store.feedback.store_id()
        self.taken = [
            Sent(
                message_id=f"m-{one.position}", to=one.subscriber.address, position=one.position,
                store=name, at=now.isoformat(),
            )
            for one in taken
        ]  # fmt: skip

    def bounce(self, number: int) -> None:
        some = self.taken[self.bounced : self.bounced + number]
        read = (read_event(bounce("Permanent", "NoEmail", one)) for one in some)
        found = [one for one in read if one]
        self.store.feedback.record(found, now=clocks.now(), sender=SOURCE)
        self.bounced += number

    def state(self) -> RunState:
        [run] = runs.find_all(self.store)
        return run.state


def test_what_few_own_mails_would_make_much_is_little_among_all(folder, url, tmp_path, monkeypatch):
    looks = Looks(monkeypatch)
    with Store.open(f"{url}&folder={tmp_path}/b") as store, store.work():
        imports.add(store, people(READERS), source="test", now=NOW)
        others = Others(store)

        def meanwhile() -> None:
            others.send(779)
            others.bounce(39)  # of 979; of the 200 that left from where it is led, it is a fifth
            looks.twice_more()

        with aiosmtpd(Held(200, meanwhile)) as port:
            through_smtp(folder, port)
            ran = folder.send()
        assert (ran.code, others.state()) == (0, RunState.FINISHED), ran.err


@pytest.mark.parametrize("ctrl_c", [False, True])
def test_too_many_pause_it_for_all_before_the_leader_has_any_answer(
    folder, url, tmp_path, monkeypatch, ctrl_c
):
    looks, pressed = Looks(monkeypatch), threading.Event()

    class Pressed(signals.Signals):
        """Ctrl-C once it is paused."""

        @contextlib.contextmanager
        def noted(self):
            def stopped() -> bool:
                self.number = 2 if pressed.is_set() else 0
                return pressed.is_set()

            yield stopped

    monkeypatch.setattr(commands, "Signals", Pressed)
    seen = []
    with Store.open(f"{url}&folder={tmp_path}/b") as store, store.work():
        imports.add(store, people(READERS), source="test", now=NOW)
        others = Others(store)

        def meanwhile() -> None:
            others.send(979)
            others.bounce(39)
            looks.twice_more()
            seen.append(others.state())
            others.bounce(1)
            looks.twice_more()
            seen.append(others.state())
            if ctrl_c:
                pressed.set()

        with aiosmtpd(Held(0, meanwhile)) as port:
            through_smtp(folder, port)
            ran = folder.send()
            assert seen == [RunState.RUNNING, RunState.PAUSED]
            assert ran.code == (130 if ctrl_c else 6)
            assert "4.1 % of 979 mails bounced, and 4 % is the most" in ran.err
            [run] = runs.find_all(store)
            assert run.pause is Pause.BREAKER
            assert runs.counts(store, run)[State.QUEUED] == 20
            pressed.clear()
            # Whoever goes on knows of these.
            assert folder.send().code == 0
