"""Issues as one invented reader will get them, made anew only when something changed."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from newsletter.check import Finding
from newsletter.issue import number_of
from newsletter.pictures import MadePicture
from newsletter.preview.readers import Reader
from newsletter.preview.shelf import IssueState, state_once_due
from newsletter.project import Project, files, ledger
from newsletter.project.issues import PreparedIssue, read_theme
from newsletter.project.letters import FOLDER as LETTERS
from newsletter.render import RenderedLink
from newsletter.render.markdown import Image
from newsletter.sending.closed import closed_here
from newsletter.sending.sample import sample
from newsletter.settings import Settings

_DEFAULT_THEME: Final = "templates/email"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuePreview:
    """One issue as an invented reader gets it, or a letter about the list.

    Attributes:
        file: its path relative to the newsletter's folder.
        title: one line, merge fields as written.
        status: how far it is, in the words of the list of issues; without the records as long as
            its date has not come.
        sender: the name readers see, or the address where there is none.
        subject: one line.
        preheader: one line, may be empty.
        html: the HTML part.
        mjml: the theme's page before it was compiled.
        mail: the bytes of the .eml.
        links: the links of the HTML part as they were rendered, for their lines.
        images: the letter's images as they were rendered, for their lines.
        findings: what the checks say, ignored ones marked.
        assets_url: where the mail says its local images are, "" where they stand as written.
        pictures: those that are made for this mail, by their paths below `assets_url`; none where
            they are published as they are.
        size: bytes of the HTML part as the usual reader gets it, as the checks and a send tell it.
        source: names everything it was made from, whoever the reader.
        begun: whether its real send was begun, by the files in `issues/.ledger`.
        own: whether the author has written it, as they have not where a letter is the shipped one.
    """

    file: str
    title: str
    status: IssueState
    sender: str
    subject: str
    preheader: str
    html: str
    mjml: str
    mail: bytes
    links: tuple[RenderedLink, ...] = ()
    images: tuple[Image, ...] = ()
    findings: tuple[Finding, ...] = ()
    assets_url: str = ""
    pictures: Mapping[str, MadePicture] = field(default_factory=dict)
    size: int = 0
    source: str = ""
    begun: bool = False
    own: bool = True


@dataclass(slots=True)
class _Made:
    """What is remembered of an issue: valid as long as its sources are the same."""

    sources: object
    prepared: PreparedIssue
    begun: bool
    previews: dict[str, IssuePreview] = field(default_factory=dict)


class IssuePreviews:
    """The issues of a newsletter's folder; safe to share between threads.

    Args:
        root: the folder.
        settings: reads its settings, which may change at any time.
        clock: now, with a time zone.
    """

    def __init__(
        self, root: Path, settings: Callable[[], Settings], clock: Callable[[], dt.datetime]
    ) -> None:
        self._root = root
        self._settings = settings
        self._clock = clock
        self._theme = _DEFAULT_THEME
        self._made: dict[int, _Made] = {}
        self._one_at_a_time = threading.Lock()

    def preview(self, number: int, reader: Reader) -> IssuePreview | None:
        """One issue for one reader, None when there is none of this number.

        Raises:
            InputError: settings, theme or issue cannot be read.
        """
        with self._one_at_a_time:
            settings = self._settings()
            made = self._open(number, settings)
            if made is None:
                return None
            known = made.previews.get(reader.key)
            if known is None:
                known = made.previews[reader.key] = _sample(made, settings, reader)
            status = self._status(known, made, settings)
            return known if status == known.status else replace(known, status=status)

    def prepared(self, number: int) -> tuple[Settings, PreparedIssue] | None:
        """One issue, rendered and checked, with the settings of now; None as for `preview`.

        Raises:
            InputError: as `preview`.
        """
        with self._one_at_a_time:
            settings = self._settings()
            made = self._open(number, settings)
            return (settings, made.prepared) if made else None

    def _status(self, known: IssuePreview, made: _Made, settings: Settings) -> IssueState:
        """How far it is: the records are asked only of what is approved and may have to go."""
        if known.status != "approved" or made.begun:
            return known.status
        project = Project(self._root, settings)
        return state_once_due(project, made.prepared, self._clock()) or known.status

    def folders(self) -> tuple[Path, ...]:
        """Every folder in which a change may change a preview."""
        theme = self._root / self._theme
        above = (folder for folder in theme.parents if self._root in folder.parents)
        written = (self._root / name for name in (files.ISSUES, LETTERS))
        trees = (path for tree in (theme, *written) for path in _with_subfolders(tree))
        return (self._root, *above, *trees)

    def _open(self, number: int, settings: Settings) -> _Made | None:
        self._theme = settings.theme.folder
        if number not in map(number_of, files.issue_files(self._root)):
            return None
        name = files.find_issue(self._root, number)
        project, now = Project(self._root, settings), self._clock()
        begun = number in ledger.issues(self._root)
        sources = self._sources(name, settings, project.today(now)), begun
        made = self._made.get(number)
        # A rival may be cancelled or sent meanwhile, which changes no file.
        if made is None or made.sources != sources or made.prepared.letter.rivals:
            prepared = project.issue_at(name, now=now, closed=partial(closed_here, project))
            made = self._made[number] = _Made(sources, prepared, begun)
        return made

    def _sources(self, name: str, settings: Settings, today: dt.date) -> object:
        """Everything a preview is made from: equal sources, equal preview."""
        pictures = tuple(sorted(pictures_in(self._root / files.ISSUES)))
        theme = read_theme(self._root, settings)
        names = files.issue_files(self._root)
        return files.read_issue(self._root, name), theme, settings, today, names, pictures


def _sample(made: _Made, settings: Settings, reader: Reader) -> IssuePreview:
    prepared = made.prepared
    sampled = sample(settings, prepared, reader.person(settings.fields))
    letter = sampled.letter
    return IssuePreview(
        file=prepared.issue.file,
        title=prepared.issue.title,
        status=_status(prepared),
        begun=made.begun,
        sender=settings.sender.from_name or settings.sender.from_address,
        subject=letter.subject,
        preheader=letter.preheader,
        html=letter.html,
        mjml=letter.mjml,
        mail=sampled.mail,
        links=letter.links,
        images=letter.images,
        findings=prepared.findings,
        assets_url=settings.site.assets_url,
        pictures=prepared.pictures,
        size=prepared.size,
        source=hashlib.sha256(repr(made.sources).encode()).hexdigest()[:16],
    )


def _status(prepared: PreparedIssue) -> Literal["draft", "ready", "changed", "approved"]:
    """How far the issue is by what is written, without the records."""
    issue = prepared.issue
    if issue.status == "draft" or not issue.approved:
        return issue.status
    return "approved" if issue.approved == prepared.approval else "changed"


def pictures_in(folder: Path) -> Iterator[tuple[str, int, int]]:
    """What lies in a folder beside the letters, and what tells that it changed."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it went just now
            if path.suffix != ".md" and path.is_file():
                found = path.stat()
                yield str(path), found.st_mtime_ns, found.st_size


def _with_subfolders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        yield from (path for path in folder.rglob("*") if path.is_dir())
