"""The author's folder: settings file, issues, theme, images, lists, git, the second ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Container
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from newsletter.project import files, records
from newsletter.settings import Settings

if TYPE_CHECKING:
    from newsletter.issue import Issue
    from newsletter.project.issues import PreparedIssue


class Project(NamedTuple):
    """A newsletter's folder with its settings: what every command opens.

    Attributes:
        root: the folder.
        settings: the effective ones.
    """

    root: Path
    settings: Settings

    @property
    def zone(self) -> ZoneInfo:
        """The newsletter's time zone."""
        return ZoneInfo(self.settings.site.timezone)

    @property
    def rehearses(self) -> bool:
        """Whether the configured transport is the one of rehearsals, without opening it."""
        return self.settings.transport.kind == "folder"

    @property
    def store_url(self) -> str:
        """Where the records are, as an absolute URL."""
        return records.store_url(self.root, self.settings.store.url, self._password)

    def other_store_url(self, url: str) -> str:
        """The same of other records than those of the settings.

        Raises:
            InputError: it is the URL of no database.
        """
        return records.other_url(self.root, url, self._password)

    @property
    def _password(self) -> str:
        password = self.settings.store.password
        return password.get_secret_value() if password else ""

    def today(self, now: dt.datetime) -> dt.date:
        """The author's date, in the newsletter's time zone."""
        return now.astimezone(self.zone).date()

    def issue(
        self, number: int, *, now: dt.datetime, closed: Callable[[], Container[int]] = tuple
    ) -> PreparedIssue:
        """Read, render and check an issue by its number."""
        return self.issue_at(files.find_issue(self.root, number), now=now, closed=closed)

    def issue_at(
        self, name: str, *, now: dt.datetime, closed: Callable[[], Container[int]] = tuple
    ) -> PreparedIssue:
        """Read, render and check an issue by its file; `closed` as for `prepare_issue`."""
        from newsletter.project.issues import prepare_issue  # noqa: PLC0415  # rendering is heavy

        return prepare_issue(self.root, name, self.settings, today=self.today(now), closed=closed)

    def issues(self) -> tuple[Issue, ...]:
        """Every issue of the folder as it is written, by number.

        Raises:
            InputError: one of them cannot be read.
        """
        from newsletter.issue import parse  # noqa: PLC0415  # not every command reads issues

        names = files.issue_files(self.root)
        return tuple(parse(files.read_issue(self.root, name), file=name) for name in names)
