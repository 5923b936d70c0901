"""`newsletter db restore`, and the backups that are made without being asked for."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sqlite3
import sys

import pytest

from newsletter.store import Store, subscribers, suppressions
from newsletter.store.folder import backup as backups
from newsletter.store.folder.backup import keep
from newsletter.store.revisions import HEAD
from newsletter.store.sqlite import files
from tests.support import readers
from tests.support.beside_the_program import spoil
from tests.support.cli_fixtures import Folder, snapshot
from tests.support.commands import installed, script
from tests.support.commands import started as starting
from tests.support.ports import free_port
from tests.support.raw_records import raw
from tests.support.schedule_fixtures import (
    approved,
    at,
    folder,
    owned,
    plain_environment,
    post,
    ready,
    store_of,
)
from tests.support.store_samples import (
    NOW,
    new_store,
    old_store,
    people,
    store_with,
    subscriber_count,
    suppress,
)
from tests.support.terminal import Terminal

__all__ = ["approved", "at", "folder", "owned", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes


def database(newsletter):
    return newsletter.root / ".newsletter/newsletter.db"


def opened(backup):
    return Store.open(f"sqlite:///{backup}", read_only=True)


def counts(path):
    """How many people a file has, and how many lists they came with."""
    with raw(path) as records:
        question = "select (select count(*) from subscribers), (select count(*) from imports)"
        return records.execute(question).fetchone()


def kept(newsletter):
    return sorted((newsletter.root / ".newsletter/backups").glob("*"))


def add(newsletter, address):
    ran = newsletter.run("subscribers", "add", address, "--consent-source", "a mail")
    assert ran.code == 0, ran.err


@pytest.fixture
def copy(ready: Folder):
    assert ready.run("db", "backup", "copy.db").code == 0
    return ready.root / "copy.db"


# --- restored --------------------------------------------------------------------------------


def test_it_shows_what_would_be_lost_and_keeps_the_records_from_before(ready, copy):
    add(ready, "late@example.org")
    ran = ready.run("db", "restore", "copy.db", "--yes")
    assert (ran.code, ran.out) == (0, "restored\n")
    assert [line.split() for line in ran.err.splitlines() if line.startswith("people")] == [
        ["people", "26", "25"]
    ]
    assert counts(database(ready)) == (25, 1)
    [aside] = kept(ready)
    assert str(aside) in ran.err
    assert (aside.stat().st_mode & 0o777, aside.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert database(ready).stat().st_mode & 0o777 == 0o600
    assert counts(aside) == (26, 1)
    assert copy.exists()
    assert not list(database(ready).parent.glob(".restored*"))


@pytest.mark.parametrize(
    ("words", "typed", "code"),
    [(("--no-input",), None, 2), ((), None, 2), ((), "yes\n", 3), ((), "restore\n", 0)],
)
def test_it_is_not_done_unasked(ready, copy, words, typed, code):
    add(ready, "late@example.org")
    if typed is not None:
        ready.patch.setattr(sys, "stdin", Terminal(typed))
    ran = ready.run(*words, "db", "restore", "copy.db")
    assert ran.code == code
    assert counts(database(ready)) == (25 if code == 0 else 26, 1)


@pytest.mark.parametrize("bad", ["missing", "empty", "text", "torn", "other", "newer", "itself"])
def test_what_is_no_good_backup_changes_nothing(ready, copy, bad):
    file = {"missing": "nowhere.db", "itself": ".newsletter/newsletter.db"}.get(bad, "copy.db")
    if bad == "empty":
        copy.write_bytes(b"")
    if bad == "text":
        copy.write_bytes(b"not a database" * 1000)
    if bad == "torn":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    if bad in {"other", "newer"}:
        with raw(copy) as connection:
            if bad == "newer":
                connection.execute("update alembic_version set version_num = '9999'")
            else:
                connection.execute("drop table deliveries")
    before = snapshot(ready.root)
    ran = ready.run("db", "restore", file, "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert file in ran.error
    assert ran.hint
    after = snapshot(ready.root)
    assert {name for name in after if "copy" not in name} == {
        name for name in before if "copy" not in name
    }
    assert counts(database(ready)) == (25, 1)


@pytest.mark.parametrize("state", ["missing", "no folder", "damaged", "text", "with a stale log"])
def test_records_that_are_missing_or_damaged_are_replaced(ready, copy, state):
    path = database(ready)
    log = path.with_name(f"{path.name}-wal")
    with store_of(ready) as store:  # open, so that the log is not folded
        assert subscribers.remove(store, readers.people(store)[0].email, now=NOW)
        stale = log.read_bytes()
    for file in path.parent.glob("left-*.log"):
        file.unlink()
    if state == "no folder":
        shutil.rmtree(path.parent)
    elif state in {"missing", "with a stale log"}:
        path.unlink()
    elif state == "damaged":
        data = bytearray(path.read_bytes())
        data[100:] = os.urandom(len(data) - 100)
        path.write_bytes(data)
    else:
        path.write_text("not a database")
    if state == "with a stale log":
        log.write_bytes(stale)
    ran = ready.run("db", "restore", "copy.db", "--yes")
    assert ran.code == 0, ran.err
    rows = re.findall(r"^(?:people|last change) +(\S+)  ", ran.err, re.MULTILINE)
    assert rows == ["?" if state in {"damaged", "text"} else "none"] * 2
    assert counts(database(ready)) == (25, 1)
    assert {one.status for one in ready.people()} == {"active"}
    assert ready.run("status").code == 0
    if state in {"damaged", "text"}:
        assert len(kept(ready)) == 1


def test_a_copy_made_by_hand_takes_its_log_with_it(ready):
    with store_of(ready) as store:  # open, so that the log is not folded
        suppress(store, "late@example.org", reason="blocked", now=NOW)
        for end in ("", "-wal"):
            shutil.copy(f"{database(ready)}{end}", f"{ready.root / 'raw.db'}{end}")
    assert (ready.root / "raw.db-wal").stat().st_size
    before = (ready.root / "raw.db").read_bytes()
    assert ready.run("db", "restore", "raw.db", "--yes").code == 0
    with ready.records() as store:
        assert suppressions.reason(store, "late@example.org") == "blocked"
    assert (ready.root / "raw.db").read_bytes() == before


def test_who_left_since_the_backup_stays_out(ready, copy):
    address = ready.people()[0].email
    assert ready.run("subscribers", "remove", address).code == 0
    ran = ready.run("db", "restore", "copy.db", "--yes")
    assert ran.code == 0
    assert "1 person unsubscribed after" in ran.err
    assert ready.status_of(address) == "unsubscribed"


def test_links_that_were_signed_since_the_backup_still_open(ready, copy):
    assert ready.run("db", "rotate-key").code == 0
    keys = ready.untold("signing_keys", "id", "secret")
    assert len(keys) == 3
    assert ready.run("db", "restore", "copy.db", "--yes").code == 0
    assert ready.untold("signing_keys", "id", "secret") == keys


def test_an_older_version_s_backup_is_upgraded_afterwards(ready, tmp_path):
    (tmp_path / "older").mkdir()
    old_store(tmp_path / "older", "0004", empty=True)
    ran = ready.run("db", "restore", str(tmp_path / "older" / "newsletter.db"), "--yes")
    assert ran.code == 0
    assert "next: newsletter db upgrade" in ran.err
    assert ready.run("db", "upgrade").code == 0
    assert ready.run("status").code == 0
    names = [path.name for path in kept(ready)]
    assert len(names) == 2  # of the restore, and of the upgrade
    with raw(kept(ready)[-1]) as old:
        assert old.execute("select version_num from alembic_version").fetchall() == [("0004",)]
    assert ready.untold("alembic_version", "version_num") == [(HEAD,)]


def test_another_newsletter_s_backup_buries_no_records_that_are_in_use(ready, tmp_path):
    (tmp_path / "other").mkdir()
    with new_store(tmp_path / "other", people(3)) as store:
        backups.backup(store, tmp_path / "other.db")
    other = str(tmp_path / "other.db")
    address = ready.people()[0].email
    assert ready.run("subscribers", "remove", address).code == 0
    ran = ready.run("db", "restore", other, "--yes")
    assert ran.code == 8
    assert "a backup of other records" in ran.error
    assert counts(database(ready)) == (25, 1)
    database(ready).unlink()
    assert ready.run("db", "restore", other, "--yes").code == 0
    assert len(ready.people()) == 3


def test_not_while_a_send_or_another_program_has_them(ready, copy):
    with store_of(ready) as store:
        with store.lock():
            assert ready.run("db", "restore", "copy.db", "--yes").code == 7
        subscriber_count(store)  # an open connection, as a server has it
        ran = ready.run("db", "restore", "copy.db", "--yes")
        assert ran.code == 7
        assert "another program has these records open" in ran.error
        add(ready, "late@example.org")
    assert counts(database(ready)) == (26, 1)
    assert kept(ready) == []
    assert ready.run("db", "restore", "copy.db", "--yes").code == 0


def test_a_server_that_answers_readers_keeps_it_out(ready, copy):
    with starting(ready.root, "serve", "--port", str(free_port())) as server:
        while "serving on" not in (line := server.stderr.readline()):
            assert line
        done = script(ready.root, "db", "restore", "copy.db", "--yes")
    assert done.returncode == 7
    assert "end what uses them, such as newsletter serve" in done.stderr


def test_a_full_disk_leaves_the_records_as_they_are(ready, copy):
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    before = snapshot(ready.root)
    done = installed(ready.root, "db", "restore", "copy.db", "--yes", preexec_fn=small)
    assert done.returncode in {2, 6}, done.stderr
    assert "Traceback" not in done.stderr
    assert {n: d for n, d in snapshot(ready.root).items() if "lock" not in n} == {
        n: d for n, d in before.items() if "lock" not in n
    }


def test_it_says_which_issue_goes_on_only_by_a_person_s_word(post):
    newsletter = post.newsletter
    assert newsletter.send("--limit", "5").code == 6
    assert newsletter.run("db", "backup", "five.db").code == 0
    assert newsletter.send("--limit", "7").code == 6
    ran = newsletter.run("db", "restore", "five.db", "--yes")
    assert ran.code == 0
    assert "5 of 12 attempts" in ran.err
    assert "newsletter send --issue 74 --restored" in ran.err
    assert newsletter.send().code == 8
    assert post.due().code == 8
    assert newsletter.send("--restored").code == 9
    assert len(set(post.readers)) == len(post.readers) == 25


# --- made by themselves ----------------------------------------------------------------------


def test_a_backup_without_a_name_lies_beside_the_records_and_five_are_kept(ready, at):
    for day in range(1, 8):
        at(f"2026-11-{day:02} 08:00")
        ran = ready.run("db", "backup")
        assert ran.code == 0
        assert ran.out == f"{ready.root}/.newsletter/backups/newsletter-202611{day:02}T080000Z.db\n"
    assert ready.run("db", "backup").code == 0  # in the same second
    (database(ready).parent / "backups/mine.db").write_text("mine")
    names = [path.name for path in kept(ready)]
    assert names == [
        "mine.db",
        *(f"newsletter-202611{day:02}T080000Z.db" for day in (4, 5, 6)),
        "newsletter-20261107T080000Z-2.db",
        "newsletter-20261107T080000Z.db",
    ]
    modes = {path.stat().st_mode & 0o777 for path in kept(ready)[1:]}
    assert modes == {0o600}
    assert kept(ready)[0].parent.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_process_left_half_written_goes_after_a_day(tmp_path):
    store = store_with(tmp_path, people(1))
    # As an older version has left them; test_drafts.py has those of today.
    for name, age in (("old", 2 * 86_400), ("new", 60)):
        path = backups.folder_of(tmp_path / "newsletter.db") / f".newsletter-x.db.{name}"
        path.write_text("half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    made = keep(store, now=NOW)
    store.close()
    assert sorted(path.name for path in made.parent.glob("*newsletter-*")) == [
        ".newsletter-x.db.new",
        made.name,
    ]


def test_each_run_is_backed_up_once_before_its_first_claim_and_goes_on_from_there(post):
    newsletter = post.newsletter
    assert newsletter.send("--limit", "5").code == 6
    [made] = kept(newsletter)
    assert newsletter.send("--limit", "5").code == 6
    assert kept(newsletter) == [made]
    with opened(made) as copy:
        assert [(one.state, one.attempt) for one in readers.outcomes(copy)] == [("queued", 0)] * 25
    assert newsletter.run("db", "restore", str(made), "--yes").code == 0
    assert newsletter.send().code == 8
    assert newsletter.send("--restored").code == 9
    assert len(set(post.readers)) == len(post.readers) == 25


def test_a_rehearsal_makes_none(approved):
    assert approved.send().code == 0
    assert not (database(approved).parent / "backups").exists()


def test_without_room_for_a_backup_the_issue_still_goes_and_that_is_said(post, monkeypatch):
    real = files.copy

    def full(source, target):
        real(source, target)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(files, "copy", full)
    ran = post.newsletter.send()
    assert ran.code == 0
    assert "warning: no backup was made before this send" in ran.err
    assert kept(post.newsletter) == []
    assert len(post.readers) == 25


def test_damaged_records_send_nothing(post):
    path = database(post.newsletter)
    spoil(path, "ix_consents_address_hash")
    ran = post.newsletter.send()
    assert ran.code == 2
    assert "the records are damaged, so no backup was made" in ran.error
    assert post.readers == []
