"""What the owner is told: announcements, reminders and alerts, each once; and the heartbeat."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shlex
import socket
from typing import TYPE_CHECKING

from newsletter import send
from newsletter.cli.show import say
from newsletter.errors import NewsletterError
from newsletter.fetch import calls
from newsletter.message import seal
from newsletter.message.notice import NO_ISSUE, notice, with_banner
from newsletter.outbox import Result
from newsletter.settings.mail import sender
from newsletter.wording import plural

if TYPE_CHECKING:
    from newsletter.cli.desk import Desk
    from newsletter.message import Message
    from newsletter.send import Transport
    from newsletter.store.calendar import Calendar
    from newsletter.store.letters import Opened


class Owner:
    """The newsletter's owner, reached by mail and, for alerts, by the webhook.

    Args:
        desk: the newsletter; without `schedule.owner` and `schedule.webhook` nobody is told.
        calendar: where it is noted who was told of what.
        now: the moment of this trigger.
    """

    def __init__(self, desk: Desk, calendar: Calendar, now: dt.datetime) -> None:
        self._desk = desk
        self._calendar = calendar
        self._now = now
        self._mails = 0

    @property
    def has_mail(self) -> bool:
        """Whether there is an address for announcements and reminders."""
        return bool(self._desk.settings.schedule.owner)

    def alert(self, topic: str, subject: str, text: str) -> None:
        """Tell of something that needs a person, once per topic, by mail and webhook."""
        self._tell(topic, subject, text, urgent=True)

    def fault(self, fault: NewsletterError) -> None:
        """Tell of what stopped a trigger, once a day for each kind and sentence."""
        lines = [str(fault)]
        lines += [f"cause: {fault.cause}"] if fault.cause else []
        lines += [f"hint: {fault.hint}"] if fault.hint else []
        topic = f"fault {self._now:%Y-%m-%d} {fault.code}: {fault.message}"
        self.alert(topic, f"Stopped: {fault.message}", "\n".join(lines))

    def remind(self, topic: str, subject: str, text: str) -> None:
        """Tell of what is still to be done, once per topic, by mail."""
        if self.has_mail:
            self._tell(topic, subject, text, urgent=False)

    def announce(
        self, opened: Opened, *, recipients: int, goes_at: dt.datetime, window: int
    ) -> None:
        """Send the letter itself, with the count, the time and how to cancel above it."""
        number, settings = opened.issue.number, self._desk.settings
        folder = shlex.quote(str(self._desk.root))
        people = plural(recipients, "person", "people")
        lines = (
            f"Issue {number} goes to {people} at {self._local(goes_at)}.",
            f"To stop it where it is sent from: newsletter -C {folder} cancel --issue {number}",
            "Or take its approval back: a change of the issue that reaches that machine in time.",
        )
        try:
            transport = self._desk.transport()
            envelope = seal(with_banner(opened.rendered, lines), sender(settings))
            message = send.trial(
                envelope, settings.schedule.owner, issue=number,
                public_url=settings.site.public_url, number=self._number(),
                now=None if transport.stamps else self._now, mark=f"[in {window} min] ",
            )  # fmt: skip
            why = _deliver(transport, dataclasses.replace(message, issue=NO_ISSUE))
        except NewsletterError as error:
            why = str(error)
        say(f"issue {number} goes at {self._local(goes_at)}; " + _outcome(why))

    def heartbeat(self) -> None:
        """Let the monitor outside know that a trigger came."""
        url = self._desk.settings.schedule.heartbeat_url
        if url and (why := calls.post(url)):
            say(f"the heartbeat was not heard: {why}")

    def _tell(self, topic: str, subject: str, text: str, *, urgent: bool) -> None:
        settings = self._desk.settings
        webhook = settings.schedule.webhook if urgent else ""
        if not (self.has_mail or webhook) or not self._calendar.begin_notice(topic, now=self._now):
            return
        heard = [self._mail(subject, text)] if self.has_mail else []
        if webhook:
            body = {"schema": 1, "newsletter": settings.site.name, "subject": subject, "text": text}
            heard.append(calls.post(webhook, body))
            if heard[-1]:
                say(f"the webhook was not reached: {heard[-1]}")
        if "" in heard:
            self._calendar.told(topic)

    def _mail(self, subject: str, text: str) -> str:
        """Why the owner was not reached, "" when the mail was taken."""
        settings = self._desk.settings
        where = f"{self._desk.root} on {socket.gethostname()}"
        try:
            transport = self._desk.transport()
            message = notice(
                sender(settings), settings.schedule.owner,
                subject=f"[{settings.site.name or 'newsletter'}] {subject}",
                text=f"{text}\n\n-- \n{where}", number=self._number(),
                now=None if transport.stamps else self._now,
            )  # fmt: skip
            why = _deliver(transport, message)
        except NewsletterError as error:
            why = str(error)
        say(_outcome(why))
        return why

    def _local(self, moment: dt.datetime) -> str:
        zone = self._desk.zone
        return f"{moment.astimezone(zone):%H:%M on %A, %d %B %Y} ({zone.key})"

    def _number(self) -> int:
        """One that no other notice has: the moment, and a count."""
        self._mails += 1
        return int(f"{self._now:%Y%m%d%H%M%S}{self._mails:02d}")


def _deliver(transport: Transport, message: Message) -> str:
    try:
        outcome = transport.deliver(message)
    finally:
        transport.close()
    return "" if outcome.result is Result.ACCEPTED else outcome.reason or outcome.result.value


def _outcome(why: str) -> str:
    return f"the owner was not told: {why}" if why else "the owner is told"
