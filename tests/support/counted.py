"""Which tests coverage counts: all but those marked `uncounted`.

Such a test runs unwatched, which takes a third less time. Others reach every line that it reaches:
it puts a matrix of cases, or what Hypothesis makes up, through what single tests go through too.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

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
    if sys.gettrace() is None or not item.get_closest_marker("uncounted"):
        return (yield)
    with _unwatched():
        return (yield)
