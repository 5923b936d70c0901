"""Whom a trigger tells."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from newsletter.project.issues import PreparedIssue


class Owner(Protocol):
    """The newsletter's owner, who is told each thing once."""

    @property
    def has_mail(self) -> bool:
        """Whether there is an address for announcements and reminders."""
        ...

    def alert(self, topic: str, subject: str, text: str) -> None:
        """Tell of something that the owner must decide, once per topic."""
        ...

    def remind(self, topic: str, subject: str, text: str) -> None:
        """Tell of what is still to be done, once per topic."""
        ...

    def announce(
        self, prepared: PreparedIssue, *, recipients: int, goes_at: dt.datetime, window: int
    ) -> None:
        """Send the letter itself, with the count, the time and how to cancel above it."""
        ...
