"""Which tests coverage counts: those without a browser and outside the campaigns.

A test that is not counted runs unwatched, which takes a third less time. Others reach the lines that it
reaches: it puts a matrix of cases, or what Hypothesis makes up, through what single tests go through
too. One that does so elsewhere is marked `uncounted`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from tests.support.tiers import CAMPAIGNS, tier_of
from tests.support.traced_threads import IN_TURN


@contextmanager
def _unwatched() -> Iterator[None]:
    # Coverage itself is not stopped: a worker of xdist has another one below, which would go on.
    here, in_threads = sys.gettrace(), threading.gettrace()
    with IN_TURN:
        sys.settrace(None)
        threading.settrace(None)
    try:
        yield
    finally:
        with IN_TURN:
            threading.settrace(in_threads)
            sys.settrace(here)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures are watched always: those of a module serve its other tests, too."""
    if sys.gettrace() is None or _is_counted(item):
        return (yield)
    with _unwatched():
        return (yield)


def _is_counted(item: pytest.Item) -> bool:
    apart = any(item.get_closest_marker(name) for name in ("uncounted", "browser"))
    return not apart and tier_of(item) != CAMPAIGNS
