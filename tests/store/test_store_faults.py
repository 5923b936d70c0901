"""The disk runs full, another program locks the records, the clock jumps, two send at once."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsletter.errors import InputError, LockedError, PausedError
from newsletter.project.disk import unwritten
from newsletter.sending.run_log import RunLog
from newsletter.store.folder import lock
from newsletter.store.sqlite.engine import fault
from tests.campaign import checks, disk
from tests.campaign.disk import Disk, library
from tests.campaign.letters import FIRST, Letters, letters
from tests.campaign.servers import Server, serving
from tests.fake_ses import Fault
from tests.support.cli_fixtures import Ran
from tests.support.commands import HANGS
from tests.support.store_samples import NOW, people, store_with, subscriber_count

__all__ = ["library"]

SILENT = Fault(kind="stall", accept=True)


def expect_paused(ran: Ran, words: str) -> None:
    """Exit code 6 and one clear sentence with a way out; no traceback, no address."""
    assert ran.code == 6, ran.err
    assert words in ran.error
    assert "run the same command again" in ran.hint
    assert "Traceback" not in ran.err
    assert "@example.org" not in ran.out + ran.err.replace("wren@slackwater.example.org", "")


def expect_kept(made: Letters, server: Server, ran: Ran) -> checks.Snapshot:
    """Every promise is kept at the end of a run."""
    server.settle()
    ledger, now = server.ledger, made.look()
    found = [
        *checks.duplicates(ledger), *checks.unrecorded(ledger, now), *checks.invented(ledger, now),
        *checks.uncounted(now), *checks.lost(now), *checks.unsaid(ran.code, now),
    ]  # fmt: skip
    assert found == []
    return now


# --- the disk is full ------------------------------------------------------------------------


def moment(now: checks.Snapshot) -> str:
    """What could not be written, told from what is there."""
    if not now.runs:
        return "freeze"
    states = now.states()
    if states["claimed"]:
        return "settle"
    return "claim" if states["queued"] else "finish" if now.runs[FIRST] == "running" else "end"


@pytest.mark.processes
def test_a_full_disk_pauses_the_run_whenever_it_fills_up(tmp_path, library):
    with serving("ses", tmp_path) as server:
        made = letters(tmp_path / "healthy", server.environ, people=2)
        watched = Disk(made, library)
        watched.plug_in()
        assert made.send().code == 0
        points = disk.commits(watched.journal)
    met = set()
    for point in points:
        folder = tmp_path / f"full-{point}"
        folder.mkdir()
        met.add(fill_up(folder, library, point))
    assert met >= {"freeze", "claim", "settle", "finish"}


def fill_up(folder: Path, library: Path, point: int) -> str:
    """Send on a disk that is full from this write on, then with room again; what was not written."""
    with serving("ses", folder) as server:
        made = letters(folder / "letters", server.environ, people=2)
        watched = Disk(made, library, full_from=point)
        watched.plug_in()
        ran = made.send()
        now = made.look()
        what = moment(now)
        if what == "end":
            assert ran.code == 0, ran.err
        else:
            expect_paused(ran, "the disk is full")
            server.settle()
            assert checks.unrecorded(server.ledger, now) == []
        watched.unplug()
        again = made.send()
        after = expect_kept(made, server, again)
        assert checks.growth(now, after, issue=FIRST) == []
        assert len(server.ledger.mails) == 2
    return what


@pytest.mark.processes
def test_a_disk_that_is_full_before_anything_is_written_is_told_alike(tmp_path, library):
    with serving("ses", tmp_path) as server:
        made = letters(tmp_path / "letters", server.environ, people=2)
        full = Disk(made, library, full_from=-1)
        full.plug_in()
        expect_paused(made.send(), "the disk is full")
        full.unplug()
        expect_kept(made, server, made.send())
    assert len(server.ledger.mails) == 2


def test_a_lock_that_cannot_be_signed_for_a_full_disk_pauses(tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("newsletter.store.folder.lock.os.pwrite", full)
    with pytest.raises(PausedError, match="the disk is full"), lock.locked(tmp_path / "a.lock"):
        pass
    monkeypatch.undo()
    with lock.locked(tmp_path / "a.lock"):
        assert f"pid {os.getpid()} on " in (tmp_path / "a.lock").read_text("utf-8")


def test_a_log_that_finds_no_room_does_not_end_the_run(tmp_path):
    log = RunLog(tmp_path, "74-ses", lambda: NOW)
    log.path.unlink()
    log.path.symlink_to("/dev/full")
    with RunLog(tmp_path, "74-ses", lambda: NOW) as full:
        full.note("began")
        full.note("ended")
    with log:
        log.note("began")


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, PausedError, "the disk is full"),
        (errno.EDQUOT, PausedError, "the disk is full"),
        (errno.EACCES, InputError, "it cannot be written"),
    ],
)
def test_a_file_that_cannot_be_written_is_bad_input_unless_the_disk_is_full(number, kind, words):
    error = OSError(number, os.strerror(number))
    fault = unwritten(Path("a"), error, "it cannot be written", hint="mend it")
    assert type(fault) is kind
    assert str(fault) == f"a: {words}"


@pytest.mark.parametrize(
    ("code", "opening", "kind"),
    [
        (sqlite3.SQLITE_FULL, True, PausedError),
        (sqlite3.SQLITE_IOERR_SHMSIZE, True, PausedError),
        (sqlite3.SQLITE_IOERR, False, PausedError),
        (sqlite3.SQLITE_BUSY, False, PausedError),
        (sqlite3.SQLITE_BUSY, True, InputError),
        (sqlite3.SQLITE_NOTADB, True, InputError),
    ],
)
def test_what_the_database_says_has_a_kind(code, opening, kind):
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = code
    assert type(fault(error, Path("a"), opening=opening, seconds=30)) is kind


# --- the records are locked ------------------------------------------------------------------


@contextlib.contextmanager
def locked(made: Letters):
    """Another program writes, and does not come to an end."""
    with contextlib.closing(
        sqlite3.connect(made.store / checks.DATABASE, isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.processes
def test_records_locked_by_another_program_pause_the_run_before_it_begins(tmp_path):
    with serving("ses", tmp_path) as server:
        made = letters(tmp_path / "letters", server.environ, people=3)
        made.bugs = ("impatient",)
        with locked(made):
            expect_paused(made.send(), "another program kept the store locked")
        assert server.ledger.update() == 0
        assert made.look().runs == {}
        expect_kept(made, server, made.send())


@pytest.mark.processes
def test_records_locked_in_the_middle_of_a_run_pause_it(tmp_path):
    slow = Fault(kind="delay", seconds=1.5, requests=(2,))
    with serving("ses", tmp_path, slow) as server:
        made = letters(tmp_path / "letters", server.environ, people=4)
        made.bugs = ("impatient",)
        with made.sending() as process:
            server.wait(2)  # its outcome cannot be written down
            with locked(made):
                out, err = process.communicate(timeout=HANGS)
        expect_paused(Ran(process.returncode, out, err), "another program kept the store locked")
        before = made.look()
        assert before.states() == {"accepted": 1, "claimed": 1, "queued": 2}
        now = expect_kept(made, server, made.send())
        assert checks.growth(before, now, issue=FIRST) == []
        assert now.states() == {"accepted": 3, "unknown": 1}


# --- many at once in one process -------------------------------------------------------------


def test_stores_made_by_several_threads_at_once_are_all_whole(tmp_path):
    def make(number: int) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        with store_with(folder, people(number)) as store:
            return subscriber_count(store)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, range(1, 9))) == list(range(1, 9))


# --- the clock jumps -------------------------------------------------------------------------


@pytest.mark.processes
@pytest.mark.parametrize("begins", ["0", "7"])
def test_a_clock_that_jumps_by_days_changes_nothing(tmp_path, begins):
    with serving("ses", tmp_path) as server:
        made = letters(
            tmp_path / "letters", {**server.environ, "CLOCK_BEGINS": begins}, people=12,
            concurrency=2,
        )  # fmt: skip
        made.bugs = ("jumping_clock",)
        paused = made.send(FIRST, "--limit", "4")
        assert paused.code == 6, paused.err
        now = expect_kept(made, server, made.send())
        assert now.states() == {"accepted": 12}
    assert len(server.ledger.mails) == 12


# --- two senders -----------------------------------------------------------------------------


@pytest.mark.processes
def test_of_two_senders_one_sends_and_the_other_names_it(tmp_path):
    turned_away = rf"another run is sending from this store \(pid (\d+) on {socket.gethostname()}\)"
    trials = 6
    with serving("ses", tmp_path) as server:
        made = letters(tmp_path / "letters", server.environ, people=8, issues=trials)
        for issue in range(FIRST, FIRST + trials):
            assert server.ses is not None
            server.ses.script(SILENT, clear=True)
            there = server.ledger.update()
            with made.sending(issue) as one, made.sending(issue) as two:
                server.wait(there + 1)
                # Whoever came second has ended; the first waits for an answer that never comes.
                late, first = (one, two) if ended(one, two) is one else (two, one)
                out, err = late.communicate(timeout=HANGS)
                ran = Ran(late.returncode, out, err)
                assert ran.code == 7, ran.err
                named = re.search(turned_away, ran.error)
                assert named is not None, ran.error
                assert int(named[1]) == first.pid
                assert first.poll() is None
                first.kill()
            server.settle()
            server.ses.script(clear=True)
            before = made.look()
            again = made.send(issue)
            assert again.code == 9, again.err
            now = made.look()
            assert checks.growth(before, now, issue=issue) == []
            assert now.states()["unknown"] == issue - FIRST + 1
        ledger = server.ledger
        server.settle()
    assert checks.duplicates(ledger) == []
    assert checks.unrecorded(ledger, now) == []
    assert len(ledger.mails) == 8 * trials


@pytest.mark.processes
def test_who_is_turned_away_hears_of_the_living_holder_and_of_no_dead_one(tmp_path):
    path = tmp_path / "a.lock"
    dead = subprocess.Popen(["true"])
    dead.wait()
    with lock.locked(path):
        mine = path.read_text("utf-8")
        path.write_text(f"pid {dead.pid} on {socket.gethostname()}\n", "utf-8")
        with pytest.raises(LockedError, match="it has just started"), lock.locked(path):
            pass
        path.write_text(mine, "utf-8")
        with pytest.raises(LockedError, match=f"pid {os.getpid()} on "), lock.locked(path):
            pass


def ended(one, two):
    """The first of two processes to end."""
    while True:
        for process in (one, two):
            with contextlib.suppress(Exception):
                process.wait(timeout=0.02)
                return process
