"""Before a send: what it would do, as the command line says it, and one test mail."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.delivery import Run
from newsletter.errors import NewsletterError
from newsletter.humanize import plural
from newsletter.project import Project
from newsletter.project.issues import PreparedIssue
from newsletter.sending.gate import UnfitError
from newsletter.sending.plan import check_readiness, rows
from newsletter.sending.transports import open_transport
from newsletter.sending.trial import TrialResult, send_trial
from newsletter.settings import Settings

#: Reads one issue with the settings of now; None for a number without one.
Reading = Callable[[int], tuple[Settings, PreparedIssue] | None]


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
        """ViewChoices up what a send would do; nothing is written, and no records need be there."""
        try:
            read = self._reading(number)
            if read is None:
                return Ready()
            settings, prepared = read
            project = Project(self._root, settings)
            with contextlib.closing(open_transport(project, self._environ)) as transport:
                found = check_readiness(project, prepared, transport)
        except NewsletterError as error:
            return Ready(stops=(_stop(error),))
        stops = tuple(_stop(error) for error in found.obstacles)
        if found.already:
            return Ready(stops=stops, sent=_sent(found.already.run))
        return Ready(rows=rows(found.plan, self._root) if found.plan else (), stops=stops)

    def trial(self, number: int, address: str) -> TrialResult | None:
        """Send one test mail, once; None for a number without an issue.

        Raises:
            NewsletterError: it was not handed over: no mail address, no way out for readers, no
                transport.
        """
        read = self._reading(number)
        if read is None:
            return None
        settings, prepared = read
        project = Project(self._root, settings)
        with contextlib.closing(open_transport(project, self._environ)) as transport:
            [result] = send_trial(project, prepared, transport, [address], clock=self._clock)
        return result


def _stop(error: NewsletterError) -> tuple[str, str]:
    """What stops a send and the way out, which for findings is on the page itself."""
    if isinstance(error, UnfitError):
        number = plural(len(error.findings), "error")
        return f"{number} in the checks", "the part Checks shows where"
    return str(error), error.hint or ""


def _sent(run: Run) -> str:
    when = f" on {run.finished_at:%Y-%m-%d at %H:%M} UTC" if run.finished_at else ""
    return f"{'rehearsed' if run.rehearsal else 'sent'} already{when}"
