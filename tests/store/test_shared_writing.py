"""Transactions that others share run side by side, on one machine too; who leaves comes between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from newsletter.errors import PausedError
from newsletter.store import Store, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.folder import departures
from tests.support.store_samples import LATER, people, store_with, url_in

PAGE = Evidence(source="page")

on_server = pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("dialect")]


@pytest.fixture
def store(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        yield store


@pytest.fixture
def late(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Whoever is first on the list leaves, and the database does not know it yet."""
    handle = next(subscribers.each(store)).handle

    def leave() -> None:
        monkeypatch.setattr(store.departures, "_hurried_until", float("inf"))
        store.departures.leave(handle, PAGE, now=LATER)

    return leave


def left(which: Store) -> list[str]:
    """Who has left, as seen inside."""
    gone = "select email from subscribers where status = 'unsubscribed'"
    with which.writing(shared=True) as connection:
        return list(connection.exec_driver_sql(gone).scalars())


@on_server
def test_those_of_one_process_and_of_two_meet_inside(store, tmp_path):
    met = threading.Barrier(3, timeout=60)

    def inside(which: Store) -> None:
        with which.writing(shared=True):
            met.wait()

    with Store.open(url_in(tmp_path)) as other, ThreadPoolExecutor(3) as pool:
        for one in [pool.submit(inside, which) for which in (store, store, other)]:
            one.result()


@on_server
def test_one_that_is_alone_waits_for_both(store, tmp_path, monkeypatch):
    monkeypatch.setattr(store.backend, "patience", 0.2)
    with Store.open(url_in(tmp_path)) as other, other.writing(shared=True):
        with pytest.raises(PausedError), store.writing():
            pytest.fail("somebody else is inside")
        with store.writing(shared=True):
            pass


def test_it_begins_when_whoever_has_left_is_known(store, late):
    assert left(store) == []
    late()
    assert left(store) == ["reader1@example.org"]


@on_server
def test_nobody_leaves_in_the_file_while_one_is_inside(store, tmp_path, late, monkeypatch):
    monkeypatch.setattr(departures, "_LOCK_SECONDS", 0.1)
    with (
        Store.open(url_in(tmp_path)) as other,
        other.writing(shared=True),
        pytest.raises(PausedError, match="keeps the list of those who left locked"),
    ):
        late()
    late()


@on_server
def test_several_that_find_somebody_left_do_not_wait_for_each_other(store, tmp_path, late):
    """Each makes up in a transaction of its own: none keeps what the others wait for."""
    with Store.open(url_in(tmp_path)) as other, ThreadPoolExecutor(4) as pool:
        late()
        seen = pool.map(left, (store, other, store, other))
        assert list(seen) == [["reader1@example.org"]] * 4
