"""What a trigger goes on with after a real stop, and what another checkout knows of a run."""

from __future__ import annotations

import contextlib

import pytest

from newsletter.delivery import RESUMED, Pause, Stop
from newsletter.sending import due
from newsletter.sending.plan import plan_send
from newsletter.store import runs
from tests.fake_ses import FakeSes
from tests.store.test_ledger import git, tracked
from tests.support.cli_fixtures import ADDRESSES, Folder
from tests.support.schedule_fixtures import (
    DUE,
    approved,
    at,
    folder,
    owned,
    plain_environment,
    post,
    ready,
    store_of,
    through_smtp,
)
from tests.support.smtp_servers import Keeper, Scripted, aiosmtpd

__all__ = ["approved", "at", "folder", "owned", "plain_environment", "post", "ready", "tracked"]

pytestmark = pytest.mark.processes

PEOPLE = len(ADDRESSES)


def attempts(newsletter: Folder) -> int:
    return sum(one.attempt for one in newsletter.outcomes())


def test_a_run_that_the_breaker_stopped_waits_for_a_person(approved):
    with contextlib.closing(Scripted({"RCPT": "550 no such user"})) as refusing:
        through_smtp(approved, refusing.port)
        first, second = approved.run(*DUE), approved.run(*DUE)
    assert (first.code, second.code) == (6, 0)
    assert [(run.state, run.pause) for run in approved.runs()] == [("paused", "breaker")]
    assert "waits for you" in second.err
    tried = attempts(approved)
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(approved, port)
        assert approved.run(*DUE).code == 0
        assert (attempts(approved), keeper.mails) == (tried, [])
        approved.send()
    assert len(keeper.mails) > 0


@pytest.mark.parametrize("why", [*Pause])
def test_a_run_that_stops_while_a_trigger_gets_ready_goes_on_only_by_itself(
    approved, monkeypatch, why
):
    """The trigger looked while another process was sending it."""
    with contextlib.closing(Scripted({"RCPT": "550 no such user"})) as refusing:
        through_smtp(approved, refusing.port)
        assert approved.run(*DUE).code == 6
    with store_of(approved) as store:
        run = runs.find(store, 74, rehearsal=False)
        assert run
        runs.resume(store, run, by_hand=True)

    def stopped_meanwhile(*words):
        planned = plan_send(*words)
        with store_of(approved) as store:
            runs.pause(store, run, Stop(why, "said elsewhere"))
        return planned

    monkeypatch.setattr(due, "plan_send", stopped_meanwhile)
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(approved, port)
        ran = approved.run(*DUE)
    if why in RESUMED:
        assert (ran.code, bool(keeper.mails)) == (0, True)
        return
    assert (ran.code, keeper.mails) == (8, [])
    assert "issue 74 is paused (said elsewhere) and waits for you" in ran.error
    assert [(run.state, run.pause) for run in approved.runs()] == [("paused", why.value)]


def test_a_run_that_the_days_quota_stopped_goes_on_the_next_day(approved, at):
    approved.patch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    with FakeSes(daily=10) as fake:
        for name, value in fake.environ.items():
            approved.patch.setenv(name, value)
        assert approved.run(*DUE).code == 6
        assert [(run.state, run.pause) for run in approved.runs()] == [("paused", "quota")]
        at("2026-11-23 08:10")
        fake.change(daily=100)
        assert approved.run(*DUE).code == 0
        state = fake.quiet()
    assert len(state.accepted) == PEOPLE
    assert set(state.accepted.values()) == {1}


@pytest.fixture
def server(tracked, tmp_path):
    """A clone of what was approved and committed, on another machine with records of its own."""
    laptop = tracked.newsletter
    root = tmp_path / "srv" / "of another name"
    root.parent.mkdir()
    git(laptop.root, "clone", "-q", laptop.root, root)
    clone = Folder(root, laptop.patch, laptop.capture)
    return clone.imported()


def test_the_file_that_git_brings_keeps_the_other_checkout_from_sending_it_again(tracked, server):
    assert tracked.due().code == 0
    git(tracked.newsletter.root, "add", "issues/.ledger/74.json")
    git(tracked.newsletter.root, "commit", "-qm", "Sent")
    git(server.root, "pull", "-q", "--ff-only")
    assert server.run(*DUE).code == 8
    assert len(tracked.readers) == PEOPLE
