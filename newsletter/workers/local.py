"""Drain an outbox here until it is empty, told to stop, or the transport refuses everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from newsletter.outbox import Outcome, Result

Ending = Literal["empty", "stopped", "limit", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a drain ended.

    Attributes:
        ending: "empty" when nothing is queued any more; "refused" when the transport said that
            the next mail would fail as well.
        accepted: mails handed over by this drain.
        reason: the transport's, when it refused.
    """

    ending: Ending
    accepted: int
    reason: str = ""


def drain(
    deliver_next: Callable[[], Outcome | None],
    *,
    limit: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
    told: Callable[[Outcome], None] = lambda _: None,
) -> Drained:
    """Deliver until there is a reason to end.

    Args:
        deliver_next: takes one delivery through all its steps; None when none is queued.
        limit: at most so many mails handed over.
        stopped: asked before every claim; what is in flight always finishes.
        told: hears every outcome, for progress.
    """
    accepted = 0
    while not stopped():
        if limit is not None and accepted >= limit:
            return Drained(ending="limit", accepted=accepted)
        outcome = deliver_next()
        if outcome is None:
            return Drained(ending="empty", accepted=accepted)
        told(outcome)
        if outcome.result is Result.NOT_SENT:
            return Drained(ending="refused", accepted=accepted, reason=outcome.reason)
        accepted += outcome.result is Result.ACCEPTED
    return Drained(ending="stopped", accepted=accepted)
