"""A long list is written as often as it has to be, however large the records are beside memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.store import batches, imports
from newsletter.store.sqlite import engine
from tests.support.store_samples import NOW, a_row, people, store_with

MANY = 3000
COUNTED = Path("/proc/self/io")


@pytest.mark.skipif(not COUNTED.exists(), reason="the system does not count what is written")
def test_a_step_writes_each_page_once_and_nothing_beside_the_records(tmp_path, monkeypatch):
    """Handles lie in the order of no list: a small memory writes a page for each of its rows."""
    monkeypatch.setattr(engine, "_CACHE", 100)
    monkeypatch.setattr(batches, "FIRST", MANY + 1)  # one step, however busy the machine is
    others = [a_row(f"other{n}@example.org") for n in range(MANY)]
    with store_with(tmp_path, people(MANY)) as store:
        log = tmp_path / "newsletter.db-wal"
        before, length = written(), log.stat().st_size
        assert imports.add(store, others, source="fair", now=NOW).added == MANY
        bytes_written = written() - before
        grown = log.stat().st_size - length
    size = (tmp_path / "newsletter.db").stat().st_size
    assert bytes_written < grown + size // 10
    assert grown < size


def written() -> int:
    """How many bytes this process has written."""
    found = dict(line.split(": ") for line in COUNTED.read_text("ascii").splitlines())
    return int(found["wchar"])
