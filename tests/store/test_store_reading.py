"""A store opened for reading, and faults in the middle."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from newsletter.errors import InputError, NewsletterError, PausedError
from newsletter.store import Store, imports, runs, schema, subscribers
from tests.support.store_samples import (
    LATER,
    NOW,
    a_row,
    new_store,
    people,
    subscriber_count,
    suppress,
    url_in,
)


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.iterdir()
    }


# --- reading only ----------------------------------------------------------------------------


def test_reading_changes_not_one_byte_of_the_folder(tmp_path):
    new_store(tmp_path, people(3)).close()
    before = snapshot(tmp_path)
    assert {name for name in before if not name.startswith("left-")} == {"newsletter.db"}
    with Store.open(url_in(tmp_path), read_only=True) as store:
        assert subscriber_count(store) == 3
        assert runs.find_all(store) == ()
        # SQLite's own two files come and go.
        assert snapshot(tmp_path)["newsletter.db"] == before["newsletter.db"]
    assert snapshot(tmp_path) == before


KILLED = """
import os, signal, sys
from newsletter.store import Store, imports
from tests.support.store_samples import NOW, people
store = Store.open(sys.argv[1])
imports.add(store, people(5), source="test", now=NOW)
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_while_open(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", KILLED, url_in(folder)], check=False, env=environment)
    assert (folder / "newsletter.db-wal").stat().st_size


@pytest.mark.processes
def test_reading_after_a_crash_sees_all_and_changes_nothing(tmp_path):
    kill_while_open(tmp_path)
    before = snapshot(tmp_path)
    with Store.open(url_in(tmp_path), read_only=True) as store:
        assert subscriber_count(store) == 5
    assert snapshot(tmp_path) == before


def test_reading_beside_a_writer_sees_what_it_committed(tmp_path):
    with new_store(tmp_path, people(3)) as writer:
        before = snapshot(tmp_path)
        with Store.open(url_in(tmp_path), read_only=True) as reader:
            assert subscriber_count(reader) == 3
            after = snapshot(tmp_path)
            # -shm is the memory in which SQLite's processes tell each other what they read.
            assert before | {"newsletter.db-shm": after["newsletter.db-shm"]} == after
            imports.add(writer, [a_row()], source="test", now=LATER)
            assert subscriber_count(reader) == 4


@pytest.mark.processes
def test_incomplete_traces_of_a_crash_are_put_in_order_by_hand(tmp_path):
    kill_while_open(tmp_path)
    (tmp_path / "newsletter.db-shm").unlink()
    with pytest.raises(InputError, match="traces are incomplete") as caught:
        Store.open(url_in(tmp_path), read_only=True)
    assert str(caught.value.hint).startswith("newsletter db upgrade")
    schema.upgrade(url_in(tmp_path))
    with Store.open(url_in(tmp_path), read_only=True) as store:
        assert subscriber_count(store) == 5


WRITING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("create table beside (one)")
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def index(tmp_path):
    """What a program that has the records open tells others in: where the log's pages are."""
    new_store(tmp_path, people(5)).close()
    command = [sys.executable, "-c", WRITING, tmp_path / "newsletter.db"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        assert writer.stdout.readline()
        with (tmp_path / "newsletter.db-shm").open("r+b", buffering=0) as file:
            yield file
        writer.communicate()


@pytest.mark.processes
@pytest.mark.parametrize("ends", [True, False])
def test_an_index_that_is_being_begun_is_waited_for(tmp_path, monkeypatch, index, ends):
    """Whoever opens the records first begins it, and nobody who only looks may."""
    whole, waits = index.read(96), []
    os.pwrite(index.fileno(), bytes(len(whole)), 0)

    def wait(seconds):
        waits.append(seconds)
        if ends and len(waits) == 3:
            os.pwrite(index.fileno(), whole, 0)

    monkeypatch.setattr("newsletter.store.sqlite.read_only.time.sleep", wait)
    if ends:
        with Store.open(url_in(tmp_path), read_only=True) as store:
            assert subscriber_count(store) == 5
        assert len(waits) == 3
    else:
        with pytest.raises(InputError, match="traces are incomplete"):
            Store.open(url_in(tmp_path), read_only=True)


def test_a_store_opened_for_reading_takes_no_writes_and_no_lock(tmp_path):
    new_store(tmp_path, []).close()
    with Store.open(url_in(tmp_path), read_only=True) as store:
        with pytest.raises(NewsletterError, match="for reading only"):
            imports.add(store, people(1), source="test", now=NOW)
        with pytest.raises(NewsletterError, match="for reading only"), store.lock():
            pass


# --- faults in the middle --------------------------------------------------------------------


def tell(store: Store, pragma: str) -> None:
    """Say something to the one connection the store keeps open."""
    with store.engine.connect() as connection:
        connection.exec_driver_sql(pragma)


def test_a_full_disk_pauses_and_leaves_what_was_there(tmp_path):
    with new_store(tmp_path, people(3)) as store:
        tell(store, "PRAGMA max_page_count = 1")  # SQLite then answers as on a full disk
        with pytest.raises(PausedError, match="the disk is full") as caught:
            imports.add(store, people(3000), source="test", now=LATER)
        assert caught.value.cause == "database or disk is full"
        assert subscriber_count(store) == 3
        tell(store, "PRAGMA max_page_count = 1000000")
        assert imports.add(store, people(3000), source="test", now=LATER).added == 2997


def test_a_lock_of_another_program_pauses(tmp_path):
    with new_store(tmp_path, people(3)) as store:
        tell(store, "PRAGMA busy_timeout = 20")
        other = sqlite3.connect(tmp_path / "newsletter.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PausedError, match="kept the store locked"):
            suppress(store, "ada@example.org", reason="bounced", now=NOW)
        other.execute("ROLLBACK")
        other.close()
        assert suppress(store, "ada@example.org", reason="bounced", now=NOW)


def test_a_store_that_turned_unwritable_is_an_input_error(tmp_path):
    with new_store(tmp_path, people(3)) as store:
        tell(store, "PRAGMA query_only = 1")
        with pytest.raises(InputError, match="cannot be written"):
            suppress(store, "ada@example.org", reason="bounced", now=NOW)


def test_a_refused_statement_is_a_bug_that_names_nobody(tmp_path):
    nothing: Any = None
    rows = [a_row("ada@example.org", name=nothing)]
    with new_store(tmp_path, []) as store:
        with pytest.raises(NewsletterError) as caught:
            imports.add(store, rows, source="test", now=NOW)
        assert type(caught.value) is NewsletterError
        assert "IntegrityError" in str(caught.value.cause)
        assert "ada" not in f"{caught.value} {caught.value.cause} {caught.value.__cause__}"
        assert subscriber_count(store) == 0


def test_a_moment_without_a_time_zone_is_a_bug(tmp_path):
    naive = NOW.replace(tzinfo=None)
    with new_store(tmp_path, people(1)) as store:
        with pytest.raises(ValueError, match="time zone"):
            imports.add(store, people(2), source="test", now=naive)
        with pytest.raises(sa.exc.StatementError, match="time zone"):
            subscribers.remove(store, "reader1@example.org", now=naive)
