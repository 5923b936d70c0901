"""Whoever has records open keeps SQLite's locks of them, whatever else looks into their file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from newsletter.doctor.folder import _is_store
from newsletter.doctor.subject import Subject
from newsletter.store import subscribers
from tests.support.store_samples import LATER, people, store_with

#: As any command does: it opens the records, looks, and takes away the log if it is the last one.
ANOTHER = """
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as connection:
    print(connection.execute("SELECT count(*) FROM subscribers").fetchone()[0])
"""


def another(path: Path) -> int:
    ran = subprocess.run(
        [sys.executable, "-c", ANOTHER, path], capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


@pytest.mark.processes
def test_the_log_stays_when_another_program_ends_after_somebody_was_erased(tmp_path):
    path = tmp_path / "newsletter.db"
    with store_with(tmp_path, people(3)) as store:
        assert subscribers.erase(store, "reader1@example.org", now=LATER) == (True, True)
        log = path.with_name("newsletter.db-wal")
        before = log.stat().st_ino
        assert another(path) == 2
        assert log.exists()
        assert log.stat().st_ino == before
        assert subscribers.remove(store, "reader2@example.org", now=LATER)
        assert another(path) == 2
    left = f"SELECT status FROM subscribers WHERE email = '{'reader2@example.org'}'"
    ran = subprocess.run(
        [sys.executable, "-c", ANOTHER.replace("SELECT count(*) FROM subscribers", left), path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == "unsubscribed"


def test_a_file_that_is_open_may_not_be_opened_by_the_program_again(tmp_path):
    another_one = cast("Subject", SimpleNamespace(database=tmp_path / "another.db"))
    with store_with(tmp_path, people(1)), pytest.raises(KeyboardInterrupt, match=r"newsletter\.db"):
        _is_store(another_one, tmp_path / "newsletter.db")
    assert _is_store(another_one, tmp_path / "newsletter.db")


def test_who_writes_one_after_another_writes_through_the_connection_that_knows_the_pages(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        with store.reading(), store.reading(), store.reading():
            pass  # now there are three connections
        through = []
        for _ in range(4):
            with store.writing() as connection:
                through.append(id(connection.connection.driver_connection))
    assert len(set(through)) == 1
