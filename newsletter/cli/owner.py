"""What the owner is told: announcements, reminders and alerts, each once; and the heartbeat."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import shlex
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from newsletter.cli.show import say
from newsletter.delivery import Result, deliver
from newsletter.errors import NewsletterError
from newsletter.http import calls
from newsletter.humanize import plural
from newsletter.message import seal
from newsletter.message.notices import NO_ISSUE, notice, with_banner
from newsletter.settings.mail import sender
from newsletter.store.folder.notices import NoticeFiles

if TYPE_CHECKING:
    from newsletter.cli.desk import Desk
    from newsletter.delivery.deliver import Transport
    from newsletter.message import Message
    from newsletter.project.issues import Opened
    from newsletter.store.calendar import Calendar


class Owner:
    """The newsletter's owner, reached by mail and, for alerts, by the webhook.

    Args:
        desk: the newsletter; without `schedule.owner` and `schedule.webhook` nobody is told.
        now: the moment of this trigger.

    Attributes:
        records: where it is noted who was told of what; None where they cannot be opened.
        unheard: whether there was something to tell, and it reached nobody.
    """

    def __init__(self, desk: Desk, now: dt.datetime) -> None:
        self.desk = desk
        self.now = now
        self.records: Calendar | None = None
        self.unheard = False
        self._files = NoticeFiles(desk.root / ".newsletter" / "told")
        self._mails = 0

    @property
    def has_mail(self) -> bool:
        """Whether there is an address for announcements and reminders."""
        return bool(self.desk.settings.schedule.owner)

    def alert(self, topic: str, subject: str, text: str) -> None:
        """Tell of something that needs a person, once per topic, by mail and webhook."""
        self._tell(topic, subject, text, urgent=True)

    def fault(self, fault: NewsletterError) -> None:
        """Tell of what stopped a trigger, once a day for each kind and sentence.

        Nothing is raised: what keeps the owner from hearing must not hide the fault itself.
        """
        lines = [str(fault)]
        lines += [f"cause: {fault.cause}"] if fault.cause else []
        lines += [f"hint: {fault.hint}"] if fault.hint else []
        topic = f"fault {self.now:%Y-%m-%d} {fault.code}: {fault.message}"
        try:
            self.alert(topic, f"Stopped: {fault.message}", "\n".join(lines))
        except Exception as error:  # noqa: BLE001  # as the docstring says
            say(_outcome(_why(error)))

    def remind(self, topic: str, subject: str, text: str) -> None:
        """Tell of what is still to be done, once per topic, by mail."""
        if self.has_mail:
            self._tell(topic, subject, text, urgent=False)

    def announce(
        self, opened: Opened, *, recipients: int, goes_at: dt.datetime, window: int
    ) -> None:
        """Send the letter itself, with the count, the time and how to cancel above it."""
        number, settings = opened.issue.number, self.desk.settings
        folder = shlex.quote(str(self.desk.root))
        people = plural(recipients, "person", "people")
        lines = (
            f"Issue {number} goes to {people} at {self._local(goes_at)}.",
            f"To stop it where it is sent from: newsletter -C {folder} cancel --issue {number}",
            "Or take its approval back: a change of the issue that reaches that machine in time.",
        )
        try:
            transport = self.desk.transport()
            envelope = seal(with_banner(opened.rendered, lines), sender(settings))
            message = deliver.trial(
                envelope, settings.schedule.owner, issue=number,
                public_url=settings.site.public_url, number=self._number(),
                now=None if transport.stamps else self.now, mark=f"[in {window} min] ",
            )  # fmt: skip
            why = _deliver(transport, dataclasses.replace(message, issue=NO_ISSUE))
        except NewsletterError as error:
            why = str(error)
        self.unheard = self.unheard or bool(why)
        say(f"issue {number} goes at {self._local(goes_at)}; " + _outcome(why))

    def heartbeat(self, *, orderly: bool) -> None:
        """Let the monitor outside know that a trigger came to an orderly end, or that it did not.

        Of a fault only those monitors hear that know such a call; with others silence tells it.
        """
        url = self.desk.settings.schedule.heartbeat_url
        if not orderly:
            url = calls.failure_url(url)
        try:
            why = calls.post(url) if url else ""
        except OSError as error:  # no certificates to judge by
            why = _why(error)
        if why:
            say(f"the heartbeat was not heard: {why}")

    def _tell(self, topic: str, subject: str, text: str, *, urgent: bool) -> None:
        settings = self.desk.settings
        webhook = settings.schedule.webhook if urgent else ""
        if not (self.has_mail or webhook):
            return
        wanted, told = self._begin(topic)
        if not wanted:
            return
        heard = [self._mail(subject, text)] if self.has_mail else []
        if webhook:
            body = {"schema": 1, "newsletter": settings.site.name, "subject": subject, "text": text}
            heard.append(calls.post(webhook, body))
            if heard[-1]:
                say(f"the webhook was not reached: {heard[-1]}")
        if "" in heard:
            told(topic)
        else:
            self.unheard = True

    def _begin(self, topic: str) -> tuple[bool, Callable[[str], None]]:
        """Whether this is still to be told, and how to note that it was.

        Where neither the records nor their folder can be written it is told each time: too often
        is better than never.
        """
        for notices in (self.records, self._files):
            if notices is not None:
                with contextlib.suppress(NewsletterError, OSError):
                    return notices.begin_notice(topic, now=self.now), notices.told
        return True, lambda _: None

    def _mail(self, subject: str, text: str) -> str:
        """Why the owner was not reached, "" when the mail was taken."""
        settings = self.desk.settings
        where = f"{self.desk.root} on {socket.gethostname()}"
        try:
            transport = self.desk.transport()
            message = notice(
                sender(settings), settings.schedule.owner,
                subject=f"[{settings.site.name or 'newsletter'}] {subject}",
                text=f"{text}\n\n-- \n{where}", number=self._number(),
                now=None if transport.stamps else self.now,
            )  # fmt: skip
            why = _deliver(transport, message)
        except Exception as error:  # noqa: BLE001  # the webhook may still be reached
            why = _why(error)
        say(_outcome(why))
        return why

    def _local(self, moment: dt.datetime) -> str:
        zone = self.desk.zone
        return f"{moment.astimezone(zone):%H:%M on %A, %d %B %Y} ({zone.key})"

    def _number(self) -> int:
        """One that no other notice has: the moment, and a count."""
        self._mails += 1
        return int(f"{self.now:%Y%m%d%H%M%S}{self._mails:02d}")


def _deliver(transport: Transport, message: Message) -> str:
    try:
        outcome = transport.deliver(message)
    finally:
        transport.close()
    return "" if outcome.result is Result.ACCEPTED else outcome.reason or outcome.result.value


def _why(error: Exception) -> str:
    """A fault in words; those of a library may hold an address."""
    return str(error) if isinstance(error, NewsletterError) else type(error).__name__


def _outcome(why: str) -> str:
    return f"the owner was not told: {why}" if why else "the owner is told"
