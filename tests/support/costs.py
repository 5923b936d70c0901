"""What the tests cost: processor and wall seconds of each tier, and the dearest tests.

Processor time is what counts: it is the same on a busy machine. It is that of the test's process and
of everything below it, such as a browser, the command or a compiler, also while they still run.
"""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiers import TIERS, starts_nothing, tier_of

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What one test took, in seconds."""

    test: str
    tier: str
    processor: float
    wall: float


#: Filled where the reports arrive.
_costs: list[Cost] = []


def processor_seconds() -> float:
    """Used so far by this process, and by all that it has started and they have started."""
    if not (_PROC / "self/task").is_dir():  # macOS: only what has ended is known
        return sum(os.times()[:4])
    ticks, left = 0, [os.getpid()]
    while left:
        process = _PROC / str(left.pop())
        try:
            # The name, in parentheses, may hold anything; user and system time follow twice.
            fields = (process / "stat").read_text("latin-1").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
            for thread in (process / "task").iterdir():
                left += map(int, (thread / "children").read_text().split())
        except (OSError, ValueError):
            continue  # it has ended meanwhile; whoever waited for it has its time
    return ticks / _TICK


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure a test with its set-up and tear-down; the last report carries it."""
    item.stash[_BEGAN] = (_spent(item), time.monotonic())
    return (yield)


def _spent(item: pytest.Item) -> float:
    """Where a test starts nothing, there is nothing to look for below this process."""
    return time.process_time() if starts_nothing(item) else processor_seconds()


_BEGAN = pytest.StashKey[tuple[float, float]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The cost goes with the reports, from xdist's workers too."""
    report = yield
    if report.when == "teardown":
        processor, wall = item.stash[_BEGAN]
        cost = (tier_of(item), _spent(item) - processor, time.monotonic() - wall)
        report.user_properties.append(("cost", cost))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep it."""
    if report.when == "teardown":
        found: Any = dict(report.user_properties)["cost"]
        _costs.append(Cost(report.nodeid, *found))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each tier, and the dearest tests by processor and by wall."""
    if not terminalreporter.config.getoption("--costs"):
        return
    terminalreporter.section("costs")
    for tier in TIERS:
        own = [cost for cost in _costs if cost.tier == tier]
        processor, wall = sum(cost.processor for cost in own), sum(cost.wall for cost in own)
        line = f"{tier:10} {len(own):5} tests {processor:7.1f} s of processor {wall:7.1f} s of wall"
        terminalreporter.write_line(line)
    for word in ("processor", "wall"):
        terminalreporter.write_line(f"the {_SHOWN} that took the most {word} time:")
        dearest = sorted(_costs, key=operator.attrgetter(word), reverse=True)
        for cost in dearest[:_SHOWN]:
            terminalreporter.write_line(f"{getattr(cost, word):7.1f} s {cost.test}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option."""
    parser.addoption("--costs", action="store_true", help="say what the tests cost")
