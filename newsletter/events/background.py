"""Events fetched in a thread, beside a send or beside the pages."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from newsletter.events.pull import open_queue, pull, reason, require_queue, warn_of_unusable
from newsletter.project import Project
from newsletter.reporter import Reporter
from newsletter.store import Store

if TYPE_CHECKING:
    from newsletter.ses.events import Queue

#: Seconds between two looks into the queue; a bounce takes seconds.
POLL_INTERVAL: Final = 5.0
#: Seconds to wait for the thread to end; it may be waiting for the queue a little longer.
_JOIN: Final = 1


class EventFetcher:
    """Fetches events in a thread of its own: goes on whatever happens, and says it once.

    Args:
        project: the newsletter.
        store: the records.
        over: set when the thread is to end.
        environ: AWS_REGION counts where the settings name no region.
        reporter: hears from that thread what is wrong.
        queue: where events come from; None to open it, as long as it takes.
        told_elsewhere: faults of which somebody else tells.
    """

    def __init__(
        self,
        project: Project,
        store: Store,
        over: threading.Event,
        *,
        environ: Mapping[str, str],
        reporter: Reporter,
        queue: Queue | None = None,
        told_elsewhere: tuple[type[Exception], ...] = (),
    ) -> None:
        self._project = project
        self._store = store
        self._over = over
        self._environ = environ
        self._reporter = reporter
        self._queue = queue
        self._told_elsewhere = told_elsewhere
        #: What was said last of each step, until that goes well again.
        self._said: dict[str, str] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Hang up at the end; and should the thread die before it is told to, say so."""
        try:
            yield
        except BaseException as fault:  # noqa: BLE001  # nobody else would hear of it
            self._reporter.warn(f"events are no longer fetched: {reason(fault)}")
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
        except self._told_elsewhere:
            return
        except Exception as fault:  # noqa: BLE001  # what comes back must not end a send, nor pages
            why = reason(fault)
            if self._said.get(step.__name__) != why and not self._over.is_set():
                self._reporter.warn(f"{why}; trying again")
            self._said[step.__name__] = why
        else:
            self._said.pop(step.__name__, None)

    def wait(self) -> bool:
        """Wait for the time of the next look; true when the thread is to end instead."""
        return self._over.wait(POLL_INTERVAL)

    def _fetch(self) -> None:
        self._queue = self._queue or open_queue(self._project, self._environ)
        if self._queue is not None:
            pulled = pull(self._project, self._store, self._queue, stopped=self._over.is_set)
            warn_of_unusable(pulled, self._reporter)


@contextlib.contextmanager
def fetching(
    project: Project, store: Store, *, environ: Mapping[str, str], reporter: Reporter
) -> Iterator[None]:
    """Fetch events for the length of a `with`, in a thread of its own.

    Raises:
        InputError: the settings name no queue.
    """
    queue = require_queue(project, environ, hint="set transport.ses.events_queue, or leave it out")
    over = threading.Event()
    fetcher = EventFetcher(project, store, over, environ=environ, reporter=reporter, queue=queue)
    thread = threading.Thread(target=_keep_fetching, args=(fetcher, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        # A commit under way is whole or not at all.
        thread.join(timeout=_JOIN)


def _keep_fetching(fetcher: EventFetcher, over: threading.Event) -> None:
    with fetcher.open():
        while not over.is_set():
            fetcher.fetch()
            fetcher.wait()
