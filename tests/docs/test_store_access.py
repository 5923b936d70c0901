"""Tests see records through the store or a command; SQL is for tests about the database itself."""

from __future__ import annotations

import re

from tests.conftest import ROOT

#: Who opens the database past the store all the same, and why.
PAST_THE_STORE = {
    "tests/campaign/checks.py": "what a crash has left, which opening the store would mend",
    "tests/cli/test_backup.py": "a backup is a file, and a damaged one too",
    "tests/cli/test_left_beside.py": "another program that writes",
    "tests/cli/test_moving_records.py": "the same rows in two databases",
    "tests/cli/test_restore.py": "the same",
    "tests/doctor/test_doctor.py": "records that a hand or an accident has changed",
    "tests/scenarios/test_planted_bugs.py": "takes the guards of the database away",
    "tests/ses/test_event_owners.py": "the guard of the id",
    "tests/ses/test_event_poison.py": "a guard that refuses one event",
    "tests/support/beside_the_program.py": "what no command tells, and other programs",
    "tests/support/cli_fixtures.py": "the question of a test that no command answers",
    "tests/support/raw_records.py": "the door for all of these",
    "tests/support/store_samples.py": "the same of a test without a newsletter",
    "tests/support/upgrades.py": "the tables of an older version",
}
OPENS = re.compile(r"sqlite3\.connect\(|\bexec_driver_sql\(|raw_records im[p]ort")


def test_only_who_has_a_reason_opens_the_database_past_the_store():
    opening = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if OPENS.search(path.read_text("utf-8"))
    }
    assert {path for path in opening if not path.startswith("tests/store/")} == set(PAST_THE_STORE)
