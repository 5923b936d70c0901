"""Before a send: what it would do, as the command line says it, and one test mail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.audience import mask
from newsletter.check import errors
from newsletter.delivery import Result, Run, RunState
from newsletter.delivery.deliver import Transport, expect_way_out
from newsletter.errors import NewsletterError, NotFitError
from newsletter.humanize import plural
from newsletter.project import files
from newsletter.project.issues import Opened
from newsletter.sending.plan import look, rows
from newsletter.sending.transports import open_transport
from newsletter.sending.trial import trial_mails
from newsletter.settings import Settings
from newsletter.settings.mail import sender
from newsletter.store import Store, runs

#: Reads one issue with the settings of now; None for a number without one.
Reading = Callable[[int], tuple[Settings, Opened] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a send would do.

    Attributes:
        rows: names and values, those of `newsletter send`; none where they cannot be told.
        stops: what would keep it from being sent, each with a way out; none when nothing does.
        sent: when it was sent already, in words, "" when it was not.
    """

    rows: tuple[tuple[str, str], ...] = ()
    stops: tuple[tuple[str, str], ...] = ()
    sent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of a test mail.

    Attributes:
        accepted: whether the transport took it.
        said: one sentence, the address masked.
    """

    accepted: bool
    said: str


class Sending:
    """Looks at what a send would do, and sends test mails; nothing here sends an issue.

    Args:
        root: the newsletter's folder.
        reading: reads an issue.
        environ: for the transport.
        clock: now, with a time zone.
    """

    def __init__(
        self,
        root: Path,
        reading: Reading,
        environ: Mapping[str, str],
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._root = root
        self._reading = reading
        self._environ = environ
        self._clock = clock

    def ready(self, number: int) -> Ready:
        """Look up what a send would do; nothing is written, and no records need be there."""
        try:
            read = self._reading(number)
            if read is None:
                return Ready()
            settings, opened = read
            transport = open_transport(settings, self._root, self._environ)
            try:
                return self._look(settings, opened, transport)
            finally:
                transport.close()
        except NewsletterError as error:
            return Ready(stops=(_way_out(error),))

    def trial(self, number: int, address: str) -> Trial | None:
        """Send one test mail, once; None for a number without an issue.

        Raises:
            NewsletterError: it was not handed over: no mail address, no way out for readers, no
                transport.
        """
        read = self._reading(number)
        if read is None:
            return None
        settings, opened = read
        transport = open_transport(settings, self._root, self._environ)
        try:
            _expect_way_out(settings, transport)
            now = None if transport.stamps else self._clock()
            [message] = trial_mails(settings, opened, [address], now=now)
            outcome = transport.deliver(message)
        finally:
            transport.close()
        told = outcome.reason
        if transport.rehearsal and outcome.result is Result.ACCEPTED:
            told = f"{settings.transport.folder}/{outcome.message_id}"
        what = outcome.result.value.replace("_", " ")
        said = f"{mask(message.to)} {what}" + (f": {told}" if told else "")
        return Trial(accepted=outcome.result is Result.ACCEPTED, said=said)

    def _look(self, settings: Settings, opened: Opened, transport: Transport) -> Ready:
        stops = _findings_that_stop(opened)
        try:
            _expect_way_out(settings, transport)
        except NotFitError as error:
            stops = (*stops, _way_out(error))
        url = files.store_url(self._root, settings.store.url)
        try:
            with Store.open(url, create=False, read_only=True) as store:
                number = opened.issue.number
                done = runs.find(store, number, rehearsal=transport.rehearsal)
                if done and done.state is RunState.FINISHED:
                    return Ready(stops=stops, sent=_sent(done))
                plan = look(store, opened, transport, sender(settings))
        except NewsletterError as error:
            return Ready(stops=(*stops, _way_out(error)))
        if not plan.recipients and plan.run is None:
            stops = (*stops, ("nobody would get this issue", "import a list"))
        return Ready(rows=rows(plan, self._root), stops=stops)


def _expect_way_out(settings: Settings, transport: Transport) -> None:
    expect_way_out(
        transport,
        public_url=settings.site.public_url,
        unsubscribe_mailto=settings.sender.unsubscribe_mailto,
    )


def _findings_that_stop(opened: Opened) -> tuple[tuple[str, str], ...]:
    found = errors(opened.findings)
    if not found:
        return ()
    return ((f"{plural(len(found), 'error')} in the checks", "the part Checks shows where"),)


def _sent(run: Run) -> str:
    when = f" on {run.finished_at:%Y-%m-%d at %H:%M} UTC" if run.finished_at else ""
    return f"{'rehearsed' if run.rehearsal else 'sent'} already{when}"


def _way_out(error: NewsletterError) -> tuple[str, str]:
    return str(error), error.hint or ""
