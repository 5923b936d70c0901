"""Locks of the whole store as leases in rows: what holds over machines and lost connections.

What this process claims it claims under a lease, too: the one it sends by, or its own as a worker.
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

from newsletter import clocks
from newsletter.errors import LockedError, PausedError, Place
from newsletter.store.database import SENDING_LOCK, WORKER_LOCK
from newsletter.store.hurry import Hurry
from newsletter.store.postgres.schema import leases
from newsletter.store.processes import lives

#: Seconds a lease lasts, and after how many it is renewed.
LASTS: Final = 60
RENEWED: Final = 10
#: How often it is renewed when its holder is to stop, and how soon that is heard.
_HURRIED: Final = 2.0
_LOOK: Final = 0.5
#: So long before its end, as its holder reckons it, nothing is handed over under a lease any more.
_MARGIN: Final = 5
#: So long after its end nothing can be under way that was handed over under it: an answer is waited
#: for a minute at most.
GRACE: Final = 70

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_NUMBERS: Final = Path("/proc/self/ns/pid")
_UNTIL: Final = sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, LASTS)
_RUNS: Final = leases.c.until > sa.func.clock_timestamp()
_GONE: Final = leases.c.until < sa.func.clock_timestamp() - sa.func.make_interval(
    0, 0, 0, 0, 0, 0, GRACE
)

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
        hurry: whether this process is to stop.
    """

    def __init__(self, place: Place, *, write: Begin, renew: Begin, hurry: Hurry) -> None:
        self._place, self._write, self._renew_in = place, write, renew
        self._hurry = hurry
        self._held: dict[str, str] = {}
        #: When each was known to run, by this machine's clock.
        self._known: dict[str, float] = {}

    @contextlib.contextmanager
    def lock(self, name: str, doing: str) -> Iterator[None]:
        """Hold a lock; it is renewed by a thread of its own meanwhile.

        Raises:
            LockedError: held already; the message names by whom.
        """
        token, asked = secrets.token_hex(16), clocks.seconds()
        if name == WORKER_LOCK:  # each worker has one of its own
            name = f"{WORKER_LOCK}{token}"
        with self._write() as connection:
            connection.execute(_FORGET)
            self._take(connection, name, token, doing)
        self._held[name], self._known[token] = token, asked
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
            del self._held[name], self._known[token]
            _TOKENS.discard(token)
            # A lease that cannot be given back ends by itself.
            faults = (sa.exc.DBAPIError, sa.exc.TimeoutError)
            with contextlib.suppress(*faults), self._renew_in() as connection:
                mine = sa.and_(leases.c.name == name, leases.c.token == token)
                connection.execute(sa.delete(leases).where(mine))

    def holder(self, connection: sa.Connection, name: str) -> str:
        """Who holds a lock, as "pid 7 on host"; "" when nobody does."""
        row = connection.execute(_row(name)).one_or_none()
        return "" if row is None or _is_over(row) else _called(row)

    def expect_held(self, connection: sa.Connection) -> None:
        """Refuse to go on once a lease that this process had has ended.

        Raises:
            PausedError: one has.
        """
        held = set(self._held.values())
        if not held:
            return
        # Whoever takes it over keeps out all writers, so it stays this process's until the commit.
        mine = sa.select(leases.c.token).where(leases.c.token.in_(held), _RUNS)
        if set(connection.execute(mine).scalars()) != held:
            raise PausedError(
                "this process was silent for a minute, so it no longer sends from these records",
                place=self._place,
                hint="run the same command again; it goes on with what is left",
            )

    def leads(self) -> bool:
        """Whether it has not only a worker's lease."""
        held = set(self._held)
        return SENDING_LOCK in held or not held

    def claimer(self) -> str:
        """The lease that this process claims under: its own as a worker, else the one to send."""
        held = dict(self._held)
        sending = held.pop(SENDING_LOCK, "")
        return next(iter(held.values()), sending)

    def may_hand_over(self) -> bool:
        """Whether that lease runs for certain, as this machine's clock says it."""
        known = self._known.get(self.claimer())
        return known is None or clocks.seconds() < known + LASTS - _MARGIN

    def under_way(self, connection: sa.Connection) -> frozenset[str]:
        """The leases under which something may be under way, on whichever machine."""
        rows = connection.execute(sa.select(leases, _RUNS.label("runs"), _GONE.label("gone")))
        return frozenset(row.token for row in rows if not row.gone and not _died(row))

    def workers(self, connection: sa.Connection) -> dict[str, str]:
        """Who works now, as "pid 7 on host", by the lease."""
        mine = leases.c.name.startswith(WORKER_LOCK, autoescape=True)
        rows = connection.execute(
            sa.select(leases, _RUNS.label("runs")).where(mine).order_by(leases.c.until)
        )
        # One whose lease was lost with its connections has another, while the first still lasts.
        newest = {
            (row.host, row.boot, row.pid): (row.token, _called(row))
            for row in rows
            if not _is_over(row)
        }
        return dict(newest.values())

    def leader(self, connection: sa.Connection) -> dict[str, str]:
        """Who holds the lock for sending and is no worker, as "pid 7 on host", by the lease."""
        row = connection.execute(_row(SENDING_LOCK)).one_or_none()
        if row is None or _is_over(row):
            return {}
        mine = leases.c.host == row.host, leases.c.boot == row.boot, leases.c.pid == row.pid
        works = sa.select(leases.c.name).where(
            leases.c.name.startswith(WORKER_LOCK, autoescape=True), *mine
        )
        return {} if connection.execute(works).first() else {row.token: _called(row)}

    def _take(self, connection: sa.Connection, name: str, token: str, doing: str) -> None:
        row = connection.execute(_row(name)).one_or_none()
        if row is not None and not _is_over(row):
            raise LockedError(
                f"another run is {doing} this store ({_called(row)})",
                place=self._place,
                hint="wait until it is finished; newsletter status tells how far it is",
            )
        values = {
            "token": token, "host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(),
            "until": _UNTIL,
        }  # fmt: skip
        # Not changed: whoever gives back an ended lease late could take the changed one away.
        connection.execute(sa.delete(leases).where(leases.c.name == name))
        connection.execute(sa.insert(leases).values(name=name, **values))

    def _renew(self, name: str, token: str, ended: threading.Event) -> None:
        mine = sa.update(leases).where(leases.c.name == name, leases.c.token == token, _RUNS)
        while not self._is_time(ended):
            asked = clocks.seconds()
            # While the database is away the next time counts; the lease may end, and claims too.
            with contextlib.suppress(sa.exc.DBAPIError, sa.exc.TimeoutError):
                with self._renew_in() as connection:
                    if not connection.execute(mine.values(until=_UNTIL)).rowcount:
                        return
                self._known[token] = asked

    def _is_time(self, ended: threading.Event) -> bool:
        """Wait for the next renewal; whether the lease has ended instead.

        It is renewed more often once this process is to stop: that tells whether the database
        answers, so that nobody waits for one that does not.
        """
        waited = 0.0
        while waited < (_HURRIED if self._hurry.begun() else RENEWED):
            if ended.wait(_LOOK):
                return True
            waited += _LOOK
        return ended.is_set()


#: Workers that nothing has been heard of for long.
_FORGET: Final = sa.delete(leases).where(
    leases.c.name.startswith(WORKER_LOCK, autoescape=True),
    leases.c.until < sa.func.clock_timestamp() - sa.func.make_interval(0, 0, 0, 1),
)


def _called(row: sa.Row[Any]) -> str:
    return f"pid {row.pid} on {row.host}"


def _row(name: str) -> sa.Select[Any]:
    return sa.select(leases, _RUNS.label("runs")).where(leases.c.name == name)


def _is_over(row: sa.Row[Any]) -> bool:
    """Whether a lease has ended, or its holder on this machine died or could not give it back."""
    return not row.runs or _died(row)


def _died(row: sa.Row[Any]) -> bool:
    """Whether the holder of a lease was on this machine, and is no more."""
    here = (row.host, row.boot) == (socket.gethostname(), _boot())
    if here and row.pid == os.getpid():
        return row.token not in _TOKENS
    return here and not lives(row.pid)


def _boot() -> str:
    """What tells this start of this machine from others, "" where the system does not say.

    Containers of one machine number their processes each by itself, so that is part of it.
    """
    try:
        return f"{_BOOT.read_text('ascii').strip()} {_NUMBERS.readlink()}"
    except OSError:
        return ""
