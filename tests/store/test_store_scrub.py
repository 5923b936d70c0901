"""Erasing leaves no byte of a person in the file, nor in the room between the rows of a page."""

from __future__ import annotations

import random
import sqlite3

import pytest

from newsletter.store import subscribers
from newsletter.store.sqlite import pages
from newsletter.store.sqlite.maintenance import empty_log
from tests.support.store_samples import LATER, NOW, a_row, look, people, store_with

PEOPLE = 600


@pytest.fixture(scope="module")
def worn(tmp_path_factory):
    """A store in which names have grown and shrunk, and people that stand in it twice."""
    folder = tmp_path_factory.mktemp("worn")
    store = store_with(folder, people(PEOPLE))
    chance = random.Random(1)  # the same at every run
    for _ in range(40):
        rows = [
            {"name": "m" * chance.randrange(1500), "id": chance.randrange(PEOPLE) + 1}
            for _ in range(60)
        ]
        with store.writing() as connection:
            connection.exec_driver_sql("update subscribers set name = :name where id = :id", rows)
    assert empty_log(store)
    data = (folder / "newsletter.db").read_bytes()
    twice = [
        email
        for email, handle in look(folder, "select email, handle from subscribers")
        if data.count(f"{handle}{email}".encode()) > 1
    ]
    yield folder, store, twice
    store.close()


def left(folder, email):
    names = ("newsletter.db", "newsletter.db-wal")
    return [name for name in names if f"{email}".encode() in (folder / name).read_bytes()]


def test_a_row_that_has_moved_leaves_a_copy_and_erasing_finds_it(worn):
    folder, store, twice = worn
    assert twice, "nothing to find: the test shows nothing"
    before = dict(look(folder, "select email, name || fields from subscribers"))
    gone = [*twice, "reader7@example.org"]
    for email in gone:
        assert subscribers.erase(store, email, now=LATER) == (True, True)
        assert left(folder, email) == []
    assert look(folder, "pragma integrity_check") == [("ok",)]
    after = dict(look(folder, "select email, name || fields from subscribers"))
    assert after == {email: rest for email, rest in before.items() if email not in gone}


def test_what_the_log_of_consent_keeps_of_somebody_without_a_name_is_no_rest(tmp_path):
    with store_with(tmp_path, [a_row("ada@example.org", name="")]) as store:
        assert subscribers.remove(store, "ada@example.org", now=NOW)
        assert subscribers.erase(store, "ada@example.org", now=LATER) == (True, True)


def test_what_cannot_be_reached_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "with_traces", lambda *_: [pages.Page((), 0, 0)])
    with store_with(tmp_path, people(2)) as store:
        assert subscribers.erase(store, "reader1@example.org", now=NOW) == (True, False)
        monkeypatch.undo()
        assert subscribers.erase(store, "reader1@example.org", now=NOW) == (False, True)


def test_every_connection_that_writes_overwrites_what_it_deletes(tmp_path):
    with store_with(tmp_path, people(1)) as store, store.writing() as connection:
        assert connection.exec_driver_sql("pragma secure_delete").scalar() == 1


@pytest.mark.parametrize("number", [0, 127, 128, 16383, 16384, 2**31, 2**56 - 1, 2**63])
def test_numbers_of_the_file_format_are_read(number):
    groups = []
    rest = number
    if number >= 1 << 56:
        groups.append(rest & 0xFF)
        rest >>= 8
        while len(groups) < 9:
            groups.append(rest & 0x7F | 0x80)
            rest >>= 7
    else:
        groups.append(rest & 0x7F)
        while rest := rest >> 7:
            groups.append(rest & 0x7F | 0x80)
    data = bytes(reversed(groups))
    assert pages._varint(data + b"x", 0) == (number, len(data))


def test_a_page_is_read_as_sqlite_counts_it(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("create table a (id integer primary key, b text)")
        connection.executemany("insert into a values (?, ?)", [(n, "x" * n) for n in range(1, 40)])
        connection.execute("delete from a where id in (5, 20)")
        connection.commit()
    data = (tmp_path / "a.db").read_bytes()
    page = pages.Page.read(data[4096:8192], first=False, reserved=data[20])
    assert page is not None
    assert sorted(page.rows) == [n for n in range(1, 40) if n not in {5, 20}]
    used = sum(n + 5 for n in page.rows) + 2 * len(page.rows) + 8
    assert abs(4096 - used - page.free) < 40
    schema = pages.Page.read(data[:4096], first=True, reserved=data[20])
    assert schema is not None
    assert schema.rows == (1,)
