"""One delivery claimed, and one settled, each in a transaction of its own.

What sends settles some and claims the next in one.
"""

from __future__ import annotations

import datetime as dt

from newsletter.delivery import Delivery, Outcome, Run
from newsletter.store import Store


def claim(store: Store, run: Run, *, now: dt.datetime) -> Delivery | None:
    """Take the next queued delivery, durably; None when none is left."""
    taken = store.settle_and_claim(run, (), 1, now=now)
    return taken[0] if taken else None


def settle(
    store: Store, run: Run, delivery: Delivery | None, outcome: Outcome, *, now: dt.datetime
) -> None:
    """Record what became of a claimed delivery, durably; raises as the store does."""
    assert delivery is not None
    store.settle_and_claim(run, [(delivery, outcome)], 0, now=now)
