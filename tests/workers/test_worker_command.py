"""`newsletter worker`, where there is nothing for it to do."""

from __future__ import annotations

import pytest

from newsletter.store import hurry
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


def test_records_in_a_file_are_refused_with_the_way_out(folder: Folder) -> None:
    folder.imported()
    ran = folder.run("worker", "--once")
    assert ran.code == 2
    assert "these are in a file" in ran.error
    assert "docs/scale.md" in ran.hint


def test_without_a_send_a_worker_ends_at_once_and_leaves_no_lease(folder: Folder) -> None:
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    assert folder.send("--limit", "5").code == 6  # a rehearsal, and limited: no worker's business
    ran = folder.run("worker", "--once")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "no issue is being sent that a worker could help with\n"
    assert postgres.server().ask(database, "select count(*) from leases") == [(0,)]
    sent = "select count(*) from deliveries where state = 'accepted'"
    assert postgres.server().ask(database, sent) == [(5,)]


def test_a_unit_keeps_a_worker_running(folder: Folder) -> None:
    ran = folder.run("worker", "--print", "systemd")
    assert ran.code == 0
    assert ran.out.startswith("# ~/.config/systemd/user/newsletter-worker.service\n")
    [command] = [line for line in ran.out.splitlines() if line.startswith("ExecStart=")]
    assert command.endswith(f" -C {folder.root} worker")
    # A stop lets what is in flight finish, a minute at most, and offers its answer for half of one.
    [patience] = [line for line in ran.out.splitlines() if line.startswith("TimeoutStopSec=")]
    assert int(patience.partition("=")[2]) > 60 + hurry.STOPPING
