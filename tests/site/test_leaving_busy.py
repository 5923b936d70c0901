"""Whoever leaves while another program writes has left: for each claim, and for each backup."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from newsletter import site as public
from newsletter.audience import Status, eligible
from newsletter.audience.tokens import make_token
from newsletter.delivery import State
from newsletter.errors import PausedError
from newsletter.store import Store, deliveries, freezing, imports, runs, signing_keys, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.folder import backup as backups
from newsletter.store.folder import departures
from tests.store.test_departures import remembered, restore
from tests.support import claiming, readers
from tests.support.beside_the_program import another_writes, untold
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import HANGS, Command, started
from tests.support.ports import free_port
from tests.support.store_samples import (
    LATER,
    NOW,
    a_content,
    a_row,
    count_by_status,
    people,
    store_with,
    url_in,
)
from tests.support.web_fixtures import settings_of

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

CLAIM_ALL = """
import sys, time
from newsletter.delivery import Outcome, Result
from newsletter.store import Store, runs
from tests.support import claiming
from tests.support.store_samples import NOW
store = Store.open(sys.argv[1])
run = runs.find(store, 74, rehearsal=False)
print("ready", flush=True)
while True:
    began = time.monotonic()
    delivery = claiming.claim(store, run, now=NOW)
    if delivery is None:
        break
    print(began, delivery.subscriber.handle, flush=True)
    outcome = Outcome(result=Result.ACCEPTED, message_id="m")
    claiming.settle(store, run, delivery, outcome, now=NOW)
"""


def hurried(folder: Path) -> Store:
    """The same records as the public pages have them, without their two seconds."""
    return Store.open(url_in(folder), patience=0.05)


def pages(store: Store) -> TestClient:
    app = public.application(store=store, settings=settings_of(), clock=lambda: LATER)
    return TestClient(app, base_url="https://letters.example.org")


def handles(store: Store) -> list[str]:
    return [one.handle for one in subscribers.each(store)]


def to_read(folder: Path) -> Store:
    return Store.open(url_in(folder), read_only=True)


def statuses(folder: Path) -> list[str]:
    with to_read(folder) as store:
        return list(readers.statuses(store).values())


def lines_counted(folder: Path) -> int:
    with to_read(folder) as store, store.reading() as connection:
        return store.backend.counted(connection)


def begin(store: Store) -> Any:
    return freezing.start(
        store, a_content(), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
    )


# --- the promise -------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(newsletter: Folder) -> Iterator[tuple[Command, str]]:
    """The command itself, and where it answers."""
    with started(newsletter.root, "serve", "--port", str(free_port())) as process:
        assert select.select([process.stderr], [], [], 60)[0]
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found
        yield process, found[0]


def press(url: str) -> int:
    request = urllib.request.Request(url, data=b"List-Unsubscribe=One-Click")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_one_click_counts_though_an_import_holds_the_records_and_the_server_is_killed_right_after(
    ready: Folder,
):
    database = ready.root / ".newsletter/newsletter.db"
    with ready.records() as store:
        first = readers.people(store)[0]
        token = make_token(first.handle, signing_keys.newest(store))
    with serving(ready) as (process, url), another_writes(database):
        with urllib.request.urlopen(f"{url}/u/{token}", timeout=60) as page:
            assert page.status == 200
        assert press(f"{url}/u/{token}") == 200
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=HANGS)
        # Nobody could write it into the records yet.
        assert ready.status_of(first.email) == "active"
    ran = ready.send()
    assert ran.code == 0
    assert "older than" not in ran.err
    assert first.email not in "".join(path.read_text("utf-8") for path in ready.mails())
    assert len(ready.mails()) == 24
    assert ready.status_of(first.email) == "unsubscribed"
    late = ("unsubscribed", "unsubscribe link, while the records were busy")
    assert ready.consents(first.email)[1:] == [late]


def test_a_run_that_is_going_on_skips_who_left_beside_the_records(tmp_path):
    with store_with(tmp_path, people(3)) as sender, hurried(tmp_path) as store:
        run = begin(sender)
        first = claiming.claim(sender, run, now=NOW)
        assert first is not None
        with another_writes(tmp_path / "newsletter.db"):
            path = f"/u/{make_token(handles(store)[1], signing_keys.newest(store))}"
            assert pages(store).post(path).status_code == 200
            assert store.departures.behind
        second = claiming.claim(sender, run, now=NOW)
        assert second is not None
        assert (first.position, second.position) == (1, 3)
        assert runs.counts(sender, run)[State.SKIPPED] == 1
    assert statuses(tmp_path) == ["active", "unsubscribed", "active"]


def test_of_two_processes_no_claim_that_begins_after_somebody_has_left_is_theirs(tmp_path):
    """Everybody leaves past the database, in any order, while another process claims."""
    with store_with(tmp_path, people(150)) as store:
        begin(store)
        store.departures._hurried_until = float("inf")
        words = [sys.executable, "-c", CLAIM_ALL, url_in(tmp_path)]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        left: dict[str, float] = {}
        order = handles(store)
        random.Random(7).shuffle(order)
        with subprocess.Popen(words, text=True, stdout=subprocess.PIPE, env=env) as claimer:
            assert claimer.stdout
            assert claimer.stdout.readline() == "ready\n"
            for handle in order[:75]:
                store.departures.leave(handle, Evidence(source="page"), now=LATER)
                left[handle] = time.monotonic()
            out = claimer.stdout.read()  # `communicate` would miss what was read beside "ready"
        assert claimer.wait() == 0
        claimed = {handle: float(began) for began, handle in map(str.split, out.splitlines())}
        assert [h for h, moment in left.items() if claimed.get(h, 0) > moment] == []
        store.departures.catch_up()
        assert count_by_status(store)[Status.UNSUBSCRIBED] == 75
        run = runs.find(store, 74, rehearsal=False)
        assert run is not None
        assert runs.counts(store, run)[State.ACCEPTED] == len(claimed)
    assert lines_counted(tmp_path) == len(remembered(tmp_path))


def test_who_leaves_while_somebody_is_being_claimed_is_told_so_when_that_is_durable(
    tmp_path, monkeypatch
):
    seen = []
    with store_with(tmp_path, people(2)) as store, hurried(tmp_path) as other:
        begin(store)
        run = runs.find(store, 74, rehearsal=False)
        assert run is not None
        other.departures._hurried_until = float("inf")
        leave = threading.Thread(
            target=lambda: other.departures.leave(
                handles(store)[0], Evidence(source="page"), now=LATER
            )
        )
        real, lock, has_to_wait = deliveries.claim, fcntl.flock, threading.Event()

        def locking(*words: Any) -> None:
            try:
                lock(*words)
            except BlockingIOError:
                has_to_wait.set()
                raise

        monkeypatch.setattr(fcntl, "flock", locking)

        def claim(*words: Any, **by: Any) -> Any:
            found = real(*words, **by)
            has_to_wait.clear()
            leave.start()
            while leave.is_alive() and not has_to_wait.wait(0.02):
                pass
            seen.append(leave.is_alive())
            return found

        monkeypatch.setattr(deliveries, "claim", claim)
        taken = claiming.claim(store, run, now=NOW)
        assert taken is not None
        assert taken.position == 1
        leave.join(HANGS)
    assert seen == [True]
    assert remembered(tmp_path) == ["w"]


def test_who_leaves_in_the_middle_of_an_import_has_left_when_it_ends(tmp_path):
    with store_with(tmp_path, people(2)) as store, hurried(tmp_path) as other:
        [first, _] = handles(store)

        def rows() -> Iterator[Any]:
            yield a_row("reader2@example.org", suppression="complained")
            other.departures.leave(first, Evidence(source="page"), now=LATER)
            yield a_row("reader1@example.org", name="Back")

        imports.add(store, rows(), source="list", now=NOW)
    assert statuses(tmp_path) == ["unsubscribed", "active"]
    # Nothing keeps the records from who leaves; what the import itself noted comes behind.
    assert remembered(tmp_path) == ["u", "c"]
    assert lines_counted(tmp_path) == len(remembered(tmp_path))


# --- restored backups --------------------------------------------------------------------------


def test_a_restored_backup_learns_it_whether_or_not_the_records_had(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        [first, second, third] = handles(store)
        with hurried(tmp_path) as other:
            with another_writes(tmp_path / "newsletter.db"):
                other.departures.leave(first, Evidence(source="page"), now=LATER)
            subscribers.come_back(
                store, third, Evidence(source="page"), now=LATER
            )  # and all are told
            with another_writes(tmp_path / "newsletter.db"):
                other.departures.leave(second, Evidence(source="page"), now=LATER)
    restore(tmp_path, copy)
    Store.open(url_in(tmp_path)).close()
    assert statuses(tmp_path) == ["unsubscribed", "unsubscribed", "active"]


def test_who_came_back_after_leaving_so_stays_in_a_restored_backup(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        [handle] = handles(store)
        with hurried(tmp_path) as other, another_writes(tmp_path / "newsletter.db"):
            other.departures.leave(handle, Evidence(source="page"), now=LATER)
        assert subscribers.come_back(store, handle, Evidence(source="page"), now=LATER)
        assert statuses(tmp_path) == ["active"]
    restore(tmp_path, copy)
    Store.open(url_in(tmp_path)).close()
    assert statuses(tmp_path) == ["active"]


# --- odd cases ---------------------------------------------------------------------------------


def test_leaving_three_times_meanwhile_is_leaving_once(tmp_path):
    with store_with(tmp_path, people(1)) as store, hurried(tmp_path) as other:
        [handle] = handles(store)
        with another_writes(tmp_path / "newsletter.db"):
            for _ in range(3):
                assert other.departures.leave(handle, Evidence(source="page"), now=LATER)
        store.departures.catch_up()
        store.departures.catch_up()
        [_, told] = readers.rows_about(store, "reader1@example.org", "consents")
    assert (told["event"], told["source"], told["at"]) == (
        "unsubscribed", "unsubscribe link, while the records were busy",
        LATER.replace(microsecond=0),
    )  # fmt: skip
    assert lines_counted(tmp_path) == len(remembered(tmp_path)) == 3


def test_a_link_nobody_is_known_for_is_kept(tmp_path):
    with store_with(tmp_path, people(1)) as store, hurried(tmp_path) as other:
        imports.add(store, [a_row("late@example.org")], source="list", now=NOW)
        handle = handles(store)[1]
        subscribers.erase(store, "late@example.org", now=NOW)
        with another_writes(tmp_path / "newsletter.db"):
            assert not other.departures.leave(handle, Evidence(source="page"), now=LATER)
        store.departures.catch_up()
    assert untold(tmp_path, "left_handles", "handle") == [(handle,)]


def test_a_lost_file_and_what_a_power_cut_has_left_of_a_line_lose_nobody(tmp_path):
    with store_with(tmp_path, people(4)) as store, hurried(tmp_path) as other:
        order = handles(store)
        subscribers.remove(store, "reader1@example.org", now=LATER)
        [path] = tmp_path.glob("left-*.log")
        path.unlink()
        with another_writes(tmp_path / "newsletter.db"):
            other.departures.leave(order[1], Evidence(source="page"), now=LATER)
            with path.open("ab") as stream:  # a whole line of nothing, and a torn one
                stream.write(bytes(67) + b"w 0123")
            other.departures.leave(order[2], Evidence(source="page"), now=LATER)
        store.departures.catch_up()
    assert statuses(tmp_path) == [*["unsubscribed"] * 3, "active"]
    assert path.stat().st_size == 4 * 67
    assert lines_counted(tmp_path) == 4


def test_where_neither_can_be_written_nobody_is_told_that_they_have_left(tmp_path):
    with store_with(tmp_path, people(1)) as store, hurried(tmp_path) as other:
        token = make_token(handles(store)[0], signing_keys.newest(store))
        [path] = tmp_path.glob("left-*.log")
        path.unlink()
        path.symlink_to("/dev/full")
        with another_writes(tmp_path / "newsletter.db"):
            answer = pages(other).post(f"/u/{token}")
        assert answer.status_code == 503
        assert "did not work" in answer.text
        path.unlink()
        assert pages(other).post(f"/u/{token}").status_code == 200
    assert remembered(tmp_path) == ["w"]


def test_a_file_that_somebody_keeps_locked_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(departures, "_LOCK_SECONDS", 0.05)
    with store_with(tmp_path, people(1)) as store:
        [path] = tmp_path.glob("left-*.log")
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            with pytest.raises(PausedError, match="those who left locked"):
                store.departures.leave(handles(store)[0], Evidence(source="page"), now=LATER)
    assert statuses(tmp_path) == ["active"]


def test_the_records_catch_up_by_themselves_once_they_are_free(tmp_path, monkeypatch):
    monkeypatch.setattr(public, "_CATCH_UP_SECONDS", 0.02)
    with store_with(tmp_path, people(1)) as store, hurried(tmp_path) as other:
        token = make_token(handles(store)[0], signing_keys.newest(store))
        with pages(other) as client:
            with another_writes(tmp_path / "newsletter.db"):
                assert client.post(f"/u/{token}").status_code == 200
                assert statuses(tmp_path) == ["active"]
            for _ in range(3000):
                if readers.status_of(store, "reader1@example.org") == "unsubscribed":
                    break
                time.sleep(0.02)
    assert statuses(tmp_path) == ["unsubscribed"]


def test_a_store_opens_though_another_program_writes_and_somebody_left_meanwhile(tmp_path):
    with store_with(tmp_path, people(1)) as store, hurried(tmp_path) as other:
        [handle] = handles(store)
        with another_writes(tmp_path / "newsletter.db"):
            other.departures.leave(handle, Evidence(source="page"), now=LATER)
            with hurried(tmp_path) as third:
                assert third.departures.behind
                assert subscribers.by_handle(third, handle) is not None
        store.departures.catch_up()
    assert untold(tmp_path, "left_handles", "handle") == []
    assert statuses(tmp_path) == ["unsubscribed"]
