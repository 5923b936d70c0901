"""Fetch events from the queue into the records, and say what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from newsletter import clocks
from newsletter.errors import InputError, NewsletterError
from newsletter.humanize import plural
from newsletter.project import Project
from newsletter.reporter import Reporter
from newsletter.store import Store

if TYPE_CHECKING:
    from newsletter.ses.events import Pulled, Queue


def has_queue(project: Project) -> bool:
    """Whether the settings name a queue of events."""
    return bool(project.settings.transport.ses.events_queue)


def open_queue(project: Project, environ: Mapping[str, str]) -> Queue | None:
    """The queue of events, None where the settings name none.

    Raises:
        AccountError: AWS has no such profile.
    """
    if not has_queue(project):
        return None
    from newsletter.ses.events import Queue  # noqa: PLC0415  # boto3 is heavy

    ses = project.settings.transport.ses
    return Queue(ses.events_queue, region=ses.region, profile=ses.profile, environ=environ)


def require_queue(project: Project, environ: Mapping[str, str], *, hint: str) -> Queue:
    """The queue of events.

    Raises:
        InputError: the settings name none; `hint` is the way out.
        AccountError: AWS has no such profile.
    """
    queue = open_queue(project, environ)
    if queue is None:
        raise InputError("no queue of events is named", hint=hint)
    return queue


def pull(
    project: Project,
    store: Store,
    queue: Queue,
    *,
    follow: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    sums: Pulled | None = None,
    heard: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Fetch what the queue holds; see `newsletter.ses.events.pull`."""
    from newsletter.ses import events  # noqa: PLC0415  # as above

    return events.pull(
        queue, store.feedback, clocks.now, sender=project.settings.sender.from_address,
        follow=follow, stopped=stopped, sums=sums, heard=heard,
    )  # fmt: skip


def pull_before_send(
    project: Project, store: Store, environ: Mapping[str, str], reporter: Reporter
) -> None:
    """Fetch what came back since the last send; where that fails a send goes on without."""
    if project.rehearses:
        return
    try:
        if (queue := open_queue(project, environ)) is None:
            return
        with contextlib.closing(queue):
            pulled = pull(project, store, queue)
    except Exception as fault:  # noqa: BLE001  # feedback must not stand in the way of an issue
        reporter.warn(f"{reason(fault)}; going on without what came back since")
        return
    warn_of_unusable(pulled, reporter)
    if pulled.new:
        reporter.say(f"feedback: {summary(pulled)}")


def summary(pulled: Pulled) -> str:
    """What one pull did, in a line."""
    parts = [f"{plural(pulled.new, 'new event')}"]
    parts += [f"{pulled.known:,} known before"] if pulled.known else []
    if pulled.settled:
        parts.append(f"{plural(pulled.settled, 'delivery', 'deliveries')} settled")
    if pulled.suppressed:
        parts.append(f"{plural(pulled.suppressed, 'address', 'addresses')} kept out from now on")
    return ", ".join(parts)


def warn_of_unusable(pulled: Pulled, reporter: Reporter) -> None:
    """Warn of messages that are not about these records, or cannot be read."""
    if pulled.unread:
        unread = plural(pulled.unread, "message")
        reporter.warn(
            f"{unread} cannot be read and {_is(pulled.unread)} left in the queue; "
            "give it a dead-letter queue"
        )
    if pulled.dead_lettered:
        moved = plural(pulled.dead_lettered, "message")
        reporter.warn(f"{moved} cannot be read; moved to the dead-letter queue")
    if pulled.foreign:
        about = plural(pulled.foreign, "event")
        reporter.warn(
            f"{about} about mails of other records {_is(pulled.foreign)} left in the queue; "
            "give each newsletter a queue of its own"
        )
    if pulled.unmatched:
        about = plural(pulled.unmatched, "event")
        reporter.warn(
            f"{about} about mails that these records have not sent settled nothing; "
            "were the records restored from a backup, or does a copy of them send?"
        )


def reason(fault: BaseException) -> str:
    """A fault in words; what nobody foresaw may quote an address, so only its kind is told."""
    if isinstance(fault, NewsletterError):
        return str(fault)
    return f"events could not be fetched ({type(fault).__name__}; this is a bug, please report it)"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
