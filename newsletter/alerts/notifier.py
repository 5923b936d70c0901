"""What the owner is told: announcements, reminders and alerts, each once; and the heartbeat."""

from __future__ import annotations

import contextlib
import datetime as dt
import shlex
import time
from collections.abc import Callable, Mapping
from threading import Thread
from typing import TYPE_CHECKING, Final

from newsletter.alerts.notice_files import NoticeFiles
from newsletter.alerts.owner_mail import OwnerMail, reason
from newsletter.delivery.deliver import Transport
from newsletter.errors import NewsletterError
from newsletter.http import calls
from newsletter.humanize import plural
from newsletter.project import Project
from newsletter.reporter import Reporter
from newsletter.store.calendar import Calendar

if TYPE_CHECKING:
    from newsletter.project.issues import PreparedIssue

#: Until whoever is told has answered, all ways together.
_SECONDS: Final = 30.0


class Notifier:
    """Reaches the newsletter's owner by mail and, for alerts, by the webhook.

    Args:
        project: the newsletter; without `schedule.owner` and `schedule.webhook` nobody is told.
        now: the moment of this trigger.
        open_transport: opens the configured way out, once for each mail.
        reporter: hears whether the owner was told.

    Attributes:
        records: where it is noted who was told of what; None where they cannot be opened.
        unheard: whether there was something to tell, and it reached nobody.
    """

    def __init__(
        self,
        project: Project,
        now: dt.datetime,
        *,
        open_transport: Callable[[], Transport],
        reporter: Reporter,
    ) -> None:
        self.project = project
        self.now = now
        self.records: Calendar | None = None
        self.unheard = False
        self._files = NoticeFiles(project.root)
        self._mail = OwnerMail(project, now, open_transport)
        self._reporter = reporter

    @property
    def has_mail(self) -> bool:
        """Whether there is an address for announcements and reminders."""
        return bool(self.project.settings.schedule.owner)

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
            self._reporter.say(_outcome(reason(error)))

    def remind(self, topic: str, subject: str, text: str) -> None:
        """Tell of what is still to be done, once per topic, by mail."""
        if self.has_mail:
            self._tell(topic, subject, text, urgent=False)

    def announce(
        self, prepared: PreparedIssue, *, recipients: int, goes_at: dt.datetime, window: int
    ) -> None:
        """Send the letter itself, with the count, the time and how to cancel above it.

        Args:
            prepared: the issue.
            recipients: how many people get it.
            goes_at: when, with a time zone.
            window: minutes until then.
        """
        number = prepared.issue.number
        folder = shlex.quote(str(self.project.root))
        people = plural(recipients, "person", "people")
        lines = (
            f"Issue {number} goes to {people} at {self._local(goes_at)}.",
            f"To stop it where it is sent from: newsletter -C {folder} cancel --issue {number}",
            "Or take its approval back: a change of the issue that reaches that machine in time.",
        )

        def mail() -> str:
            return self._mail.announcement(prepared, lines, minutes=window)

        why = _in_time({"mail": mail})["mail"]
        self.unheard = self.unheard or bool(why)
        self._reporter.say(f"issue {number} goes at {self._local(goes_at)}; " + _outcome(why))

    def heartbeat(self, *, orderly: bool) -> None:
        """Let the monitor outside know that a trigger came to an orderly end, or that it did not.

        Of a fault only those monitors hear that know such a call; with others silence tells it.
        """
        url = self.project.settings.schedule.heartbeat_url
        if not orderly:
            url = calls.failure_url(url)
        if url and (why := _in_time({"heartbeat": lambda: calls.post(url)})["heartbeat"]):
            self._reporter.say(f"the heartbeat could not be sent: {why}")

    def _tell(self, topic: str, subject: str, text: str, *, urgent: bool) -> None:
        settings = self.project.settings
        webhook = settings.schedule.webhook if urgent else ""
        if not (self.has_mail or webhook):
            return
        wanted, told = self._begin(topic)
        if not wanted:
            return
        ways: dict[str, Callable[[], str]] = {}
        if self.has_mail:
            ways["mail"] = lambda: self._mail.notice(subject, text)
        if webhook:
            body = {"schema": 1, "newsletter": settings.site.name, "subject": subject, "text": text}
            ways["webhook"] = lambda: calls.post(webhook, body)
        heard = _in_time(ways)
        if "mail" in heard:
            self._reporter.say(_outcome(heard["mail"]))
        if why := heard.get("webhook"):
            self._reporter.say(f"the webhook was not reached: {why}")
        if "" in heard.values():
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

    def _local(self, moment: dt.datetime) -> str:
        zone = self.project.zone
        local = moment.astimezone(zone)
        return f"{local:%H:%M on %A}, {local.day} {local:%B %Y} ({zone.key})"


def _in_time(ways: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Try several ways at once, none of which waits for another.

    Returns:
        why each failed, "" where it did not. What does not answer in time is left to itself: a
        trigger must come to its end, whatever a server or a resolver does.
    """
    heard = dict.fromkeys(ways, "no answer in time")

    def attempt(name: str, way: Callable[[], str]) -> None:
        try:
            heard[name] = way()
        except Exception as error:  # noqa: BLE001  # one way's fault is not another's
            heard[name] = reason(error)

    threads = [Thread(target=attempt, args=way, daemon=True) for way in ways.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(heard)


def _outcome(why: str) -> str:
    return f"the owner was not told: {why}" if why else "the owner is told"
