"""Before a person decides about what is unknown: what do the events say by now?"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Final

from newsletter.cli.desk import Desk, clock
from newsletter.cli.feedback import queue_of, warn
from newsletter.cli.show import say
from newsletter.errors import RefusedError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.delivery import Run
    from newsletter.store import Store
    from newsletter.store.feedback import Coverage

#: How long the slowest event of a mail usually takes.
_PATIENCE: Final = dt.timedelta(minutes=15)


def reconcile(desk: Desk, store: Store, run: Run, *, patient: bool) -> dict[str, object]:
    """Fetch events, settle what they prove, and say how much they can be relied on.

    Args:
        desk: the newsletter.
        store: the records, locked.
        run: whose unknown deliveries a person is about to decide about.
        patient: whether to refuse while events may still be on their way.

    Returns:
        what was found, for the run's log; empty without an event source.

    Raises:
        AccountError: the queue cannot be read; nothing was decided.
        RefusedError: it is too early to tell, or the queue is not empty yet.
    """
    from newsletter.ses import events

    queue = None if run.rehearsal else queue_of(desk)
    if queue is None:
        return {}
    with contextlib.closing(queue):
        sums = events.pull(queue, store.feedback, clock, sender=desk.settings.sender.from_address)
        # What is about other records tells nothing about these.
        left = max(0, queue.left() - sums.foreign)
    warn(sums)
    found = store.feedback.coverage(run)
    if sums.settled:
        say(f"{plural(sums.settled, 'delivery', 'deliveries')} settled by events")
    if patient and found.unknown:
        _expect_settled_dust(run, found, left)
    if found.unknown:
        _tell(found)
    return {
        "settled": sums.settled, "accepted": found.accepted, "with_an_event": found.seen,
        "unknown": found.unknown, "expected_duplicates": found.duplicates,
    }  # fmt: skip


def has_source(desk: Desk) -> bool:
    """Whether events are reported anywhere."""
    return bool(desk.settings.transport.ses.events_queue)


def _expect_settled_dust(run: Run, found: Coverage, left: int) -> None:
    number = run.content.issue
    ready = (found.last_claim or clock()) + _PATIENCE
    if clock() < ready:
        raise RefusedError(
            f"{plural(found.unknown, 'delivery is', 'deliveries are')} unknown, and it is too early"
            " to tell: events may still be on their way",
            hint=f"from {ready:%H:%M} UTC on: newsletter retry --issue {number} --unknown",
        )
    if left:
        raise RefusedError(
            f"the queue of events still holds {plural(left, 'message')}, so it cannot be told yet",
            hint="newsletter events pull, until it is empty; another reader may hold some",
        )


def _tell(found: Coverage) -> None:
    if not found.share:
        say("no accepted mail has an event: nothing tells whether the unknown ones arrived")
    else:
        say(
            f"events speak of {found.seen:,} of {found.accepted:,} accepted mails "
            f"({found.share * 100:.1f} %)"
        )
    say(
        f"of {plural(found.unknown, 'unknown delivery', 'unknown deliveries')} about "
        f"{found.duplicates:,} would arrive twice if they were sent again"
    )
