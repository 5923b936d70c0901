"""What one caller of `group_commit` waits for."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field

from newsletter.delivery import Delivery
from newsletter.errors import NewsletterError
from newsletter.store.settling import Settled


def _taken() -> threading.Lock:
    """A lock that somebody holds."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class Job:
    """What one caller waits for: deliveries to settle, and how many to claim.

    Attributes:
        called: given back when it is done, or when it is this caller's turn to write. A lock, for
            an event costs ten times as much.
        taken: the claimed deliveries, once it is done.
        error: why it failed.
        recorded: whether what it settles is on the disk.
    """

    run: int
    now: dt.datetime
    settled: tuple[Settled, ...] = ()
    wanted: int = 0
    called: threading.Lock = field(default_factory=_taken)
    done: bool = False
    taken: tuple[Delivery, ...] = ()
    error: NewsletterError | None = None
    recorded: bool = False
