"""What an archive is made from, read from the author's folder."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Hashable, Mapping

from newsletter.project import Project, files, ledger
from newsletter.project.pictures import page_picture
from newsletter.publishing.archive import ArchiveSources
from newsletter.publishing.letters import KnownLetter


def read_sources(
    project: Project, *, form: str, known: Mapping[str, KnownLetter]
) -> ArchiveSources:
    """Read the issues, which were sent, and the author's HTML for the head of pages.

    What was sent is told by the files in `issues/.ledger/`, so that a clone without the records
    makes the same archive.

    Args:
        project: the newsletter.
        form: the sign-up form as HTML, "" for none.
        known: letters of an earlier build.

    Raises:
        InputError: an issue, the file of a run or the file of `archive.head` cannot be read.
    """
    head = project.settings.archive.head
    return ArchiveSources(
        settings=project.settings,
        issues=project.issues(),
        sent=ledger.begun(project.root),
        picture=functools.partial(page_picture, project.root),
        head=files.read_issue(project.root, head).decode(errors="replace") if head else "",
        form=form,
        known=known,
    )


def stamp(project: Project, today: dt.date) -> Hashable:
    """Differs whenever the archive may: names, sizes and times of the author's files, and the day.

    Raises:
        OSError: a folder cannot be read.
    """
    head = project.settings.archive.head
    paths = [*(project.root / files.ISSUES).rglob("*"), *([project.root / head] if head else [])]
    looked = ((path, path.stat()) for path in sorted(paths) if path.is_file())
    return today, tuple((str(path), at.st_mtime_ns, at.st_size) for path, at in looked)
