"""Coverage watches all tests but those that say they are not counted, and no server of theirs."""

from __future__ import annotations

import contextlib
import sys
import threading

import pytest

from tests.support.traced_threads import untraced


def watched() -> bool:
    return sys.gettrace() is not None


def measuring(request: pytest.FixtureRequest) -> bool:
    """Whether coverage runs at all."""
    plugin = request.config.pluginmanager.getplugin("_cov")
    return bool(plugin and plugin.cov_controller)


def test_a_test_is_watched_where_coverage_is_measured(request):
    assert watched() == measuring(request)


@pytest.mark.parametrize(
    "_",
    [pytest.param(mark, marks=getattr(pytest.mark, mark)) for mark in ("uncounted", "trials")],
)
def test_what_says_so_and_trials_are_unwatched(_):
    assert not watched()


def test_counting_goes_on_after_a_test_that_was_not_counted(request):
    assert watched() == measuring(request)


@pytest.mark.uncounted  # or coverage's function would be in the way of this one's
@pytest.mark.parametrize(
    ("block", "seen"), [(contextlib.nullcontext, [True, True]), (untraced, [False, False])]
)
def test_a_thread_is_watched_unless_it_or_the_one_that_began_it_is_a_servers(block, seen):
    found: list[bool] = []

    def below() -> None:
        found.append(watched())

    def work() -> None:
        found.append(watched())
        thread = threading.Thread(target=below)
        thread.start()
        thread.join()

    before = threading.gettrace()
    threading.settrace(lambda *_: None)
    try:
        thread = threading.Thread(target=work)
        with block():
            thread.start()
        thread.join()
    finally:
        threading.settrace(before)
    assert found == seen
