"""The sender's reputation: judged while a run goes on, and before it begins."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final

from newsletter import clocks
from newsletter.delivery import Pause, Run, Stop
from newsletter.delivery.reputation import Reputation, judge, warm_up
from newsletter.errors import UnreachableError
from newsletter.events.background import EventFetcher
from newsletter.humanize import plural
from newsletter.project import Project
from newsletter.reporter import Reporter
from newsletter.store import Store, runs

#: How long one looks back for the busiest day.
_MONTH: Final = dt.timedelta(days=30)
#: Judging takes no more than such a part of the time.
_SHARE: Final = 0.05


def growth_warning(store: Store, recipients: int) -> str:
    """A warning where many more mails would leave than on any day of the last month, or ""."""
    return warm_up(recipients, store.feedback.busiest_day(since=clocks.now() - _MONTH))


class ReputationWatch:
    """Looks at what comes back while a run goes on, and pauses it for all when it costs too much.

    What is judged is on record, whoever has sent it: mails accepted since a person last let the run
    go on, who knew what had come back. Workers that take over do not begin anew, nor do schedules.

    Args:
        project: the newsletter.
        store: the records.
        run: what is being sent.
        environ: AWS_REGION counts where the settings name no region.
        reporter: hears from a thread of the watch what is wrong with the events.
    """

    def __init__(
        self,
        project: Project,
        store: Store,
        run: Run,
        *,
        environ: Mapping[str, str],
        reporter: Reporter,
    ) -> None:
        self._store = store
        self._run = run
        self._since = store.feedback.judged_since(run)
        self._next = 0.0
        self._over = threading.Event()
        # That the records are away, the send says itself.
        self._fetcher = EventFetcher(
            project, store, self._over, environ=environ, reporter=reporter,
            told_elsewhere=(UnreachableError,),
        )  # fmt: skip

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
        with self._fetcher.open():
            while not self._fetcher.wait():
                self._fetcher.fetch()
                self._fetcher.survive(self._judge)

    def _judge(self) -> None:
        if (began := time.monotonic()) < self._next:
            return
        if stop := self._found():
            # Here, and not where mails leave: they may all be waiting for slow answers.
            runs.pause(self._store, self._run, stop)
        now = time.monotonic()
        self._next = now + (now - began) / _SHARE

    def _found(self) -> Stop | None:
        if unrendered := self._store.feedback.unrendered(self._run, since=self._since):
            # A fault of the letter and not of a reader: everybody else's would be lost as well.
            mails, them = plural(unrendered, "mail"), "it" if unrendered == 1 else "them"
            reason = f"SES accepted {mails} and could not render {them}"
            return Stop(Pause.BREAKER, reason)
        bounced, complained = self._store.feedback.setbacks(self._run, since=self._since)
        if not bounced and not complained:
            return None  # a million mails need not be counted for that
        sent = self._store.feedback.accepted(self._run, since=self._since)
        return judge(Reputation(sent=sent, bounced=bounced, complained=complained))
