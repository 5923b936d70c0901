"""Before a send: what it would do, as the command line says it, and one test mail."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import NewsletterError
from newsletter.humanize import plural
from newsletter.project import Project
from newsletter.project.issues import PreparedIssue
from newsletter.sending.gate import UnfitError
from newsletter.sending.plan import check_readiness, rows, sent_rows
from newsletter.sending.result import AlreadySent, Readiness
from newsletter.sending.transports import open_transport
from newsletter.sending.trial import TrialResult, send_trial
from newsletter.settings import Settings

#: Reads one issue with the settings of now; None for a number without one.
Reading = Callable[[int], tuple[Settings, PreparedIssue] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """What would keep an issue from being sent.

    Attributes:
        reason: one sentence.
        way: the way out, may be empty.
        tab: the part of the page that shows more, "" for none.
    """

    reason: str
    way: str = ""
    tab: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to type next.

    Attributes:
        purpose: what it is for.
        command: for the terminal.
    """

    purpose: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a send would do, or has done.

    Attributes:
        rows: names and values, those of `newsletter send`; none where they cannot be told.
        stops: what would keep it from being sent; none when nothing does.
        sent: when it was sent or rehearsed, in words, "" when it was not.
        final: whether it was sent for real, so that nobody gets it again.
        steps: what to do next.
    """

    rows: tuple[tuple[str, str], ...] = ()
    stops: tuple[Obstacle, ...] = ()
    sent: str = ""
    final: bool = False
    steps: tuple[Step, ...] = ()


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
                return _ready(project, prepared, found)
        except NewsletterError as error:
            return Ready(stops=(_stop(error),))

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


def _ready(project: Project, prepared: PreparedIssue, found: Readiness) -> Ready:
    stops = tuple(_stop(error) for error in found.obstacles)
    done, number = found.already, prepared.issue.number
    if done and not done.run.rehearsal:
        return Ready(
            rows=sent_rows(done, prepared, project.root),
            sent=_sent(done, project),
            final=True,
            steps=(Step(purpose="Who got it:", command=f"newsletter status --issue {number}"),),
        )
    return Ready(
        rows=rows(found.plan, project.root) if found.plan else (),
        stops=stops,
        sent=_sent(done, project) if done else "",
        steps=_steps(number, found, rehearses=project.rehearses),
    )


def _steps(number: int, found: Readiness, *, rehearses: bool) -> tuple[Step, ...]:
    send = f"newsletter send --issue {number}"
    if not rehearses:
        goes_on = found.plan is not None and found.plan.run is not None
        purpose = "To go on with the rest" if goes_on else "To send it"
        return (
            Step(purpose=f"{purpose}, in the terminal, where it asks once more:", command=send),
        )
    for_real = Step(
        purpose='For real, with transport.kind = "ses" or "smtp" in newsletter.toml:',
        command=send,
    )
    if found.already:
        return Step(purpose="To rehearse it again:", command=f"{send} --again"), for_real
    purpose = "To rehearse it, with every mail a file and nothing sent:"
    return Step(purpose=purpose, command=send), for_real


def _stop(error: NewsletterError) -> Obstacle:
    """What stops a send and the way out, which for findings is on the page itself."""
    if isinstance(error, UnfitError):
        return Obstacle(
            reason=f"{plural(len(error.findings), 'error')} in the checks", tab="checks"
        )
    return Obstacle(reason=str(error), way=error.hint or "")


def _sent(done: AlreadySent, project: Project) -> str:
    run = done.run
    at = run.finished_at
    when = f" on {at.astimezone(project.zone):%Y-%m-%d at %H:%M} ({project.zone.key})" if at else ""
    return f"{'rehearsed' if run.rehearsal else 'sent'}{when}"
