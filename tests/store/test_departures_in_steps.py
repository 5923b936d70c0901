"""Behind an old backup there may be very many departures: they are made up for in short steps."""

from __future__ import annotations

import sqlite3
import time

import pytest

from newsletter.errors import PausedError
from newsletter.store import Store, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.folder import backup as backups
from newsletter.store.folder import departures
from tests.support.store_samples import LATER, NOW, look, people, store_with, suppress, url_in

PAGE = Evidence(source="page")


def address(number: int) -> str:
    return f"reader{number}@example.org"


@pytest.fixture
def behind(tmp_path, monkeypatch):
    """A store as an old backup was, beside the lines of all that people have done since."""
    with store_with(tmp_path, people(9)) as store:
        backups.backup(store, tmp_path / "copy.db")
        copy = (tmp_path / "copy.db").read_bytes()
        handles = {one.email: one.handle for one in subscribers.each(store)}
        for number in (1, 2, 3):
            store.departures.leave(handles[address(number)], PAGE, now=LATER)
        subscribers.come_back(store, handles[address(2)], PAGE, now=LATER)
        suppress(store, address(4), reason="soft bounces", now=LATER)
        suppress(store, address(5), reason="bounced", now=LATER)
        subscribers.allow(store, address(5), PAGE, now=LATER)
        subscribers.erase(store, address(3), now=LATER)
        subscribers.allow(store, address(4), PAGE, now=LATER)
        suppress(store, address(4), reason="complained", now=LATER)
        suppress(store, "stranger@example.org", reason="complained", now=LATER)
        store.departures.leave("0" * 24, PAGE, now=LATER)
        # Somebody else keeps the database, and who leaves now stands in the file alone.
        monkeypatch.setattr(store.departures, "_hurried_until", float("inf"))
        store.departures.leave(handles[address(6)], PAGE, now=LATER)
    return tmp_path, copy


def restored(root, copy):
    for end in ("", "-wal", "-shm"):
        (root / f"newsletter.db{end}").unlink(missing_ok=True)
    (root / "newsletter.db").write_bytes(copy)


def known(root):
    """All that the lines have done: people, what keeps them out, handles, and the number."""
    return [
        look(root, question)
        for question in (
            "select email, status from subscribers order by 1",
            "select address_hash, reason from suppressions order by 1",
            "select handle from left_handles",
            "select event, count(*) from consents group by 1",
            "pragma user_version",
        )
    ]


def test_it_is_the_same_in_however_many_steps(behind, monkeypatch):
    root, copy = behind
    found = []
    for step in (1000, 5, 3, 1):
        monkeypatch.setattr(departures, "_STEP", step)
        restored(root, copy)
        with Store.open(url_in(root)) as store:
            found.append((store.departures.kept_out, known(root)))
            assert not store.departures.behind
    assert found[1:] == found[:1] * 3
    states = dict(found[0][1][0])
    assert {name for name, state in states.items() if state == "unsubscribed"} == {
        address(1), address(6),
    }  # fmt: skip
    assert address(3) not in states
    assert sorted(reason for _, reason in found[0][1][1]) == ["complained", "complained", "erased"]


def test_others_get_their_turn_between_two_steps_and_know_of_all_who_left(behind, monkeypatch):
    root, copy = behind
    restored(root, copy)
    lines = len(next(root.glob("left-*.log")).read_text().splitlines())
    counted = []

    def between(_: float) -> None:
        with sqlite3.connect(root / "newsletter.db", timeout=0) as other:
            counted.append(other.execute("pragma user_version").fetchone()[0])
            other.execute("begin immediate")  # nobody holds the store
            other.rollback()
        if len(counted) == 2:
            with store_of_another() as another:
                subscribers.remove(another, address(9), now=NOW)
            counted.append(look(root, "pragma user_version")[0][0])

    def store_of_another() -> Store:
        monkeypatch.setattr(departures, "_STEP", 1000)
        return Store.open(url_in(root))

    monkeypatch.setattr(departures, "_STEP", 2)
    monkeypatch.setattr(time, "sleep", between)
    with Store.open(url_in(root)) as store:
        assert not store.departures.behind
    assert counted[:3] == [2, 4, lines + 1]
    assert (address(9), "unsubscribed") in known(root)[0]


def test_what_writes_anything_else_makes_up_for_all_at_once(behind, monkeypatch):
    root, copy = behind
    restored(root, copy)
    lines = len(next(root.glob("left-*.log")).read_text().splitlines())

    def interrupted(_: float) -> None:
        raise PausedError("another program writes")

    monkeypatch.setattr(departures, "_STEP", 2)
    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", interrupted)
        store = Store.open(url_in(root))
    with store:
        assert store.departures.behind
        assert look(root, "pragma user_version") == [(2,)]
        with store.writing() as connection:
            assert connection.exec_driver_sql("pragma user_version").scalar() == lines
