"""Tests see records through the store or a command; SQL is for tests about the database itself.

`tests/support/readers.py` reads as the program does, `beside_the_program.py` has what nothing of it
tells or makes.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: Who says SQL all the same, and why.
PAST_THE_STORE = {
    "tests/campaign/checks.py": "what a crash has left, which opening the store would mend",
    "tests/campaign/fleet.py": "the same on a server, in one snapshot",
    "tests/cli/test_moving_records.py": "the same rows in two databases",
    "tests/cli/test_on_a_server.py": "tables of an older version, on a server",
    "tests/cli/test_restore.py": "a backup is a file of its own",
    "tests/cli/test_signup_numbers.py": "what is counted by day, on both databases",
    "tests/doctor/test_doctor.py": "records that a hand or an accident has changed",
    "tests/doctor/test_doctor_postgres.py": "the rights of a role",
    "tests/scenarios/test_life.py": "the oracle may not ask what it judges",
    "tests/scenarios/test_planted_bugs.py": "takes the guards of the database away",
    "tests/ses/test_event_owners.py": "the guard of the id",
    "tests/ses/test_event_poison.py": "a guard that refuses one event",
    "tests/support/beside_the_program.py": "what no command tells, and other programs",
    "tests/support/owned_events.py": "the same of events",
    "tests/support/postgres.py": "the door of a server",
    "tests/support/raw_records.py": "the door of a file",
    "tests/support/runs.py": "how a run stands in the middle of a claim",
    "tests/support/store_samples.py": "both doors, for tests that run on both",
    "tests/support/arriving.py": "whether letters are queued, asked hundreds of times",
    "tests/support/upgrades.py": "the tables of an older version",
    "tests/workers/": "leases, clocks and histories of a server, which nobody is told of",
}
OPENS = re.compile(
    r"sqlite3\.connect\(|psycopg\.connect\(|\bexec_driver_sql\(|raw_records import"
    r"|store_samples import (?:\([^)]*|.*)\b(?:look|by_hand)\b|\bserver(?:\(\))?\.ask\("
)


def test_only_who_has_a_reason_opens_the_database_past_the_store():
    opening = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and OPENS.search(path.read_text("utf-8"))
    }
    rooms = tuple(name for name in PAST_THE_STORE if name.endswith("/"))
    unlisted = {name for name in opening if not name.startswith(("tests/store/", *rooms))}
    assert unlisted | set(rooms) == set(PAST_THE_STORE)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite3.connect(path)", "postgres.server().ask(name, question)",
        "from tests.support.raw_records import raw",
        "from tests.support.store_samples import (\n    NOW,\n    look,\n)",
    ],
)  # fmt: skip
def test_each_of_these_is_seen(text):
    assert OPENS.search(text)
