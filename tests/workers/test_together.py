"""What `send` shows of several machines, leaves to them, and stops for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import signal
import threading
import time

import pytest

from newsletter import clocks
from newsletter.cli import sending as commands
from newsletter.cli import signals
from newsletter.delivery import Outcome, Pause, Result, RunState, State, Stop
from newsletter.errors import UnreachableError
from newsletter.sending import helping, part, standing
from newsletter.sending import run as sending
from newsletter.sending.standing import why_wait
from newsletter.store import Store, claims, runs, shares
from newsletter.store.calendar import Calendar
from newsletter.store.postgres import histories
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.two_machines import two_machines

__all__ = ["folder", "plain_environment"]

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("way_in")]

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")


@pytest.fixture
def database(folder: Folder) -> str:
    name = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(name))
    folder.imported()
    return name


@contextlib.contextmanager
def another(database: str, place):
    """A worker on another machine, that does nothing yet."""
    url = f"{postgres.server().url(database)}&folder={place}/another"
    with Store.open(url) as store, store.work():
        yield store


def test_who_leads_sees_how_fast_each_is_and_itself_among_them(tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    now = clocks.now()
    with two_machines(url, tmp_path) as (leader, worker, run):
        for machine, number, seconds in ((leader, 2, 120), (worker, 5, 10)):
            began = now - dt.timedelta(seconds=seconds)
            taken = machine.settle_and_claim(run, (), number, now=began)
            machine.settle_and_claim(run, [(one, ACCEPTED) for one in taken], 0, now=now)
        found = shares.standing(leader, run, now=now)
        [name] = worker.workers().values()
        told = [(one.worker, one.mails, round(one.rate, 3)) for one in found.shares]
        # Ten seconds at work are not taken for a minute.
        assert told == [("here", 2, round(2 / 60, 3)), (name, 5, 0.5)]
        assert found.counts.by_state == {State.ACCEPTED: 7, State.QUEUED: 5}
        assert found.waits == 0


def test_the_time_that_a_run_stood_still_makes_nobody_slow(tmp_path, monkeypatch):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    resumed = clocks.now()

    def at(seconds: float) -> dt.datetime:
        return resumed + dt.timedelta(seconds=seconds)

    with two_machines(url, tmp_path) as (leader, worker, run):
        for number, claimed, settled in ((5, -300, -5), (4, 10, 12)):
            taken = worker.settle_and_claim(run, (), number, now=at(claimed))
            worker.settle_and_claim(run, [(one, ACCEPTED) for one in taken], 0, now=at(settled))
            if claimed < 0:
                runs.pause(leader, run, Stop(Pause.INTERRUPTED, "interrupted"))
                monkeypatch.setattr(leader, "now", lambda _: resumed)
                runs.resume(leader, run, by_hand=True)
                # Before the first answer nothing tells how fast it goes.
                found = shares.standing(leader, run, now=at(1))
                assert (found.rate, shares.rate(leader, run, now=at(1))) == (0, None)
        found = shares.standing(leader, run, now=at(20))
        assert (found.counts[State.ACCEPTED], round(found.rate, 3)) == (9, 0.4)
        [told] = shares.senders(leader, now=at(20)).workers
        assert (told.mails, round(told.rate, 3)) == (9, 0.4)
        assert shares.rate(leader, run, now=at(20)) == 0.5


def test_what_is_left_to_workers_is_sent_by_them_and_the_command_ends(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 600.0)
    keeper, sent = Keeper(), threading.Event()
    with aiosmtpd(keeper) as port, another(database, tmp_path) as worker:
        through_smtp(folder, port)

        def take_up() -> None:
            while runs.find(worker, 74, rehearsal=False) is None or worker.sender():
                sent.wait(0.05)
            with worker.lock():
                sent.wait()

        machine = threading.Thread(target=take_up)
        machine.start()
        try:
            ran = folder.send("--detach")
        finally:
            sent.set()
            machine.join()
        assert ran.code == 0, ran.err
        assert ran.out == "issue 74: 25 mails left to 1 worker\n"
        assert "watch: newsletter status --issue 74\nstop:  newsletter cancel" in ran.err
        assert keeper.mails == []
        assert folder.run("worker", "--once").code == 0
        assert len({to[0] for _, to, _ in keeper.mails}) == len(keeper.mails) == 25
        assert folder.send("--detach").code == 0  # it was sent already
        assert len(keeper.mails) == 25


@pytest.mark.parametrize("way", ["sent", "cancelled", "paused"])
def test_what_is_over_between_two_looks_was_not_left_lying(
    folder: Folder, database: str, tmp_path, monkeypatch, way
):
    looked, over, usual = threading.Event(), threading.Event(), Store.sender

    def sender(store: Store) -> str:
        if looked.is_set():
            over.wait()
        found = usual(store)
        looked.set()
        return found

    monkeypatch.setattr(Store, "sender", sender)
    with aiosmtpd(Keeper()) as port, another(database, tmp_path) as worker:
        through_smtp(folder, port)

        def end() -> None:
            looked.wait()
            run = runs.find(worker, 74, rehearsal=False)
            assert run
            if way == "cancelled":
                Calendar(worker, rehearsal=False).cancel(74, now=clocks.now())
            elif way == "paused":
                runs.pause(worker, run, Stop(Pause.QUOTA, "the quota is used up (on mail2)"))
            else:
                with worker.lock():
                    taken = worker.settle_and_claim(run, (), 25, now=clocks.now())
                    done = [(one, ACCEPTED) for one in taken]
                    worker.settle_and_claim(run, done, 0, now=clocks.now())
                    runs.set_state(worker, run, RunState.FINISHED, clocks.now())
            over.set()

        machine = threading.Thread(target=end)
        machine.start()
        try:
            ran = folder.send("--detach")
        finally:
            looked.set()
            machine.join()
        assert "no worker has begun" not in ran.err
        assert ran.code == (6 if way == "paused" else 0)
        paused = (
            "paused: the quota is used up (on mail2)\nnext: newsletter send --issue 74 goes on\n"
        )
        assert (paused in ran.err) is (way == "paused")


def test_a_send_that_ends_before_its_first_mail_leaves_nothing_to_workers(
    folder: Folder, database: str
):
    """It says that nothing was sent, and whoever waits somewhere would have begun at once."""
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        ledger = folder.root / "issues/.ledger"
        for _ in "twice":
            ledger.write_text("in the way")
            ran = folder.send()
            assert (ran.code, "issues/.ledger: this file cannot be written" in ran.error) == (
                2,
                True,
            )
            ledger.unlink()
            assert folder.run("worker", "--once").code == 0
            assert keeper.mails == []


def test_a_send_that_dies_says_that_the_workers_go_on(folder: Folder, database: str, tmp_path):
    class Breaking(Keeper):
        """The file of the run cannot be written any more from the third mail on."""

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            if len(self.mails) == 2:
                ledger = folder.root / "issues/.ledger"
                ledger.rename(folder.root / "issues/elsewhere")
                ledger.write_text("in the way")
            return await super().handle_DATA(server, session, envelope)

    keeper = Breaking()
    with aiosmtpd(keeper) as port, another(database, tmp_path):
        through_smtp(folder, port)
        ran = folder.send()
        assert ran.code == 6
        assert "warning: the workers go on; newsletter cancel --issue 74 stops them\n" in ran.err


def test_workers_that_take_nothing_up_are_told_of(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)
    with aiosmtpd(Keeper()) as port, another(database, tmp_path):
        through_smtp(folder, port)
        ran = folder.send("--detach", "--json")
        assert ran.code == 6
        assert '"detached": true' in ran.out
        assert "no worker has begun to send it yet" in ran.err
        # Who stops it stops it for all.
        assert folder.run("cancel", "--issue", "74").code == 0
        assert folder.run("worker", "--once").code == 0
        assert {one.attempt for one in folder.outcomes()} == {0}


@pytest.mark.parametrize("leads", [True, False])
def test_a_worker_says_that_a_person_cancelled_what_it_was_sending(
    folder: Folder, database: str, tmp_path, monkeypatch, leads
):
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)

    class Cancelling(Keeper):
        """A person cancels the issue while its third mail is being handed over."""

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            if len(self.mails) == 2:
                await asyncio.to_thread(
                    Calendar(machine, rehearsal=False).cancel, 74, now=clocks.now()
                )
            return await super().handle_DATA(server, session, envelope)

    keeper = Cancelling()
    with aiosmtpd(keeper) as port, another(database, tmp_path) as machine:
        through_smtp(folder, port)
        folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
        assert folder.send("--detach").code == 6
        with contextlib.nullcontext() if leads else machine.lock():
            ran = folder.run("worker", "--once")
        assert ran.code == 0, ran.err
        number = len(keeper.mails)
        assert 3 <= number < 25
        told = f"issue 74: {number} mails sent from here, then a person cancelled it on "
        assert told in ran.err
        assert "interrupted" not in ran.err


def test_a_worker_says_why_another_one_paused_what_it_was_sending(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)

    class Pausing(Keeper):
        """Another worker pauses the run for all while the third mail is being handed over."""

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            if len(self.mails) == 2:
                [run] = await asyncio.to_thread(runs.find_all, machine)
                stop = Stop(Pause.ACCOUNT, "the account is closed (on mail2)")
                await asyncio.to_thread(runs.pause, machine, run, stop)
            return await super().handle_DATA(server, session, envelope)

    keeper = Pausing()
    with aiosmtpd(keeper) as port, another(database, tmp_path) as machine:
        through_smtp(folder, port)
        folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
        assert folder.send("--detach").code == 6
        with machine.lock():
            ran = folder.run("worker", "--once")
        why = "then it was paused for all: the account is closed (on mail2)"
        assert f"issue 74: {len(keeper.mails)} mails sent from here, {why}\n" in ran.err
        [run] = runs.find_all(machine)
        assert run.reason == "the account is closed (on mail2)"


def test_a_send_that_nobody_could_take_is_not_left_to_workers(
    folder: Folder, database: str, tmp_path
):
    with aiosmtpd(Keeper()) as port:
        through_smtp(folder, port)
        ran = folder.send("--detach")
        assert (ran.code, "no worker is at work" in ran.error) == (8, True)
        with another(database, tmp_path):
            assert folder.send("--detach", "--limit", "3").code == 2
            assert folder.run("send", "--due", "--yes", "--detach").code == 2
            assert folder.send("--detach", "--dry-run").code == 0
            folder.patch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
            assert "a rehearsal" in folder.send("--detach").error
        folder.patch.setenv("NEWSLETTER_TRANSPORT__KIND", "smtp")
        assert folder.runs() == ()
        folder.patch.delenv("NEWSLETTER_STORE__URL")
        folder.imported()
        ran = folder.send("--detach")
        assert (ran.code, "on a server" in ran.error) == (2, True)
        assert folder.runs() == ()


class _Stopped(signals.Signals):
    """Ctrl-C once a mail has left."""

    mails: tuple[object, ...] | list[object] = ()

    @contextlib.contextmanager
    def noted(self):
        def stopped() -> bool:
            self.number = 2 if self.mails else 0
            return bool(self.number)

        yield stopped


def test_ctrl_c_in_a_send_pauses_it_for_all_and_says_so(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(commands, "Signals", _Stopped)
    with aiosmtpd(keeper := Keeper()) as port, another(database, tmp_path) as worker:
        monkeypatch.setattr(_Stopped, "mails", keeper.mails)
        through_smtp(folder, port)
        ran = folder.send()
        assert ran.code == 130
        assert "pausing it for all: 1 worker finishes what is in flight" in ran.err
        assert runs.find_shared(worker) is None
        assert "worker pid" in folder.run("status").out


class _StoppedTwice(signals.Signals):
    """Ctrl-C once a mail has left, and once more as soon as it was heard."""

    mails: tuple[object, ...] | list[object] = ()

    @contextlib.contextmanager
    def noted(self):
        with super().noted() as heard:
            first = threading.Lock()

            def stopped() -> bool:
                if self.mails and first.acquire(blocking=False):
                    os.kill(os.getpid(), signal.SIGINT)
                    while not heard():
                        time.sleep(0.01)
                    os.kill(os.getpid(), signal.SIGINT)
                return heard()

            yield stopped


def test_a_second_ctrl_c_ends_at_once_and_pauses_it_for_all(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(commands, "Signals", _StoppedTwice)
    with aiosmtpd(keeper := Keeper()) as port, another(database, tmp_path) as worker:
        monkeypatch.setattr(_StoppedTwice, "mails", keeper.mails)
        through_smtp(folder, port)
        with pytest.raises(SystemExit, match="130"):
            folder.send()
        assert "paused for all" in folder.capture.readouterr().err
        assert runs.find_shared(worker) is None
        assert "paused: interrupted" in folder.run("status").out


def test_where_a_second_ctrl_c_cannot_pause_it_says_what_does(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    def away(*_):
        raise UnreachableError("the database does not answer")

    monkeypatch.setattr(commands, "Signals", _StoppedTwice)
    monkeypatch.setattr(runs, "pause", away)
    with aiosmtpd(keeper := Keeper()) as port, another(database, tmp_path):
        monkeypatch.setattr(_StoppedTwice, "mails", keeper.mails)
        through_smtp(folder, port)
        with pytest.raises(SystemExit, match="130"):
            folder.send()
        said = folder.capture.readouterr().err
        assert "it could not be paused: the database does not answer" in said
        assert "newsletter cancel --issue 74" in said


def test_a_second_ctrl_c_before_the_first_mail_pauses_it_for_all(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    def interrupted(*_, **__):
        raise SystemExit(130)

    monkeypatch.setattr(sending, "following", interrupted)
    with aiosmtpd(keeper := Keeper()) as port, another(database, tmp_path) as worker:
        through_smtp(folder, port)
        with pytest.raises(SystemExit, match="130"):
            folder.send()
        assert "paused for all" in folder.capture.readouterr().err
        assert (runs.find_shared(worker), keeper.mails) == (None, [])


class _StoppedWhenTold(signals.Signals):
    """Ctrl-C as soon as it was said why nothing leaves."""

    told = threading.Event()

    @classmethod
    def why(cls, seconds: float) -> str:
        cls.told.set()
        return why_wait(seconds)

    @contextlib.contextmanager
    def noted(self):
        def stopped() -> bool:
            self.number = 2 if self.told.is_set() else 0
            return bool(self.number)

        yield stopped


class _StoppedAtOnce(signals.Signals):
    """Ctrl-C while the recipients are written down."""

    @contextlib.contextmanager
    def noted(self):
        self.number = 2
        yield lambda: True


def test_ctrl_c_before_it_is_left_to_workers_leaves_them_nothing(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(commands, "Signals", _StoppedAtOnce)
    with aiosmtpd(keeper := Keeper()) as port, another(database, tmp_path):
        through_smtp(folder, port)
        ran = folder.send("--detach")
        assert (ran.code, "nothing is begun" in ran.err) == (130, True)
        assert folder.runs() == ()
        assert folder.run("worker", "--once").code == 0
        assert keeper.mails == []


def test_ctrl_c_once_it_is_begun_and_before_it_is_left_to_workers_pauses_it_for_all(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(commands, "Signals", _StoppedWhenTold)
    monkeypatch.setattr(_StoppedWhenTold, "told", threading.Event())
    share = runs.share

    def begun(*asked):
        share(*asked)
        _StoppedWhenTold.told.set()

    monkeypatch.setattr(runs, "share", begun)
    with aiosmtpd(keeper := Keeper()) as port, another(database, tmp_path):
        through_smtp(folder, port)
        ran = folder.send("--detach")
        assert (ran.code, "pausing it for all" in ran.err) == (130, True)
        assert folder.run("worker", "--once").code == 0
        assert keeper.mails == []


def test_while_a_server_has_just_begun_it_is_said_why_nothing_leaves(
    folder: Folder, database: str, monkeypatch
):
    monkeypatch.setattr(histories, "LOOKED", 3600)
    monkeypatch.setattr(commands, "Signals", _Stopped)
    with aiosmtpd(keeper := Keeper()) as port:
        monkeypatch.setattr(_Stopped, "mails", keeper.mails)
        through_smtp(folder, port)
        assert folder.send().code == 130
        before = len(keeper.mails)
        restarted = "update runs set server = split_part(server, ' ', 1) || ' 0'"
        postgres.server().ask(database, restarted)
        monkeypatch.setattr(commands, "Signals", _StoppedWhenTold)
        monkeypatch.setattr(standing, "why_wait", _StoppedWhenTold.why)
        ran = folder.send()
        assert ran.code == 130
        assert "the database has just been started: for " in ran.err
        assert len(keeper.mails) == before


def test_who_knows_of_more_than_the_records_says_so_before_anything_is_claimed(
    folder: Folder, database: str, monkeypatch
):
    """As a worker's folder does whose process has ended, when a disk was put back."""
    monkeypatch.setattr(histories, "LOOKED", 3600)
    monkeypatch.setattr(commands, "Signals", _Stopped)
    with aiosmtpd(keeper := Keeper()) as port:
        monkeypatch.setattr(_Stopped, "mails", keeper.mails)
        through_smtp(folder, port)
        assert folder.send().code == 130
        before = len(keeper.mails)
        assert before
        with postgres.by_hand(database) as execute:
            execute("update runs set server = split_part(server, ' ', 1) || ' 0', "
                    "state = 'running', pause = '', reason = ''")  # fmt: skip
            execute("set session_replication_role = replica")
            execute("update deliveries set state = 'queued', attempt = 0, message_id = ''")
        ran = folder.run("worker", "--once")
        assert ran.code == 8
        [run] = folder.runs()
        assert run.state is RunState.PAUSED
        with folder.records() as store:
            told = claims.distrusted(store, run)
        assert told is not None
        assert told.reached.attempts == before
        assert len(keeper.mails) == before


def test_the_right_to_ask_for_the_servers_history_is_named_with_its_grant(folder: Folder):
    database = postgres.new_database()
    server = postgres.server()
    server.ask(database, "create role rosa login")
    server.ask(database, "create schema newsletter authorization rosa")
    server.ask(database, "revoke execute on function pg_current_wal_lsn() from public")
    url = server.url(database, user="rosa")
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    words = ("subscribers", "import", "subscribers/example.csv", "--consent-source", "invented")
    ran = folder.run(*words)
    assert ran.code == 2
    assert "may not ask which server it is on" in ran.error
    grant = ran.hint.partition("GRANT")[2].replace("that user", "rosa")
    server.ask(database, f"GRANT{grant}")
    assert folder.run(*words).code == 0


class _Slow(Keeper):
    """Takes one mail, and more when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.on = threading.Event(), threading.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # as aiosmtpd calls it
        self.first.set()
        await asyncio.to_thread(self.on.wait)
        return await super().handle_DATA(server, session, envelope)


def test_a_worker_leads_as_soon_as_the_one_that_led_is_gone(
    folder: Folder, database: str, tmp_path, monkeypatch
):
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)
    monkeypatch.setattr(helping, "_LEADER_SECONDS", 0.0)
    parts, drain = [], part.drain_part

    def drained(*args, leads: bool, **more):
        found = drain(*args, leads=leads, **more)
        parts.append((leads, found.accepted))
        return found

    monkeypatch.setattr(helping, "drain_part", drained)
    with aiosmtpd(keeper := _Slow()) as port, another(database, tmp_path) as leader:
        through_smtp(folder, port)
        assert folder.send("--detach").code == 6
        leading = threading.Event()

        def lead() -> None:
            with leader.lock():
                leading.set()
                keeper.first.wait()
            keeper.on.set()

        machine = threading.Thread(target=lead)
        machine.start()
        leading.wait()
        assert folder.run("worker", "--once").code == 0
        machine.join()
    (followed, few), (led, rest) = parts
    assert (followed, led, few + rest) == (False, True, 25)
    assert few < rest


def test_a_connection_that_is_lost_in_the_end_costs_no_result(folder: Folder, database: str):
    lost, found = list[str](), {}
    for room, name in ((runs, "set_state"), (claims, "reached"), (runs, "counts")):
        found[name] = getattr(room, name)

        def once(*args, name=name, **more):
            if name not in lost and "set_state" in {name, *lost}:
                lost.append(name)
                raise UnreachableError("the database cannot be reached any more")
            return found[name](*args, **more)

        folder.patch.setattr(room, name, once)
    with aiosmtpd(Keeper()) as port:
        through_smtp(folder, port)
        ran = folder.send()
    assert sorted(lost) == ["counts", "reached", "set_state"]
    assert (ran.code, ran.out) == (0, "issue 74: 25 mails sent now; in all accepted 25\n")
