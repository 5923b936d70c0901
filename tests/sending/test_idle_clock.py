"""The clock for idle connections: the one that counts a suspend, where there is one."""

from __future__ import annotations

import time

import pytest

from newsletter import clocks
from tests.conftest import require


def test_it_is_the_clock_that_goes_on_during_a_suspend(monkeypatch):
    require(hasattr(time, "CLOCK_BOOTTIME"), "no clock here counts a suspend")
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 7.0}.__getitem__)
    assert clocks.seconds() == 7.0


def test_where_there_is_none_it_is_the_monotonic_one(monkeypatch):
    monkeypatch.setattr(clocks, "_CLOCK", None)
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)
    assert clocks.seconds() == 7.0


@pytest.mark.parametrize("turns", [3])
def test_it_never_goes_back(turns):
    read = [clocks.seconds() for _ in range(turns)]
    assert read == sorted(read)
