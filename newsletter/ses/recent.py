"""Names that AWS gave lately: one that comes again is an answer to something else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection


class RecentNames:
    """The last names that were given; safe to share between threads.

    Args:
        most: how many are known again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        #: The oldest first. A dict would look for its first past all that were taken out.
        self._known: OrderedDict[str, None] = OrderedDict()

    def take(self, names: Collection[str]) -> bool:
        """Whether none of these was given before, nor two of them are the same; known from now."""
        with self._lock:
            new = len(set(names)) == len(names) and self._known.keys().isdisjoint(names)
            self._known.update(dict.fromkeys(names))
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return new
