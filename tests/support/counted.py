"""Which tests coverage counts, as counting takes as long again as half of the test.

It leaves out those marked `uncounted`: others reach every line that they reach. Of a test with many
cases it leaves out the rest once several in a row have reached nothing new.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import coverage
import pytest

from tests.support.traced_threads import IN_TURN

#: Cases in a row. A case that only a later one would reach is missed, so they are not few.
_SEVERAL = 5
#: What a case runs on, such as the database: it has code of its own, for all the cases it is given.
_GROUND = ("dialect", "way_in")

_in_vain: Counter[tuple[str, ...]] = Counter()


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


def _reached() -> int:
    """How many lines and branches have been reached so far, in this process."""
    measuring = coverage.Coverage.current()
    collector = getattr(measuring, "_collector", None)
    return sum(map(len, list(collector.data.values()))) if collector else 0


def cases_of(item: pytest.Item) -> tuple[str, ...]:
    """The name that the cases of a test share, on the same ground; () where it has no cases."""
    given = getattr(getattr(item, "callspec", None), "params", None)
    if given is None:
        return ()
    return (item.nodeid.partition("[")[0], *(str(given.get(name)) for name in _GROUND))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A case is watched, with its fixtures, unless those before it were in vain."""
    cases = cases_of(item)
    if sys.gettrace() is None or not cases:
        return (yield)
    if _in_vain[cases] >= _SEVERAL:
        with _unwatched():
            return (yield)
    before = _reached()
    result = yield
    _in_vain[cases] = 0 if _reached() > before else _in_vain[cases] + 1
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures are watched always: those of a module serve its other tests, too."""
    if sys.gettrace() is None or not item.get_closest_marker("uncounted"):
        return (yield)
    with _unwatched():
        return (yield)
