"""Proofs: issues as one invented reader will get them, made anew only when something changed."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from newsletter.check import Finding
from newsletter.errors import InputError
from newsletter.issue import Status, number_of, parse
from newsletter.settings import Settings
from newsletter.store import files
from newsletter.store.letters import open_letter, read_theme
from newsletter.store.sample import sample

_DEFAULT_THEME: Final = "templates/email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the list of issues.

    Attributes:
        number: of the issue.
        title: one line, "" where the file cannot be read.
        date: as written, or None.
        status: draft or ready.
        fault: what keeps the file from being read, and where; else "".
    """

    number: int
    title: str = ""
    date: dt.date | None = None
    status: Status = "ready"
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One issue as the invented reader gets it.

    Attributes:
        number: of the issue.
        title: one line, merge fields as written.
        status: draft or ready.
        html: the HTML part.
        text: the text part.
        findings: what the checks say, ignored ones marked.
        assets_url: where the mail says its local images are, "" where they stand as written.
    """

    number: int
    title: str
    status: Status
    html: str
    text: str
    findings: tuple[Finding, ...] = ()
    assets_url: str = ""


class Proofs:
    """The issues of a newsletter's folder; safe to share between threads.

    Args:
        root: the folder.
        settings: reads its settings, which may change at any time.
    """

    def __init__(self, root: Path, settings: Callable[[], Settings]) -> None:
        self._root = root
        self._settings = settings
        self._theme = _DEFAULT_THEME
        self._made: dict[int, tuple[object, Proof]] = {}
        self._one_at_a_time = threading.Lock()

    def shelf(self) -> tuple[Entry, ...]:
        """All issues, the newest first; one that cannot be read says why."""
        return tuple(self._entry(name) for name in reversed(files.issue_files(self._root)))

    def proof(self, number: int) -> Proof | None:
        """One issue, None when there is none of this number.

        Raises:
            InputError: settings, theme or issue cannot be read.
        """
        with self._one_at_a_time:
            settings = self._settings()
            self._theme = settings.theme.folder
            if number not in map(number_of, files.issue_files(self._root)):
                return None
            name = files.find_issue(self._root, number)
            today = dt.datetime.now(ZoneInfo(settings.site.timezone)).date()
            sources = self._sources(name, settings, today)
            known = self._made.get(number)
            if known is None or known[0] != sources:
                known = sources, self._print(name, settings, today)
                self._made[number] = known
            return known[1]

    def folders(self) -> tuple[Path, ...]:
        """Every folder in which a change may change a proof."""
        theme = self._root / self._theme
        above = (folder for folder in theme.parents if self._root in folder.parents)
        trees = (*_with_subfolders(theme), *_with_subfolders(self._root / files.ISSUES))
        return (self._root, *above, *trees)

    def _entry(self, name: str) -> Entry:
        try:
            issue = parse(files.read_issue(self._root, name), file=name)
        except InputError as fault:
            return Entry(number=number_of(name) or 0, fault=str(fault))
        return Entry(number=issue.number, title=issue.title, date=issue.date, status=issue.status)

    def _sources(self, name: str, settings: Settings, today: dt.date) -> object:
        """Everything a proof is made from: equal sources, equal proof."""
        pictures = tuple(sorted(_pictures(self._root / files.ISSUES)))
        theme = read_theme(self._root, settings)
        names = files.issue_files(self._root)
        return files.read_issue(self._root, name), theme, settings, today, names, pictures

    def _print(self, name: str, settings: Settings, today: dt.date) -> Proof:
        opened = open_letter(self._root, name, settings, today=today)
        letter = sample(settings, opened).letter
        return Proof(
            number=opened.issue.number,
            title=opened.issue.title,
            status=opened.issue.status,
            html=letter.html,
            text=letter.text,
            findings=opened.findings,
            assets_url=settings.site.assets_url,
        )


def _pictures(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it went just now
            if path.suffix != ".md" and path.is_file():
                found = path.stat()
                yield str(path), found.st_mtime_ns, found.st_size


def _with_subfolders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        yield from (path for path in folder.rglob("*") if path.is_dir())
