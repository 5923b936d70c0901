"""What comes back from Amazon SES: fetched by hand, before and during a send, beside the pages."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Final

import typer

from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.errors import InputError, NewsletterError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.cli.desk import Desk
    from newsletter.delivery import Attempt, Run, Stop
    from newsletter.sending.plan import Plan
    from newsletter.ses.events import Pulled, Queue
    from newsletter.store import Store

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
    from newsletter.cli.desk import clock, open_desk
    from newsletter.ses import events

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
        events.pull(
            queue, store.feedback, clock,
            sender=desk.settings.sender.from_address, follow=follow, sums=sums,
        )  # fmt: skip
    _report(sums, as_json=as_json)


def queue_of(desk: Desk) -> Queue | None:
    """The queue of events, None where the settings name none.

    Raises:
        AccountError: AWS has no region or no such profile.
    """
    ses = desk.settings.transport.ses
    if not ses.events_queue:
        return None
    from newsletter.ses.events import Queue

    return Queue(ses.events_queue, region=ses.region, profile=ses.profile, environ=os.environ)


def listen_first(desk: Desk, store: Store) -> None:
    """Fetch what came back since last time; where that fails a send goes on without."""
    from newsletter.cli.desk import clock
    from newsletter.ses import events

    if desk.settings.transport.kind == "folder":
        return
    try:
        if (queue := queue_of(desk)) is None:
            return
        with contextlib.closing(queue):
            sums = events.pull(
                queue, store.feedback, clock, sender=desk.settings.sender.from_address
            )
    except Exception as fault:  # noqa: BLE001  # feedback must not stand in the way of an issue
        say(f"warning: {_why(fault)}; going on without what came back since")
        return
    warn(sums)
    if sums.new:
        say(f"feedback: {_told(sums)}")


def warn_of_growth(store: Store, plan: Plan) -> None:
    """Say so when many more mails would leave than on any day of late."""
    from newsletter.cli.desk import clock
    from newsletter.delivery.reputation import warm_up

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
        fetcher = _Fetcher(self._desk, self._store, self._over)
        with fetcher.open():
            while not self._over.wait(_EVERY):
                fetcher.fetch()
                fetcher.survive(self._judge)

    def _judge(self) -> None:
        from newsletter.delivery.reputation import Reputation, judge

        bounced, complained = self._store.feedback.setbacks(self._run, since=self._since)
        self._stop = judge(Reputation(sent=self._sent, bounced=bounced, complained=complained))


class _Fetcher:
    """Fetches events in a thread of its own: goes on whatever happens, and says it once.

    Args:
        desk: the newsletter.
        store: the records.
        over: set when the thread is to end.
        queue: where events come from; None to open it, as long as it takes.
    """

    def __init__(
        self, desk: Desk, store: Store, over: threading.Event, queue: Queue | None = None
    ) -> None:
        self._desk = desk
        self._store = store
        self._over = over
        self._queue = queue
        #: What was said last of each step, until that goes well again.
        self._said: dict[str, str] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Hang up at the end; and should the thread die before it is told to, say so."""
        try:
            yield
        except BaseException as fault:  # noqa: BLE001  # nobody else would hear of it
            say(f"warning: events are no longer fetched: {_why(fault)}")
        finally:
            if self._queue is not None:
                self._queue.close()

    def fetch(self) -> None:
        """Fetch what there is."""
        self.survive(self._fetch)

    def survive(self, step: Callable[[], None]) -> None:
        """Do a step; whatever goes wrong is said, once until something else does."""
        try:
            step()
        except Exception as fault:  # noqa: BLE001  # what comes back must not end a send, nor pages
            why = _why(fault)
            if self._said.get(step.__name__) != why and not self._over.is_set():
                say(f"warning: {why}; trying again")
            self._said[step.__name__] = why
        else:
            self._said.pop(step.__name__, None)

    def _fetch(self) -> None:
        from newsletter.cli.desk import clock
        from newsletter.ses import events

        self._queue = self._queue or queue_of(self._desk)
        if self._queue is not None:
            sums = events.pull(
                self._queue, self._store.feedback, clock,
                sender=self._desk.settings.sender.from_address, stopped=self._over.is_set,
            )  # fmt: skip
            warn(sums)


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
    fetcher = _Fetcher(desk, store, over, queue)
    thread = threading.Thread(target=_keep_on, args=(fetcher, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        # It may wait for the queue a little longer; a commit under way is whole or not at all.
        thread.join(timeout=1)


def _keep_on(fetcher: _Fetcher, over: threading.Event) -> None:
    with fetcher.open():
        while not over.is_set():
            fetcher.fetch()
            over.wait(_EVERY)


def _why(fault: BaseException) -> str:
    """A fault in words; what nobody foresaw may quote an address, so only its kind is told."""
    if isinstance(fault, NewsletterError):
        return str(fault)
    return f"events could not be fetched ({type(fault).__name__}; this is a bug, please report it)"


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


def warn(sums: Pulled) -> None:
    """Say which messages were not about these records, or not to be read."""
    if sums.unread:
        unread = plural(sums.unread, "message")
        say(
            f"warning: {unread} cannot be read and {_is(sums.unread)} left in the queue; "
            "give it a dead-letter queue"
        )
    if sums.dead_lettered:
        moved = plural(sums.dead_lettered, "message")
        say(f"warning: {moved} cannot be read; moved to the dead-letter queue")
    if sums.foreign:
        about = plural(sums.foreign, "event")
        say(
            f"warning: {about} about mails of other records {_is(sums.foreign)} left in the queue; "
            "give each newsletter a queue of its own"
        )
    if sums.unmatched:
        about = plural(sums.unmatched, "event")
        say(
            f"warning: {about} about mails that these records have not sent settled nothing; "
            "were the records restored from a backup, or does a copy of them send?"
        )


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _report(sums: Pulled, *, as_json: bool) -> None:
    warn(sums)
    if as_json:
        result_json({field.name: getattr(sums, field.name) for field in fields(sums)})
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
