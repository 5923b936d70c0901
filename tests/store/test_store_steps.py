"""No write transaction is large: counted in rows, for whatever concerns a whole list or run."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from newsletter.audience import eligible
from newsletter.delivery import State
from newsletter.store import (
    Store,
    batches,
    consents,
    deliveries,
    filling,
    freezing,
    imports,
    runs,
    subscribers,
)
from newsletter.store.sqlite.maintenance import empty_log
from tests.support.effort import either
from tests.support.store_samples import (
    LATER,
    NOW,
    a_content,
    a_row,
    look,
    people,
    store_with,
    url_in,
)

MANY = either(3_000, 20_000)
STEP = 1000
#: A person is a row here, one in the consent log, a tag, and a row that leaves the stage.
MOST = 4 * STEP + 10


class Counted:
    """How many rows each write transaction of a store has changed."""

    def __init__(self, store: Store) -> None:
        self.changes: list[int] = []
        self._begun: dict[int, int] = {}
        engine = store.engine
        sa.event.listen(engine, "begin", self._begin)
        sa.event.listen(engine, "commit", self._commit)

    def _begin(self, connection: sa.Connection) -> None:
        plain = connection.connection.driver_connection
        assert isinstance(plain, sqlite3.Connection)
        self._begun[id(plain)] = plain.total_changes

    def _commit(self, connection: sa.Connection) -> None:
        plain = connection.connection.driver_connection
        assert isinstance(plain, sqlite3.Connection)
        self.changes.append(plain.total_changes - self._begun.pop(id(plain)))


@pytest.fixture
def small(monkeypatch):
    """Steps of a thousand rows at most, and no waiting between them."""
    monkeypatch.setattr(batches, "MOST", STEP)
    monkeypatch.setattr(filling, "_MOST", STEP)
    monkeypatch.setattr(imports, "_MOST", STEP)
    monkeypatch.setattr(batches, "_PAUSE", 0.0)
    monkeypatch.setattr(batches, "_LEAST_PAUSE", 0.0)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A store with a long list, made once: its file, to be copied."""
    folder = tmp_path_factory.mktemp("many")
    with store_with(folder, people(MANY)) as store:
        assert empty_log(store)
    return (folder / "newsletter.db").read_bytes()


@pytest.fixture
def store(tmp_path, many, small):
    (tmp_path / "newsletter.db").write_bytes(many)
    with Store.open(url_in(tmp_path)) as store:
        yield store


def start(store: Store, *, rehearsal: bool = False):
    return freezing.start(
        store, a_content(), rehearsal=rehearsal, transport="ses", eligible=eligible(), now=NOW
    )


def make(folder: Path, *states: str) -> None:
    """Bring every delivery into a state, past the program."""
    with contextlib.closing(sqlite3.connect(folder / "newsletter.db")) as database:
        for state in states:
            claims = ", attempt = attempt + 1, claimed_at = 'now'" if state == "claimed" else ""
            database.execute(f"update deliveries set state = ?{claims}", (state,))  # fixed words
        database.commit()


def test_an_import(tmp_path, small):
    rows = [a_row(f"r{n}@example.org", tags=frozenset({"beta"})) for n in range(MANY)]
    with store_with(tmp_path, []) as store:
        counted = Counted(store)
        assert imports.add(store, rows, source="test", now=NOW).added == MANY
        assert 0 < max(counted.changes) <= MOST
        assert sum(counted.changes) > 4 * MANY
        known = [a_row(row.email, name="New") for row in rows]
        assert imports.add(store, known, source="test", now=LATER).updated == MANY
        assert max(counted.changes) <= MOST
    assert look(tmp_path, "select count(*) from staged_rows") == [(0,)]


def test_freezing_and_forgetting_a_rehearsal(store):
    counted = Counted(store)
    start(store, rehearsal=True)
    assert STEP // 2 <= max(counted.changes) <= STEP + 10
    assert freezing.clear_rehearsal(store, 74) == MANY
    assert max(counted.changes) <= STEP + 10
    assert sum(counted.changes) >= 2 * MANY


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("states", "action", "expected"),
    [
        (("claimed",), lambda store, run: deliveries.recover(store, run, now=LATER), "unknown"),
        (("claimed", "deferred"), deliveries.requeue, "queued"),
        (
            ("claimed", "refused"),
            lambda store, run: deliveries.retry(store, run, now=LATER),
            "queued",
        ),
        (
            ("claimed", "deferred"),
            lambda store, run: deliveries.retry(store, run, now=LATER),
            "queued",
        ),
        (
            ("claimed", "unknown"),
            lambda store, run: deliveries.risk(store, run, now=LATER),
            "queued",
        ),
        (
            ("claimed", "unknown"),
            lambda store, run: deliveries.assume(store, run, now=LATER),
            "assumed",
        ),
    ],
    ids=["recover", "requeue", "retry refused", "retry deferred", "risk", "assume"],
)
def test_a_state_that_changes_for_everybody(tmp_path, store, states, action, expected):
    run = start(store)
    make(tmp_path, *states)
    counted = Counted(store)
    assert action(store, run) == MANY
    assert STEP // 2 <= max(counted.changes) <= STEP + 10
    assert runs.counts(store, run).by_state == {State(expected): MANY}


def test_erasing_and_forgetting_visitors(tmp_path, store):
    with contextlib.closing(sqlite3.connect(tmp_path / "newsletter.db")) as database:
        database.execute("drop trigger consents_visitor")
        database.execute("update consents set ip = '192.0.2.1'")
        database.commit()
    counted = Counted(store)
    assert consents.forget_visitors(store, before=LATER) == MANY
    assert STEP // 2 <= max(counted.changes) <= STEP
    counted.changes.clear()
    assert subscribers.erase(store, "reader5@example.org", now=LATER) == (True, True)
    assert max(counted.changes) < 10


def test_one_large_transaction_would_be_seen(store, monkeypatch):
    monkeypatch.setattr(batches, "MOST", 10**9)
    monkeypatch.setattr(batches, "FIRST", 10**9)
    counted = Counted(store)
    start(store, rehearsal=True)
    assert max(counted.changes) >= MANY


# --- how large a step is ---------------------------------------------------------------------


class Disk:
    """A clock that goes on by what each row takes to write, and hears how long the pauses are."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now


def rows_of(store, disk, per_row, times):
    paced = batches.Batches(store, clock=disk.clock, sleep=disk.pauses.append)
    sizes = []
    for _ in range(times):
        with paced.writing():
            disk.now += per_row * paced.rows
        sizes.append(paced.rows)
    return sizes


@pytest.mark.parametrize(
    ("per_row", "rows"), [(1e-3, 100), (1e-4, 1000), (5e-5, 2000), (1e-7, 5000), (1.0, 100)]
)
def test_a_step_takes_a_tenth_of_a_second_on_any_disk(tmp_path, per_row, rows):
    disk = Disk()
    with store_with(tmp_path, []) as store:
        sizes = rows_of(store, disk, per_row, 12)
    assert sizes[-1] == pytest.approx(rows, rel=0.02)


def test_others_get_their_turn_after_every_step(tmp_path):
    disk = Disk()
    with store_with(tmp_path, []) as store:
        rows_of(store, disk, 1e-4, 5)
    assert len(disk.pauses) == 4
    assert min(disk.pauses) >= 0.015
    assert disk.pauses[-1] == pytest.approx(0.02, rel=0.1)


def test_one_slow_flush_halves_a_step_and_no_more(tmp_path):
    disk = Disk()
    with store_with(tmp_path, []) as store:
        paced = batches.Batches(store, clock=disk.clock, sleep=disk.pauses.append)
        with paced.writing():
            disk.now += 30
        assert paced.rows == batches.FIRST // 2
