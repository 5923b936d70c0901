"""A restored backup knows who has left since: from a file beside the database."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from newsletter.errors import InputError
from newsletter.ses.event_format import read_event
from newsletter.store import Store, imports, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.folder import backup as backups
from newsletter.store.signing_keys import address_hash, address_key
from newsletter.store.suppressions import suppress
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.ses_events import SOURCE, Sent, bounce
from tests.support.store_samples import (
    LATER,
    NOW,
    a_row,
    look,
    new_store,
    people,
    store_with,
    url_in,
)

__all__ = ["folder", "plain_environment", "ready"]

ADDRESSES = [f"reader{n}@example.org" for n in range(1, 7)]


def remembered(root) -> list[str]:
    """The kinds in the file beside a database, line by line."""
    return [line[0] for path in root.glob("left-*.log") for line in path.read_text().splitlines()]


def restore(root, copy):
    for name in ("newsletter.db", "newsletter.db-wal", "newsletter.db-shm"):
        (root / name).unlink(missing_ok=True)
    (root / "newsletter.db").write_bytes(copy)


def state_of(root):
    """Status and suppression of everybody."""
    question = """select email, status, coalesce(reason, '') from subscribers
        left join suppressions using (address_hash) order by email"""
    return {email: (status, reason) for email, status, reason in look(root, question)}


def read(text):
    found = read_event(text)
    assert found is not None
    return found


@pytest.fixture
def backed_up(tmp_path):
    """A store, and a copy of it from before six people left in six ways."""
    with store_with(tmp_path, people(7)) as store:
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        handles = {one.email: one.handle for one in subscribers.each(store)}
        store.departures.leave(handles[ADDRESSES[0]], Evidence(source="page"), now=LATER)
        subscribers.remove(store, ADDRESSES[1], now=LATER)
        subscribers.erase(store, ADDRESSES[2], now=LATER)
        store.feedback.record(
            [read(bounce("Permanent", "NoEmail", Sent(to=ADDRESSES[3])))], now=LATER, sender=SOURCE
        )
        imports.add(
            store, [a_row(ADDRESSES[4], suppression="complained")], source="list", now=LATER
        )
        store.departures.leave(handles[ADDRESSES[5]], Evidence(source="page"), now=LATER)
        subscribers.come_back(store, handles[ADDRESSES[5]], Evidence(source="page"), now=LATER)
    return tmp_path, copy


def test_whoever_has_left_after_the_backup_stays_out_when_it_is_restored(backed_up):
    root, copy = backed_up
    restore(root, copy)
    assert set(state_of(root).values()) == {("active", "")}
    with Store.open(url_in(root)) as store:
        assert store.departures.kept_out == 5
    assert state_of(root) == {
        ADDRESSES[0]: ("unsubscribed", ""),
        ADDRESSES[1]: ("unsubscribed", ""),
        ADDRESSES[3]: ("active", "bounced"),
        ADDRESSES[4]: ("active", "complained"),
        ADDRESSES[5]: ("active", ""),
        "reader7@example.org": ("active", ""),
    }
    [(reason,)] = look(root, "select reason from suppressions where reason = 'erased'")
    assert reason == "erased"
    with Store.open(url_in(root)) as store:
        assert store.departures.kept_out == 0  # once


def test_a_file_that_cannot_be_looked_at_is_named(backed_up):
    root, _ = backed_up
    [path] = root.glob("left-*.log")
    path.unlink()
    path.symlink_to(path.name)  # a circle
    with pytest.raises(InputError, match="who has left cannot be told") as refused:
        Store.open(url_in(root))
    assert refused.value.hint


def test_the_file_holds_no_address(backed_up):
    root, _ = backed_up
    [path] = root.glob("left-*.log")
    assert b"@" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


def test_whoever_was_let_in_after_the_backup_stays_out_with_it(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        subscribers.remove(store, ADDRESSES[0], now=LATER)
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        subscribers.allow(store, ADDRESSES[0], Evidence(source="a mail"), now=LATER)
    restore(tmp_path, copy)
    with Store.open(url_in(tmp_path)) as store:
        assert store.departures.kept_out == 0
    assert state_of(tmp_path) == {ADDRESSES[0]: ("unsubscribed", "")}


def test_a_bounce_that_is_forgiven_does_not_bring_back_who_left(tmp_path):
    """Status and suppression are two things, and the last word about one is none about both."""
    with store_with(tmp_path, people(1)) as store:
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        subscribers.remove(store, ADDRESSES[0], now=LATER)
        with store.writing() as connection:
            key = address_key(connection)
            hashed = address_hash(ADDRESSES[0], key)
            suppress(connection, hashed, reason="soft bounces", now=LATER)
            connection.exec_driver_sql("delete from suppressions")
    assert remembered(tmp_path) == ["u", "s", "j"]
    restore(tmp_path, copy)
    Store.open(url_in(tmp_path)).close()
    assert state_of(tmp_path) == {ADDRESSES[0]: ("unsubscribed", "")}


def test_a_link_that_nobody_was_known_for_is_remembered_too(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        imports.add(store, [a_row("late@example.org")], source="list", now=LATER)
        late = subscribers.find(store, "late@example.org")
        assert late is not None
    restore(tmp_path, copy)
    with Store.open(url_in(tmp_path)) as store:  # it does not know whom the link is for
        store.departures.leave(late.handle, Evidence(source="page"), now=LATER)
    restore(tmp_path, copy)
    with Store.open(url_in(tmp_path)) as store:
        added = imports.add(store, [a_row("late@example.org")], source="list", now=LATER)
        assert (added.added, added.kept_out) == (0, 1)


def test_what_is_undone_leaves_no_line(tmp_path):
    with store_with(tmp_path, people(2)) as store:
        with contextlib.suppress(ZeroDivisionError), store.writing() as connection:
            connection.exec_driver_sql("update subscribers set status = 'unsubscribed'")
            raise ZeroDivisionError
        assert remembered(tmp_path) == []
        subscribers.remove(store, ADDRESSES[1], now=LATER)
    assert remembered(tmp_path) == ["u"]


@pytest.mark.parametrize("first", [True, False])
def test_after_a_transaction_that_was_undone_each_departure_is_a_line(tmp_path, first):
    """Also when it was the first one of its connection."""
    store_with(tmp_path, people(2)).close()
    with Store.open(url_in(tmp_path)) as store:
        if not first:
            imports.add(store, [a_row("one@example.org")], source="list", now=NOW)
        for _ in range(2):
            with contextlib.suppress(ZeroDivisionError), store.writing():
                raise ZeroDivisionError
        subscribers.remove(store, ADDRESSES[1], now=LATER)
    assert remembered(tmp_path) == ["u"]


def test_a_line_torn_by_a_power_cut_is_written_over(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        subscribers.remove(store, ADDRESSES[0], now=LATER)
        [path] = tmp_path.glob("left-*.log")
        with path.open("ab") as stream:
            stream.write(b"u 00")
        subscribers.remove(store, ADDRESSES[1], now=LATER)
    assert remembered(tmp_path) == ["u", "u"]
    restore(tmp_path, copy)
    with Store.open(url_in(tmp_path)) as store:
        assert store.departures.kept_out == 2


def test_a_lost_file_is_begun_anew_at_its_place(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        subscribers.remove(store, ADDRESSES[0], now=LATER)
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        for path in tmp_path.glob("left-*.log"):
            path.unlink()
        subscribers.remove(store, ADDRESSES[1], now=LATER)
    assert remembered(tmp_path) == ["-", "u"]
    restore(tmp_path, copy)
    with Store.open(url_in(tmp_path)) as store:
        assert store.departures.kept_out == 1


def test_another_store_in_the_same_folder_has_a_file_of_its_own(tmp_path):
    with new_store(tmp_path, people(2)) as store:
        subscribers.remove(store, ADDRESSES[0], now=LATER)
    (tmp_path / "newsletter.db").unlink()
    with new_store(tmp_path, people(2)) as store:
        assert store.departures.kept_out == 0
        subscribers.remove(store, ADDRESSES[1], now=LATER)
    assert len(list(tmp_path.glob("left-*.log"))) == 2
    assert look(tmp_path, "select count(*) from suppressions") == [(0,)]


def test_nobody_is_told_that_they_left_where_it_cannot_be_written(tmp_path):
    with store_with(tmp_path, people(2)) as store:
        subscribers.remove(store, ADDRESSES[0], now=LATER)
        [path] = tmp_path.glob("left-*.log")
        path.unlink()
        path.mkdir()
        with pytest.raises(InputError, match="who has left cannot be written down"):
            subscribers.remove(store, ADDRESSES[1], now=LATER)
    assert state_of(tmp_path)[ADDRESSES[1]] == ("active", "")


@pytest.mark.processes
def test_the_command_says_so_and_the_next_send_leaves_them_out(ready: Folder):
    copy = ready.root / "copy.db"
    assert ready.run("db", "backup", str(copy)).code == 0
    handle, address = ready.people()[0][:2]
    with contextlib.closing(sqlite3.connect(ready.root / ".newsletter/newsletter.db")) as open_one:
        assert open_one.execute("pragma user_version").fetchall() == [(0,)]
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        store.departures.leave(handle, Evidence(source="page"), now=NOW)
    restore(ready.root / ".newsletter", copy.read_bytes())
    ran = ready.send()
    assert ran.code == 0
    assert "1 person unsubscribed after" in ran.err
    assert len(ready.mails()) == 24
    assert address not in json.dumps([path.read_text("utf-8") for path in ready.mails()])
