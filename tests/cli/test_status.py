"""`newsletter status`: what is true of every run, for people and as JSON, in every state."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import time
import urllib.request

import pytest

from newsletter.audience.tokens import unsubscribe_url
from newsletter.delivery import Effect, Outcome, Pause, Result, RunState
from newsletter.store import Store, deliveries, runs, signing_keys
from tests.fake_ses import FakeSes, Fault
from tests.support import claiming
from tests.support.cli_fixtures import plain_environment
from tests.support.commands import HANGS, script, started
from tests.support.faults import imported, world
from tests.support.ports import free_port

__all__ = ["imported", "plain_environment", "world"]

pytestmark = pytest.mark.processes

SEND = ("send", "--issue", "74", "--confirm", "74")
NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


def records(world):
    return Store.open(f"sqlite:///{world.newsletter.root}/.newsletter/newsletter.db")


def as_json(world, *words):
    ran = world.newsletter.run("status", "--json", *words)
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found["schema"] == 1
    return found


def wait_for(condition, process):
    """Return when `condition` holds; fail when the process ends before."""
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_before_anything_was_sent_there_is_nothing_to_tell(world):
    world.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__RRULE", "")
    assert world.newsletter.run("status").out == "no issue was sent yet\n"
    assert world.newsletter.run("status", "--issue", "74").out == "issue 74 was not sent yet\n"
    assert as_json(world) == {
        "schema": 1, "sending": None, "leader": None, "workers": [], "runs": [], "forgotten": [], "next": [],
    }  # fmt: skip


def test_what_is_due_next_is_told_with_how_far_its_issue_is(world):
    friday = dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)
    world.newsletter.patch.setattr("newsletter.clocks.now", lambda: friday)
    assert world.newsletter.run("approve", "--issue", "74").code == 0
    soon = "next: Sun 2026-11-22 09:00 (Europe/Amsterdam), issue 74, approved\n"
    later = "next: Sun 2026-12-06 09:00 (Europe/Amsterdam), issue 75, draft\n"
    assert world.newsletter.run("status").out == f"no issue was sent yet\n{soon}{later}"
    ran = world.newsletter.run("status", "--issue", "74")
    assert ran.out == f"issue 74 was not sent yet\n{soon}"
    first, second = as_json(world)["next"]
    assert (first["issue"], first["utc"], first["approved"]) == (74, "2026-11-22T08:00:00+00:00", True)  # fmt: skip
    assert (second["issue"], second["state"]) == (75, "draft")
    # Status speaks of what was sent, whatever is wrong with an issue still to be written.
    world.newsletter.write("issues/076-x.md", "---\ntitle: [\n---\n")
    assert world.newsletter.run("status").out == "no issue was sent yet\n"


def test_a_folder_without_issues_says_nothing_of_the_next_dates(world):
    shutil.rmtree(world.newsletter.root / "issues")
    assert world.newsletter.run("status").out == "no issue was sent yet\n"
    assert as_json(world)["next"] == []


def test_a_finished_run_with_an_unknown_outcome_names_it_without_an_address(world):
    with FakeSes(Fault(kind="reset", accept=True, requests=(5,))) as fake:
        world.environ(fake.environ)
        world.configure(KIND="ses")
        world.hurry()
        assert world.send().code == 9
    ran = world.newsletter.run("status", "--issue", "74")
    head, row, *rest = ran.out.splitlines()
    assert head.split() == ["issue", "run", "state", "recipients", "outcomes"]
    assert row.split(maxsplit=4) == ["74", "ses", "finished", "25", "accepted 24, unknown 1"]
    assert rest[0] == "  74 ses: unknown 1: no answer that can be read (the connection broke)"
    assert rest.pop() == "  74 ses: newsletter retry --issue 74 --unknown settles what is unknown"
    assert rest[-1].startswith("  74 ses: unknown since ")
    assert ": recipient 5, " in rest[-1]
    assert rest[-1].endswith(", attempt 1")
    ((run),) = as_json(world)["runs"]
    assert (run["state"], run["pause"], run["reason"]) == ("finished", None, "")
    assert run["by_state"] == {"accepted": 24, "unknown": 1}
    ((doubt),) = run["unknown"]
    assert (doubt["position"], doubt["attempt"], doubt["risked"]) == (5, 1, False)
    assert run["reasons"] == [{"state": "unknown", "reason": doubt["reason"], "deliveries": 1}]


@pytest.fixture
def begun(world):
    """A rehearsal of which one mail was sent."""
    assert world.newsletter.send("--limit", "1").code == 6
    return world


@pytest.mark.parametrize("pause", Pause)
def test_a_paused_run_says_why_whatever_it_was(begun, pause):
    with records(begun) as store:
        run = runs.find(store, 74, rehearsal=True)
        assert run is not None
        runs.set_state(store, run, RunState.PAUSED, NOW, pause=pause, reason="a reason")
    ran = begun.newsletter.run("status")
    assert ran.code == 0
    assert "74     rehearsal  paused  25          accepted 1, queued 24\n" in ran.out
    assert "  74 rehearsal: paused: a reason\n" in ran.out
    ((found),) = as_json(begun)["runs"]
    assert (found["state"], found["pause"], found["reason"]) == ("paused", pause.value, "a reason")


def test_why_a_try_failed_before_is_told_while_a_run_goes_on_and_not_when_it_has(begun):
    away = Outcome(result=Result.DEFERRED, effect=Effect.BACK_OFF, reason="nobody is there")
    with records(begun) as store:
        run = runs.find(store, 74, rehearsal=True)
        assert run is not None
        runs.resume(store, run, by_hand=True)
        for _ in range(2):
            claiming.settle(store, run, claiming.claim(store, run, now=NOW), away, now=NOW)
        assert deliveries.requeue(store, run) == 2
        ran, found = begun.newsletter.run("status"), as_json(begun)
        assert "  74 rehearsal: queued 2, tried before: nobody is there\n" in ran.out
        told = {"state": "queued", "reason": "nobody is there", "deliveries": 2}
        assert found["runs"][0]["reasons"] == [told]
        runs.set_state(store, run, RunState.PAUSED, NOW, pause=Pause.LIMIT, reason="a limit")
        ran, found = begun.newsletter.run("status"), as_json(begun)
    assert "  74 rehearsal: paused: a limit\n" in ran.out
    assert "nobody is there" not in ran.out
    assert found["runs"][0]["reasons"] == []


def test_a_run_in_another_process_and_one_that_was_killed(world):
    world.configure(KIND="ses", SES__MAX_RATE=5)
    with FakeSes(rate=100) as fake:
        world.environ(fake.environ)
        with started(world.newsletter.root, *SEND) as process:
            wait_for(lambda: len(fake.accepted) >= 2, process)
            ran, found = world.newsletter.run("status"), as_json(world)
            assert found["sending"].startswith(f"pid {process.pid} on ")
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert "  running  " in ran.out
        assert found["runs"][0]["state"] == "running"
        after = as_json(world)
        assert after["sending"] is None
        assert after["runs"][0]["state"] == "interrupted"
        assert "  interrupted  " in world.newsletter.run("status").out
        assert sum(after["runs"][0]["by_state"].values()) == 25


def test_who_leaves_while_a_run_goes_on_gets_no_mail(world):
    """The real page in one process, a paced run in another: every later claim honours it."""
    world.configure(KIND="ses", SES__MAX_RATE=10)
    with records(world) as store:
        key = signing_keys.newest(store)
    leaving = world.newsletter.people()[-3:]
    root = world.newsletter.root
    with FakeSes(rate=100) as fake, started(root, "serve", "--port", str(free_port())) as pages:
        world.environ(fake.environ)
        assert pages.stderr is not None
        served = pages.stderr.readline()
        base = served.split()[2].rstrip("/")
        with started(root, *SEND) as process:
            wait_for(lambda: fake.accepted, process)
            for one in leaving:
                url = unsubscribe_url(base, one.handle, key)
                assert one_click(url) == 200
            out, err = process.communicate(timeout=HANGS)
        pages.send_signal(signal.SIGINT)
        state = fake.quiet()
    assert process.returncode == 0, err
    assert world.newsletter.states() == {"accepted": 22, "skipped": 3}
    assert "accepted 22, skipped 3" in out
    assert not {one.email for one in leaving} & state.received.keys()
    ran = world.newsletter.run("status")
    assert "skipped 3: unsubscribed" in ran.out


def one_click(url):
    """What a mailbox provider does (RFC 8058): one POST, no cookies, no questions."""
    request = urllib.request.Request(url, data=b"List-Unsubscribe=One-Click", method="POST")
    with urllib.request.urlopen(request, timeout=HANGS) as answer:
        return answer.status


def test_the_console_script_says_the_same(begun):
    done = script(begun.newsletter.root, "status")
    assert (done.returncode, done.stdout) == (0, begun.newsletter.run("status").out)
