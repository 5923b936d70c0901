"""Mails to the newsletter's owner: plain notices, and the letter itself before it goes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from newsletter.delivery import Result, deliver
from newsletter.delivery.deliver import Transport
from newsletter.errors import NewsletterError
from newsletter.message import Message, encode, freeze
from newsletter.message.notices import NO_ISSUE, notice, with_banner
from newsletter.project import Project
from newsletter.settings.mail import sender

if TYPE_CHECKING:
    # A broken installation must be told as well, so nothing that renders is loaded here.
    from newsletter.project.issues import PreparedIssue


class OwnerMail:
    """Composes mails to `schedule.owner` and delivers them at once; none is recorded.

    Args:
        project: the newsletter; it names an owner.
        now: the date of the mails, where the transport writes none of its own.
        open_transport: opens the configured way out, once for each mail.
    """

    def __init__(
        self, project: Project, now: dt.datetime, open_transport: Callable[[], Transport]
    ) -> None:
        self._project = project
        self._now = now
        self._open_transport = open_transport
        self._sent = 0

    def notice(self, subject: str, text: str) -> str:
        """Send a plain mail; why it was not taken, "" when it was. Anything may be raised."""
        settings = self._project.settings
        where = f"{self._project.root} on {socket.gethostname()}"
        transport = self._open_transport()
        message = notice(
            sender(settings), settings.schedule.owner,
            subject=f"[{settings.site.name or 'newsletter'}] {subject}",
            text=f"{text}\n\n-- \n{where}", number=self._number(),
            now=None if transport.stamps else self._now,
        )  # fmt: skip
        return _deliver(transport, message)

    def announcement(self, prepared: PreparedIssue, lines: Sequence[str], *, minutes: int) -> str:
        """Send the letter itself with lines above it, marked with the minutes until it goes.

        Returns:
            why it was not taken, "" when it was. Anything may be raised.
        """
        settings = self._project.settings
        transport = self._open_transport()
        template = encode(freeze(with_banner(prepared.rendered, lines), sender(settings)))
        message = deliver.trial(
            template, settings.schedule.owner, issue=prepared.issue.number,
            public_url=settings.site.public_url, number=self._number(),
            now=None if transport.stamps else self._now, mark=f"[in {minutes} min] ",
        )  # fmt: skip
        return _deliver(transport, dataclasses.replace(message, issue=NO_ISSUE))

    def _number(self) -> int:
        """One that no other mail to the owner has: the moment, and a count."""
        self._sent += 1
        return int(f"{self._now:%Y%m%d%H%M%S}{self._sent:02d}")


def reason(error: Exception) -> str:
    """A fault in words; those of a library may hold an address."""
    return str(error) if isinstance(error, NewsletterError) else type(error).__name__


def _deliver(transport: Transport, message: Message) -> str:
    try:
        outcome = transport.deliver(message)
    finally:
        transport.close()
    return "" if outcome.result is Result.ACCEPTED else outcome.reason or outcome.result.value
