"""Three tiers of tests: quick ones, ones with processes, and campaigns.

quick      in this very process: no program is started, no port opened or called
processes  a command, a server or a browser runs beside the test
campaigns  crashes and long trials; a short form of each, and with `--long` all of it

A test is quick unless it, its class or its module is marked `processes`, `browser`, `slow` or `trials`.
Of a `sweep`, which puts many cases through one rule, the first is quick and the others are trials.
Nobody has to be believed: whatever starts something in a quick test fails it, and in one of the trials,
which put random cases or all real letters through what quick tests have one case of.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest

from tests.support import audit, effort

QUICK, PROCESSES, CAMPAIGNS = TIERS = ("quick", "processes", "campaigns")

_OUTSIDE = frozenset(
    {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
     "os.system", "pty.spawn", "socket.bind", "socket.connect"}
)  # fmt: skip


def tier_of(item: pytest.Item) -> str:
    """The tier a test is in."""
    if _has(item, "slow", "trials"):
        return CAMPAIGNS
    return PROCESSES if _has(item, "processes", "browser") else QUICK


def starts_nothing(item: pytest.Item) -> bool:
    """Whether a test runs in this very process and nowhere else."""
    return not _has(item, "processes", "browser", "slow")


def _has(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) for name in names)


_started: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _started is not None:
        told = arguments[1:] if event.startswith("socket.") else arguments[:1]
        _started.append(" ".join(map(str, (event, *told))))
        raise PermissionError(errno.EPERM, f"a quick test went outside: {_started[-1]}")


audit.listen(_OUTSIDE, _watch)


@contextmanager
def alone() -> Iterator[list[str]]:
    """Refuse every process and every port, in all threads; what was tried, in order."""
    global _started  # noqa: PLW0603  # the switch
    before, _started = _started, []
    try:
        yield _started
    finally:
        _started = before


def _begin_sweeps(items: list[pytest.Item]) -> None:
    """Leave one case of each sweep as it is; the others are trials."""
    begun: set[str] = set()
    for item in items:
        if not item.get_closest_marker("sweep"):
            continue
        name = item.nodeid.partition("[")[0]
        if name in begun:
            item.add_marker("trials")
        begun.add(name)


def _pooled(item: pytest.Item) -> bool:
    """Whether a test reaches its server through a pooler because it runs on everything."""
    return (
        isinstance(item, pytest.Function)
        and "pgbouncer" in getattr(getattr(item, "callspec", None), "params", {}).values()
    )


def _keep(
    config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], object]
) -> None:
    left = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=left)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that starts nothing is alone, its fixtures too."""
    if not starts_nothing(item):
        return (yield)
    with alone() as tried:
        item.stash[_TRIED] = tried
        return (yield)


_TRIED = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test that went outside fails, whatever became of the refusal."""
    yield
    if tried := item.stash.get(_TRIED, []):
        pytest.fail(f"{tried[0]}: a test that starts something is marked `processes`")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What to run of them."""
    parser.addoption("--long", action="store_true", help="long trials at their full length")
    parser.addoption("--tier", choices=TIERS, help="the tests of this tier only")


def pytest_configure(config: pytest.Config) -> None:
    """Test modules ask how long they may take while they are read."""
    effort.begin(long=config.getoption("--long"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those of the wanted tier, the long ones first, so that nobody waits for one alone."""
    _begin_sweeps(items)
    wanted = config.getoption("--tier")
    if not config.getoption("--long"):
        _keep(config, items, lambda item: item.get_closest_marker("pooled") or not _pooled(item))
    if wanted:
        _keep(config, items, lambda item: tier_of(item) == wanted)
    items.sort(key=lambda item: -TIERS.index(tier_of(item)))
