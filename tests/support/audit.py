"""What this process does, heard by those who watch for it: sys.addaudithook, for all of them once.

A hook cannot be taken out again, and is called for every event there is, `id()` included: three hooks
took a fiftieth of all quick tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection

Listener = Callable[[str, tuple[object, ...]], None]

_listeners: dict[str, list[Listener]] = {}


def listen(events: Collection[str], listener: Listener) -> None:
    """Call a function with each event of some kinds, to the end; what it raises stops the act."""
    for event in events:
        _listeners.setdefault(event, []).append(listener)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event in _listeners:
        for listener in _listeners[event]:
            listener(event, arguments)


sys.addaudithook(_hook)
