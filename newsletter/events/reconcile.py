"""Before you decide about what is unknown: what do the events say by now?"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from newsletter.delivery import Run
from newsletter.errors import RefusedError
from newsletter.events.pull import open_queue, pull, warn_of_unusable
from newsletter.humanize import plural
from newsletter.project import Project
from newsletter.reporter import Reporter
from newsletter.store import Store
from newsletter.store.feedback import Coverage

#: How long the slowest event of a mail usually takes.
PATIENCE: Final = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What events have proved, and how much they can be relied on; for the run's log too.

    Attributes:
        settled: deliveries that these events have settled.
        accepted: deliveries of the run that the provider said it accepted.
        with_an_event: those of them with an event.
        unknown: deliveries that stay unknown.
        expected_duplicates: how many of these would arrive twice if they were sent again.
    """

    settled: int
    accepted: int
    with_an_event: int
    unknown: int
    expected_duplicates: int


def reconcile(
    project: Project,
    store: Store,
    run: Run,
    *,
    patient: bool,
    environ: Mapping[str, str],
    reporter: Reporter,
) -> Reconciled | None:
    """Fetch events, settle what they prove, and say how much they can be relied on.

    Args:
        project: the newsletter.
        store: the records, locked.
        run: whose unknown deliveries somebody is about to decide about.
        patient: whether to refuse while events may still be on their way.
        environ: AWS_REGION counts where the settings name no region.
        reporter: hears what the events say.

    Returns:
        what was found, None without an event source.

    Raises:
        AccountError: the queue cannot be read; nothing was decided.
        RefusedError: it is too early to tell, or the queue is not empty yet.
    """
    queue = None if run.rehearsal else open_queue(project, environ)
    if queue is None:
        return None
    with contextlib.closing(queue):
        pulled = pull(project, store, queue)
        # What is about other records tells nothing about these.
        left = max(0, queue.size() - pulled.foreign)
    warn_of_unusable(pulled, reporter)
    found = store.feedback.coverage(run)
    if pulled.settled:
        reporter.say(f"{plural(pulled.settled, 'delivery', 'deliveries')} settled by events")
    if patient and found.unknown:
        # Claims are written down by the same clock.
        _require_complete(run, found, left, now=store.clock()())
    if found.unknown:
        _report(found, reporter)
    return Reconciled(
        settled=pulled.settled, accepted=found.accepted, with_an_event=found.seen,
        unknown=found.unknown, expected_duplicates=found.duplicates,
    )  # fmt: skip


def _require_complete(run: Run, found: Coverage, left: int, *, now: dt.datetime) -> None:
    """Refuse while events may be on their way or wait in the queue."""
    number = run.content.issue
    ready = (found.last_claim or now) + PATIENCE
    if now < ready:
        raise RefusedError(
            f"{plural(found.unknown, 'delivery is', 'deliveries are')} unknown, and it is too early"
            " to tell: events may still be on their way",
            hint=f"from {ready:%H:%M} UTC on: newsletter retry --issue {number} --unknown",
        )
    if left:
        raise RefusedError(
            f"the queue of events still holds {plural(left, 'message')}: too early to tell",
            hint="newsletter events pull, until it is empty; another reader may hold some",
        )


def _report(found: Coverage, reporter: Reporter) -> None:
    if not found.share:
        reporter.say(
            "no accepted mail has an event: nothing tells whether the unknown ones arrived"
        )
    else:
        reporter.say(
            f"events speak of {found.seen:,} of {found.accepted:,} accepted mails "
            f"({found.share * 100:.1f} %)"
        )
    reporter.say(
        f"of {plural(found.unknown, 'unknown delivery', 'unknown deliveries')} about "
        f"{found.duplicates:,} would arrive twice if they were sent again"
    )
