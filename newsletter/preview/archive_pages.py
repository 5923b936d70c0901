"""The archive as it will be once an issue is sent, for the preview to show its page."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from newsletter.errors import NotFitError
from newsletter.project import Project
from newsletter.publishing.archive import build_archive
from newsletter.publishing.letters import KnownLetter
from newsletter.publishing.redirects import UnfitArchiveError
from newsletter.publishing.sources import read_sources
from newsletter.settings import Settings
from newsletter.signup.forms import form_elsewhere

#: The file of this path in the archive as it will be, None where there is none.
ArchivePage = Callable[[int, str], bytes | None]


class ArchivePreview:
    """Lays out the archive for each look; letters that have not changed are not rendered again.

    Args:
        root: the newsletter's folder.
        settings: reads its settings.
        clock: now, with a time zone.
    """

    def __init__(
        self, root: Path, settings: Callable[[], Settings], clock: Callable[[], dt.datetime]
    ) -> None:
        self._root, self._settings, self._clock = root, settings, clock
        self._known: Mapping[str, KnownLetter] = {}
        self._one_at_a_time = threading.Lock()

    def page(self, number: int, path: str) -> bytes | None:
        """A file of the archive as if this issue had been sent on its date, or today.

        Raises:
            NewsletterError: there would be none, and why.
        """
        with self._one_at_a_time:
            project = Project(self._root, self._settings())
            today = project.today(self._clock())
            sources = read_sources(
                project, form=form_elsewhere(project, "archive"), known=self._known
            )
            own = next((one for one in sources.issues if one.number == number), None)
            day = (own.date if own else None) or today
            moment = dt.datetime.combine(day, dt.time(), project.zone)
            sent = {number: moment, **sources.sent}
            try:
                archive = build_archive(dataclasses.replace(sources, sent=sent), today=today)
            except UnfitArchiveError as error:
                first = error.findings[0]
                raise NotFitError(first.message, place=first.place, hint=first.hint) from error
            self._known = archive.letters
            if reason := archive.selection.excluded.get(number):
                raise NotFitError(
                    f"issue {number} gets no page: {reason}", hint="see docs/archive.md"
                )
            file = archive.files.get(path)
            return file.make() if file else None
