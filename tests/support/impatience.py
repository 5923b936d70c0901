"""How long a PostgreSQL server's answer is waited for, wherever that is written down."""

from __future__ import annotations

from collections.abc import Callable

from newsletter.store.postgres import backend, engine, silence
from newsletter.store.postgres.connections import PatientConnection


def shorten(
    put: Callable[[object, str, float], object], *, answered: float, doubted: float
) -> None:
    """Give up a server that does not answer after other times.

    Args:
        put: `setattr`, or `monkeypatch.setattr`.
        answered: seconds in which it answers what needs no work.
        doubted: seconds after which it is doubted while it works.
    """
    for module in (silence, engine, backend):
        put(module, "ANSWERED", answered)
    put(PatientConnection, "patience", answered)
    put(silence, "DOUBTED", doubted)
