"""Locks of the whole store as leases in rows: what holds over machines and lost connections.

A lock that PostgreSQL keeps for a session is gone with its connection, while the process still
believes that it has it. A lease ends by itself when its holder no longer renews it, and every claim
asks in its own transaction whether it still runs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from newsletter.errors import LockedError, PausedError, Place
from newsletter.store.database import SENDING_LOCK
from newsletter.store.postgres.schema import leases
from newsletter.store.processes import lives

#: Seconds a lease lasts, and after how many it is renewed.
LASTS: Final = 60
RENEWED: Final = 10

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_UNTIL: Final = sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, LASTS)
_RUNS: Final = leases.c.until > sa.func.clock_timestamp()

#: Tokens of the leases that this process holds, in whichever store.
_TOKENS: Final[set[str]] = set()

#: Begins a transaction.
Begin = Callable[[], AbstractContextManager[sa.Connection]]


class Leases:
    """The locks of one store that this process takes.

    Args:
        place: the database, for messages.
        write: begins a transaction that keeps other writers out.
        renew: begins one that waits for nobody.
    """

    def __init__(self, place: Place, *, write: Begin, renew: Begin) -> None:
        self._place, self._write, self._renew_in = place, write, renew
        self._held: dict[str, str] = {}

    @contextlib.contextmanager
    def lock(self, name: str, doing: str) -> Iterator[None]:
        """Hold a lock; it is renewed by a thread of its own meanwhile.

        Raises:
            LockedError: held already; the message names by whom.
        """
        token = secrets.token_hex(16)
        with self._write() as connection:
            self._take(connection, name, token, doing)
        self._held[name] = token
        _TOKENS.add(token)
        ended = threading.Event()
        thread = threading.Thread(
            target=self._renew, args=(name, token, ended), name=f"lease-{name}", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            del self._held[name]
            _TOKENS.discard(token)
            # A lease that cannot be given back ends by itself.
            with contextlib.suppress(sa.exc.DBAPIError), self._renew_in() as connection:
                mine = sa.and_(leases.c.name == name, leases.c.token == token)
                connection.execute(sa.delete(leases).where(mine))

    def holder(self, connection: sa.Connection, name: str) -> str:
        """Who holds a lock, as "pid 7 on host"; "" when nobody does."""
        row = connection.execute(_row(name)).one_or_none()
        return "" if row is None or _is_over(row) else f"pid {row.pid} on {row.host}"

    def expect_held(self, connection: sa.Connection) -> None:
        """Refuse to go on once the lease for sending, which this process had, has ended.

        Raises:
            PausedError: it has.
        """
        token = self._held.get(SENDING_LOCK)
        if token is None:
            return
        # Whoever takes it over keeps out all writers, so it stays this process's until the commit.
        mine = sa.select(leases.c.token).where(leases.c.token == token, _RUNS)
        if connection.execute(mine).first() is None:
            raise PausedError(
                "this process was silent for a minute, so it no longer sends from these records",
                place=self._place,
                hint="run the same command again; it goes on with what is left",
            )

    def _take(self, connection: sa.Connection, name: str, token: str, doing: str) -> None:
        row = connection.execute(_row(name)).one_or_none()
        if row is not None and not _is_over(row):
            raise LockedError(
                f"another run is {doing} this store (pid {row.pid} on {row.host})",
                place=self._place,
                hint="wait until it is finished; nothing needs to be removed",
            )
        values = {
            "token": token, "host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(),
            "until": _UNTIL,
        }  # fmt: skip
        if row is None:
            connection.execute(sa.insert(leases).values(name=name, **values))
        else:
            connection.execute(sa.update(leases).where(leases.c.name == name).values(values))

    def _renew(self, name: str, token: str, ended: threading.Event) -> None:
        mine = sa.update(leases).where(leases.c.name == name, leases.c.token == token, _RUNS)
        while not ended.wait(RENEWED):
            # While the database is away the next time counts; the lease may end, and claims too.
            with contextlib.suppress(sa.exc.DBAPIError), self._renew_in() as connection:
                if not connection.execute(mine.values(until=_UNTIL)).rowcount:
                    return


def _row(name: str) -> sa.Select[Any]:
    return sa.select(leases, _RUNS.label("runs")).where(leases.c.name == name)


def _is_over(row: sa.Row[Any]) -> bool:
    """Whether a lease has ended, or its holder on this machine died or could not give it back."""
    if not row.runs:
        return True
    here = (row.host, row.boot) == (socket.gethostname(), _boot())
    if here and row.pid == os.getpid():
        return row.token not in _TOKENS
    return here and not lives(row.pid)


def _boot() -> str:
    """What tells this start of this machine from every other; "" where the system does not say."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""
