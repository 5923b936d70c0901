"""`newsletter doctor`: who gives no answer keeps neither the others waiting nor the command."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from newsletter.cli.context import open_project
from newsletter.doctor import Check, Subject, asking, examine
from newsletter.doctor.diagnosis import ok
from newsletter.doctor.subject import Shared
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]


class Clock:
    """Time that passes when a check says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(asking, "time", made)
    return made


@pytest.fixture
def hangs():
    """A check that gives no answer; the test's end lets go of it, or a minute where that hangs."""
    released = threading.Event()

    def hang(_):
        released.wait(60)
        return ok("at last")

    yield hang
    released.set()


def examined(ready, monkeypatch, checks, **limits):
    monkeypatch.chdir(ready.root)
    monkeypatch.setattr(asking, "CHECKS", checks)
    found = examine(Subject(open_project, {}, dt.datetime.now(dt.UTC)), **limits)
    return {one.id: (one.severity.value, one.detail) for one in found}


def test_a_check_without_an_answer_is_told_and_keeps_nobody_waiting(
    ready, monkeypatch, clock, hangs
):
    done = threading.Semaphore(0)

    def answers(_):
        done.release()
        return ok("here")

    def passes_time(_):
        for _ in range(12):
            done.acquire(timeout=60)
        clock.now = 100.0
        return ok("here")

    checks = (
        Check("dead", "-", hangs, online=True),
        Check("needs-it", "-", answers, ("dead",), online=True),
        Check("after-it", "-", answers, after=("dead",), online=True),
        Check("last", "-", passes_time, online=True),
        *(Check(f"beside-{n}", "-", answers, online=True) for n in range(12)),
    )
    found = examined(ready, monkeypatch, checks, seconds=10, in_all=1000)
    assert found.pop("dead") == ("error", "no answer in time")
    assert found.pop("needs-it") == ("skipped", "fix this first: dead")
    assert set(found.values()) == {("ok", "here")}


def test_all_of_them_together_have_their_time_too(ready, monkeypatch, clock, hangs):
    def passes_time(_):
        clock.now = 11.0
        return ok("here")

    dead = tuple(Check(f"dead-{n}", "-", hangs, online=True) for n in range(20))
    checks = (Check("first", "-", passes_time, online=True), *dead)
    found = examined(ready, monkeypatch, checks, seconds=100, in_all=10)
    assert found.pop("first") == ("ok", "here")
    assert set(found.values()) == {("error", "no answer in time")}
    assert list(found) == [check.id for check in dead]


def test_those_that_ask_servers_are_asked_side_by_side(ready, monkeypatch):
    """Eight meet at a gate that opens for eight; asked one by one, none would pass it."""
    gate = threading.Barrier(8, timeout=30)

    def meets(_):
        gate.wait()
        return ok("met")

    checks = tuple(Check(f"one-{n}", "-", meets, online=True) for n in range(8))
    found = examined(ready, monkeypatch, checks, seconds=60, in_all=60)
    assert set(found.values()) == {("ok", "met")}


def test_what_several_ask_is_looked_for_once():
    looked, begun = [], threading.Barrier(4, timeout=30)

    class Slow(Subject):
        @Shared
        def seen(self) -> int:
            looked.append(1)
            return len(looked)

    slow = Slow(open_project, {}, dt.datetime.now(dt.UTC))

    def ask():
        begun.wait()
        assert slow.seen == 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert looked == [1]


def test_records_on_a_server_are_not_asked_for_offline(ready, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_STORE__URL", "postgresql://letters@127.0.0.1:9/letters")
    found = {
        one["id"]: (one["severity"], one["detail"])
        for one in only_json(
            ready.run("doctor", "--offline", "--json", "--only", "store", "--only", "unknown")
        )["checks"]
    }
    assert found["store"] == found["unknown"] == ("skipped", "not asked: --offline")
