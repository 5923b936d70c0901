"""Threads begin one after the other while coverage watches them.

Each installs a trace function as it begins. CPython 3.11 lets one thread at a time do so, and
raises in the others ("while another trace function is being installed"): such a thread is dead.
"""

from __future__ import annotations

import threading

_ALONE = threading.Lock()
_SECONDS = 5

_start = threading.Thread.start


def _start_alone(thread: threading.Thread) -> None:
    if threading.gettrace() is None:
        _start(thread)
        return
    begun, run = threading.Event(), thread.run

    def running() -> None:
        begun.set()
        del thread.__dict__["run"]
        run()

    thread.run = running  # type: ignore[method-assign]
    with _ALONE:
        _start(thread)
        begun.wait(_SECONDS)


threading.Thread.start = _start_alone  # type: ignore[method-assign,assignment]
