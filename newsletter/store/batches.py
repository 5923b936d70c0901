"""Work on very many rows as a row of short transactions, so that nobody waits long for the store.

Whoever presses unsubscribe, and a send that is running, need the store at the same time. So one
write transaction may keep it for a tenth of a second; after each, the others get their turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from newsletter.store.database import Database

#: Seconds a transaction should take, its commit included.
_WANTED: Final = 0.1
#: Rows of the first transaction, and the fewest and the most of any.
FIRST: Final = 500
_FEWEST: Final = 100
MOST: Final = 5000
#: The number of rows changes by this factor at most: one slow flush says little.
_FACTOR: Final = 2.0
#: The pause after a transaction, as a part of its length, and at least so many seconds. A writer
#: that waits looks every 10 ms (`database._begin_writing`).
_PAUSE: Final = 0.2
_LEAST_PAUSE: Final = 0.015


class Batches:
    """Write transactions of a size that fits the disk.

    Args:
        database: where.
        shared: whether others may do the same at the same time, see `Database.writing`.
        seconds: how long a transaction should take, its commit included.
        most: rows of any transaction at most, `MOST` unless it is given.
        clock: seconds; tests have one of their own.
        sleep: waits so many of them.

    Attributes:
        rows: how many rows the next transaction may touch.
    """

    def __init__(
        self,
        database: Database,
        *,
        shared: bool = False,
        seconds: float = _WANTED,
        most: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._shared = shared
        self._seconds = seconds
        self._most = MOST if most is None else most
        self._clock = clock
        self._sleep = sleep
        self._pause = 0.0
        self.rows = FIRST

    def look(self, query: sa.Select[Any]) -> int | None:
        """What a query finds, asked beside the writers; None for nothing."""
        with self._database.reading() as connection:
            found: int | None = connection.execute(query).scalar()
        return found

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One write transaction; the caller touches `rows` rows at most.

        How long it takes decides how many rows the next one gets. Before the next one begins,
        whoever waits is let in.

        Raises:
            NewsletterError: whatever the database complains about, translated.
        """
        if self._pause:
            self._sleep(self._pause)
        with self._database.writing(shared=self._shared) as connection:
            began = self._clock()
            yield connection
        took = self._clock() - began
        # Who writes to a server waits for those who write the same rows, and for nobody else.
        self._pause = 0.0 if self._database.backend.on_server else max(_LEAST_PAUSE, _PAUSE * took)
        factor = min(_FACTOR, max(1 / _FACTOR, self._seconds / max(took, 1e-6)))
        self.rows = min(self._most, max(_FEWEST, int(self.rows * factor)))
