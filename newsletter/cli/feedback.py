"""What comes back from Amazon SES: fetched by hand, before and during a send, beside the pages."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.errors import InputError, NewsletterError
from newsletter.wording import plural

if TYPE_CHECKING:
    from newsletter.aws.events import Pulled, Queue
    from newsletter.cli.desk import Desk
    from newsletter.outbox import Attempt, Run, Stop
    from newsletter.store.plan import Plan
    from newsletter.store.sql import Store

app = typer.Typer(help="What Amazon SES reports.", no_args_is_help=True)

#: How often a send looks for what came back; a bounce takes seconds.
_EVERY: Final = 5.0
#: How long one looks back for the busiest day.
_MONTH: Final = dt.timedelta(days=30)


@app.callback()
def _events() -> None:
    """What Amazon SES reports."""


@app.command("pull")
def pull(
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Fetch deliveries, bounces and complaints from the queue into the records."""
    from newsletter.aws import events
    from newsletter.cli.desk import clock, open_desk

    VOICE.json = as_json
    desk = open_desk()
    queue = queue_of(desk)
    if queue is None:
        raise InputError(
            "no queue of events is named",
            hint="set transport.ses.events_queue; docs/feedback.md says how to make one",
        )
    sums = events.Pulled()
    with desk.store(create=False) as store, contextlib.closing(queue), _until_told():
        if follow:
            say("waiting for events (Ctrl-C ends it)")
        events.pull(queue, store.feedback, clock, follow=follow, sums=sums)
    _report(sums, as_json=as_json)


def queue_of(desk: Desk) -> Queue | None:
    """The queue of events, None where the settings name none.

    Raises:
        AccountError: AWS has no region or no such profile.
    """
    ses = desk.settings.transport.ses
    if not ses.events_queue:
        return None
    from newsletter.aws.events import Queue

    return Queue(ses.events_queue, region=ses.region, profile=ses.profile, environ=os.environ)


def listen_first(desk: Desk, store: Store) -> None:
    """Fetch what came back since last time; where that fails a send goes on without."""
    from newsletter.aws import events
    from newsletter.cli.desk import clock

    if desk.settings.transport.kind == "folder":
        return
    try:
        if (queue := queue_of(desk)) is None:
            return
        with contextlib.closing(queue):
            sums = events.pull(queue, store.feedback, clock)
    except NewsletterError as fault:
        say(f"warning: {fault}; going on without what came back since")
        return
    if sums.new:
        say(f"feedback: {_told(sums)}")


def warn_of_growth(store: Store, plan: Plan) -> None:
    """Say so when many more mails would leave than on any day of late."""
    from newsletter.cli.desk import clock
    from newsletter.outbox.reputation import warm_up

    if plan.transport.rehearsal:
        return
    busiest = store.feedback.busiest_day(since=clock() - _MONTH)
    if warning := warm_up(plan.recipients, busiest):
        say(f"warning: {warning}")


class Watch:
    """Looks at what comes back while a run goes on, and says when it costs too much.

    Args:
        desk: the newsletter.
        store: the records.
        run: what is being sent.
    """

    def __init__(self, desk: Desk, store: Store, run: Run) -> None:
        from newsletter.cli.desk import clock

        self._desk = desk
        self._store = store
        self._run = run
        self._since = clock()
        self._sent = 0
        self._stop: Stop | None = None
        self._over = threading.Event()

    def told(self, attempt: Attempt) -> None:
        """Hear one settled attempt."""
        self._sent += bool(attempt.outcome.message_id)

    def stop(self) -> Stop | None:
        """Why the run must pause, None to go on."""
        return self._stop

    @contextlib.contextmanager
    def going(self) -> Iterator[None]:
        """Watch for the length of a `with`; a rehearsal brings nothing back."""
        if self._run.rehearsal:
            yield
            return
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        try:
            queue = queue_of(self._desk)
        except NewsletterError:
            queue = None
        while not self._over.wait(_EVERY):
            self._listen(queue)
            self._judge()
        if queue is not None:
            queue.close()

    def _listen(self, queue: Queue | None) -> None:
        from newsletter.aws import events
        from newsletter.cli.desk import clock

        if queue is None:
            return
        # A queue that cannot be read for a moment must not end a send.
        with contextlib.suppress(NewsletterError):
            events.pull(queue, self._store.feedback, clock, stopped=self._over.is_set)

    def _judge(self) -> None:
        from newsletter.outbox.reputation import Reputation, judge

        with contextlib.suppress(NewsletterError):
            bounced, complained = self._store.feedback.setbacks(self._run, since=self._since)
            found = Reputation(sent=self._sent, bounced=bounced, complained=complained)
            self._stop = judge(found)


@contextlib.contextmanager
def beside(desk: Desk, store: Store) -> Iterator[None]:
    """Fetch events for the length of a `with`, in a thread of its own.

    Raises:
        InputError: the settings name no queue.
    """
    queue = queue_of(desk)
    if queue is None:
        raise InputError(
            "no queue of events is named", hint="set transport.ses.events_queue, or leave it out"
        )
    over = threading.Event()
    thread = threading.Thread(target=_keep_on, args=(queue, store, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        # It may wait for the queue a little longer; a commit under way is whole or not at all.
        thread.join(timeout=1)


def _keep_on(queue: Queue, store: Store, over: threading.Event) -> None:
    from newsletter.aws import events
    from newsletter.cli.desk import clock

    said = ""
    while not over.is_set():
        try:
            events.pull(queue, store.feedback, clock, stopped=over.is_set)
            said = ""
        except NewsletterError as fault:
            if str(fault) != said:
                said = str(fault)
                say(f"warning: {said}; trying again")
        over.wait(_EVERY)


@contextlib.contextmanager
def _until_told() -> Iterator[None]:
    """End quietly on Ctrl-C or SIGTERM, wherever that comes: what is half done is undone."""

    class _Ended(BaseException):  # an Exception botocore would catch, and ask again
        pass

    def end(_: int, __: object) -> None:
        raise _Ended

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    except _Ended:
        return
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _report(sums: Pulled, *, as_json: bool) -> None:
    if sums.unread:
        unread = plural(sums.unread, "message")
        say(f"warning: {unread} cannot be read and stay; give the queue a dead-letter queue")
    if sums.buried:
        say(f"{plural(sums.buried, 'message')} cannot be read; moved to the dead-letter queue")
    if as_json:
        names = ("received", "new", "known", "settled", "suppressed", "buried", "unread", "drained")
        result_json({name: getattr(sums, name) for name in names})
    else:
        result(_told(sums))


def _told(sums: Pulled) -> str:
    parts = [f"{plural(sums.new, 'new event')}"]
    parts += [f"{sums.known:,} known before"] if sums.known else []
    if sums.settled:
        parts.append(f"{plural(sums.settled, 'delivery', 'deliveries')} settled")
    if sums.suppressed:
        parts.append(f"{plural(sums.suppressed, 'address', 'addresses')} kept out from now on")
    return ", ".join(parts)
