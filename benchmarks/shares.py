"""Where the time of the processor goes: functions under a clock, and modules that are imported."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from figures import Share, note

_IMPORT: Final = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")
#: A library with less than so much of all is counted with the others.
_LEAST: Final = 0.03

#: A module or class, and the name of a function in it.
Place = tuple[Any, str]


class Timers:
    """Functions that note what they take of their thread's processor time.

    What a function calls that is under the clock as well counts there alone, so that all parts
    together are what the outermost functions take.

    Args:
        parts: which functions make up a part; they are replaced where they stand.
    """

    def __init__(self, parts: Mapping[str, Sequence[Place]]) -> None:
        self._own = threading.local()
        self._all: list[dict[str, float]] = []
        for part, places in parts.items():
            for owner, name in places:
                setattr(owner, name, self._timed(getattr(owner, name), part))

    def seconds(self) -> dict[str, float]:
        """What each part has taken so far."""
        total: dict[str, float] = defaultdict(float)
        for one in self._all:
            for part, took in one.items():
                total[part] += took
        return total

    def _timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        @functools.wraps(call)
        def timed(*args: Any, **named: Any) -> Any:
            own = self._own
            if not hasattr(own, "inner"):
                own.inner, own.seconds = [], defaultdict(float)
                self._all.append(own.seconds)
            own.inner.append(0.0)
            began = time.thread_time()
            try:
                return call(*args, **named)
            finally:
                took = time.thread_time() - began
                own.seconds[part] += took - own.inner.pop()
                if own.inner:
                    own.inner[-1] += took

        return timed


def imports(of: str, words: Sequence[str], folder: str, environ: Mapping[str, str]) -> None:
    """Note whose modules a cold command imports, and what is left for its own work.

    Args:
        of: what is divided.
        words: for this Python.
        folder: where it runs.
        environ: with what.
    """
    command = [sys.executable, "-X", "importtime", *words]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=dict(environ), check=True, capture_output=True, text=True
    )
    whole = (time.monotonic() - began) * 1000
    found: dict[str, float] = defaultdict(float)
    for microseconds, module in _IMPORT.findall(done.stderr):
        found[_owner(module)] += int(microseconds) / 1000
    for owner, took in [*found.items()]:
        if took < _LEAST * whole:
            found["importing others"] += found.pop(owner)
    found["its own work, and Python's start"] = whole - sum(found.values())
    for part, took in sorted(found.items(), key=lambda pair: -pair[1]):
        note(Share(of=of, part=part, cost=took, unit="ms"))


def _owner(module: str) -> str:
    top = module.partition(".")[0]
    if top == "newsletter":
        return "importing our own modules"
    if top in sys.stdlib_module_names:
        return "importing Python's library"
    return f"importing {top.lstrip('_')}"
