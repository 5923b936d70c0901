"""Which tests coverage counts: all but those marked `uncounted`.

Such a test runs unwatched, which takes a third less time. Others reach every line that it reaches:
it puts a matrix of cases, or what Hypothesis makes up, through what single tests go through too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.traced_threads import IN_TURN


@contextmanager
def _unwatched(coverage: Any) -> Iterator[None]:
    with IN_TURN:
        coverage.stop()
    try:
        yield
    finally:
        with IN_TURN:
            coverage.start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures are watched always: those of a module serve its other tests, too."""
    plugin = item.config.pluginmanager.getplugin("_cov")
    controller = plugin and plugin.cov_controller
    if not controller or not controller.started or not item.get_closest_marker("uncounted"):
        return (yield)
    with _unwatched(controller.cov):
        return (yield)
