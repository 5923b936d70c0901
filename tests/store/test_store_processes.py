"""What only several processes can show: crashes, concurrent claims, the lock."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from newsletter.audience import eligible
from newsletter.delivery import Outcome, Result, State
from newsletter.errors import InputError, LockedError
from newsletter.store import Store, deliveries, freezing, runs
from newsletter.store.folder.lock import _take, locked
from tests.support import claiming
from tests.support.commands import HANGS
from tests.support.store_samples import LATER, NOW, a_content, look, people, store_with, url_in

pytestmark = pytest.mark.processes

HEAD = """
import os, signal, sys, time
from newsletter.delivery import Outcome, Result
from newsletter.store import Store, runs
from tests.support.store_samples import NOW
from tests.support import claiming
store = Store.open(sys.argv[1])
accepted = Outcome(result=Result.ACCEPTED, message_id="m")
"""

CLAIM_AND_DIE = (
    HEAD
    + """
run = runs.find(store, 74, rehearsal=False)
for _ in range(3):
    claiming.settle(store, run, claiming.claim(store, run, now=NOW), accepted, now=NOW)
claiming.claim(store, run, now=NOW)
os.kill(os.getpid(), signal.SIGKILL)
"""
)

CLAIM_ALL = (
    HEAD
    + """
run = runs.find(store, 74, rehearsal=False)
delivery = claiming.claim(store, run, now=NOW)
print("ready", flush=True)
sys.stdin.readline()
while delivery:
    print(delivery.subscriber.address, flush=True)
    claiming.settle(store, run, delivery, accepted, now=NOW)
    delivery = claiming.claim(store, run, now=NOW)
"""
)

HOLD_LOCK = (
    HEAD
    + """
with store.lock():
    print("held", flush=True)
    time.sleep(60)
"""
)


def process(script: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, url_in(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )


def start(store):
    return freezing.start(
        store, a_content(), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
    )


def test_a_process_killed_between_claim_and_outcome_leaves_exactly_that_row_unknown(tmp_path):
    with store_with(tmp_path, people(6)) as store:
        run = start(store)
    with process(CLAIM_AND_DIE, tmp_path) as killed:
        assert killed.wait(timeout=HANGS) == -signal.SIGKILL
    with Store.open(url_in(tmp_path)) as store:
        assert runs.counts(store, run)[State.CLAIMED] == 1
        assert deliveries.recover(store, run, now=LATER) == 1
        assert runs.counts(store, run).by_state == {
            State.ACCEPTED: 3,
            State.UNKNOWN: 1,
            State.QUEUED: 2,
        }
        following = claiming.claim(store, run, now=LATER)
        assert following is not None
        assert following.position == 5
    rows = look(tmp_path, "SELECT state FROM deliveries ORDER BY position")
    assert [state for (state,) in rows] == [*["accepted"] * 3, "unknown", "claimed", "queued"]


def test_two_processes_that_claim_at_once_never_get_the_same_row(tmp_path):
    with store_with(tmp_path, people(300)) as store:
        run = start(store)
        workers = [process(CLAIM_ALL, tmp_path) for _ in range(2)]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        taken = [worker.communicate(timeout=HANGS)[0].split() for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0]
        assert runs.counts(store, run).by_state == {State.ACCEPTED: 300}
    assert len(taken[0]) + len(taken[1]) == 300
    assert not set(taken[0]) & set(taken[1])
    assert all(taken)  # each held its first row while the other took one


def test_threads_share_one_store(tmp_path):
    taken: list[int] = []
    with store_with(tmp_path, people(200)) as store:
        run = start(store)

        def work():
            while delivery := claiming.claim(store, run, now=NOW):
                taken.append(delivery.position)
                outcome = Outcome(result=Result.ACCEPTED, message_id=str(delivery.position))
                claiming.settle(store, run, delivery, outcome, now=NOW)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert runs.counts(store, run).by_state == {State.ACCEPTED: 200}
    assert sorted(taken) == list(range(1, 201))


# --- the lock --------------------------------------------------------------------------------


def test_the_lock_names_who_holds_it_and_dies_with_them(tmp_path):
    with store_with(tmp_path, []) as store, process(HOLD_LOCK, tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError) as caught, store.lock():
            pass
        assert f"pid {holder.pid} on {socket.gethostname()}" in str(caught.value)
        assert caught.value.exit_code == 7
        with store.lock("events"):
            pass
        holder.kill()
        holder.wait(timeout=HANGS)
        with store.lock():
            pass


def test_the_lock_can_be_taken_again_and_not_twice(tmp_path):
    with store_with(tmp_path, []) as store:
        with store.lock(), pytest.raises(LockedError, match=str(os.getpid())), store.lock():
            pass
        with store.lock():
            pass
    assert (tmp_path / "newsletter.db.sending.lock").exists()


def test_a_holder_who_has_not_written_a_name_yet_is_still_a_holder(tmp_path):
    with locked(tmp_path / "a.lock"):
        (tmp_path / "a.lock").write_text("")
        with pytest.raises(LockedError, match="it has just started"), locked(tmp_path / "a.lock"):
            pass


def test_a_place_without_locks_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="lock beside the store"), locked(tmp_path / "no" / "lock"):
        pass
    with pytest.raises(InputError, match="lock beside the store"):
        _take(1_000_000, tmp_path / "lock")  # as a file system answers that knows no locks
