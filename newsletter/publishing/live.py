"""The archive as it is served: the last good one, and nothing of what was withdrawn since.

An author who keeps an issue out means now, whatever is wrong with another.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from newsletter.errors import InputError
from newsletter.issue import Issue, parse
from newsletter.issue.page import is_kept_out
from newsletter.project import Project, files, ledger
from newsletter.publishing.archive import Archive, ArchiveSources, build_archive
from newsletter.publishing.redirects import UnfitArchiveError
from newsletter.publishing.select import select_issues
from newsletter.publishing.sources import read_sources

#: The same word in a file that cannot be read otherwise.
_KEPT_OUT: Final = re.compile(
    rb"^archive:[ \t]*[\"']?(?:no|false|off)\b", re.IGNORECASE | re.MULTILINE
)


@dataclass(slots=True)
class LiveArchive:
    """Builds the archive again and again, and remembers the last good one.

    Attributes:
        project: the newsletter.
        form: the sign-up form as HTML, "" for none.
        today: the author's date.
    """

    project: Project
    form: str
    today: Callable[[], dt.date]
    _good: ArchiveSources | None = None
    _public: frozenset[int] = frozenset()

    def build(self) -> Archive:
        """Lay out the archive as the files are now.

        Raises:
            NewsletterError: as `read_sources` and `build_archive`.
        """
        sources = read_sources(self.project, form=self.form, known={})
        archive = build_archive(sources, today=self.today())
        return self._remembered(sources, archive)

    def without_withdrawn(self) -> Archive | None:
        """The last good archive without what its author keeps out by now; None for no change.

        Raises:
            NewsletterError: not even that can be laid out.
        """
        good, today = self._good, self.today()
        if good is None or not (gone := withdrawn(self.project, good, today) & self._public):
            return None
        left = tuple(one for one in good.issues if one.number not in gone)
        smaller = dataclasses.replace(good, issues=left)
        try:
            archive = build_archive(smaller, today=today)
        except UnfitArchiveError as error:
            # Such as a picture that has gone since: its issue is missing until that is fixed.
            unfit = {finding.place.file for finding in error.findings}
            left = tuple(one for one in left if one.file not in unfit)
            smaller = dataclasses.replace(good, issues=left)
            archive = build_archive(smaller, today=today)
        return self._remembered(smaller, archive)

    def _remembered(self, sources: ArchiveSources, archive: Archive) -> Archive:
        self._good = sources
        self._public = frozenset(one.issue.number for one in archive.selection.issues)
        return archive


def withdrawn(project: Project, good: ArchiveSources, today: dt.date) -> frozenset[int]:
    """Which issues have no page by what their files say now.

    Args:
        project: the newsletter.
        good: what the last good archive was made from.
        today: the author's date.
    """
    try:
        sent = ledger.begun(project.root)
    except InputError:
        sent = dict(good.sent)
    return frozenset(one.number for one in good.issues if _is_withdrawn(project, one, sent, today))


def _is_withdrawn(
    project: Project, issue: Issue, sent: Mapping[int, dt.datetime], today: dt.date
) -> bool:
    if not (project.root / issue.file).exists():
        return True
    try:
        data = files.read_issue(project.root, issue.file)
    except InputError:
        return False
    try:
        now = parse(data, file=issue.file)
    except InputError:
        return bool(_KEPT_OUT.search(data.partition(b"\n---")[0]))
    if is_kept_out(now):
        return True
    settings = project.settings
    try:
        found = select_issues(
            [now], sent, include=settings.archive.include, today=today,
            zone=ZoneInfo(settings.site.timezone),
        )  # fmt: skip
    except InputError:
        return False
    return bool(found.excluded)
