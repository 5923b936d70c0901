"""What coverage watches, and what it need not: threads of servers, and tests that count nothing.

Watching costs half as much again as running, in every frame of every library. So a thread is not
watched that a test's own servers run in (`untraced`): no line of the program is executed there.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: CPython 3.11 lets one thread at a time install a trace function, and raises in the others ("while
#: another trace function is being installed"): such a thread is dead. So they do it in turn.
IN_TURN = threading.RLock()
_SECONDS = 5

_start = threading.Thread.start
_here = threading.local()


@contextmanager
def untraced() -> Iterator[None]:
    """Threads that begin in the block are not watched, nor are those that they begin."""
    before, _here.untraced = _is_untraced(), True
    try:
        yield
    finally:
        _here.untraced = before


def _is_untraced() -> bool:
    return getattr(_here, "untraced", False)


def _start_in_turn(thread: threading.Thread) -> None:
    """Coverage installs its function as the thread begins; the next one begins after that."""
    if threading.gettrace() is None:
        _start(thread)
        return
    begun, run, free = threading.Event(), thread.run, _is_untraced()

    def running() -> None:
        if free:
            _here.untraced = True
            sys.settrace(None)
        begun.set()
        del thread.__dict__["run"]
        run()

    thread.run = running  # type: ignore[method-assign]
    with IN_TURN:
        _start(thread)
        begun.wait(_SECONDS)


threading.Thread.start = _start_in_turn  # type: ignore[method-assign,assignment]
