"""Letters that an earlier service sent come into the folder of issues, once and for good."""

from __future__ import annotations

import dataclasses
import datetime as dt
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from newsletter.errors import InputError, Place
from newsletter.exports.past import local_day, numbered, past_issue
from newsletter.exports.posts import Export, ExportFiles, PastPost
from newsletter.exports.services import read_export
from newsletter.issue import Issue, parse
from newsletter.issue.page import page_matter
from newsletter.project import Project, files
from newsletter.publishing.picture_names import PictureNames
from newsletter.publishing.redirects import base_path, is_page

_PICTURES: Final = f"{files.ISSUES}/images"
_KINDS: Final = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"})
_LINKED: Final = re.compile(r"!\[(?:[^\]\\]|\\.)*\]\(\s*<?https?://|<img\b[^>]*?\bsrc=[\"']https?:")
_OWN: Final = "__GHOST_URL__"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedIssue:
    """One issue that an import writes.

    Attributes:
        name: its path in the newsletter's folder.
        issue: as it is read from there.
        place: where the export has it.
        left_out: what of it did not come along, in words.
    """

    name: str
    issue: Issue
    place: Place
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastImport:
    """What an import did, or would do.

    Attributes:
        service: the earlier service's name.
        written: the issues, by number.
        there: how many an earlier import had brought.
        skipped: what else the export holds, each with its place and the reason.
        copied: pictures that came along, as paths in the newsletter's folder.
        linked: how many pictures are shown from where they were.
        renumbered: how many have another number than the one they had.
    """

    service: str
    written: tuple[ImportedIssue, ...]
    there: int
    skipped: tuple[tuple[Place, str], ...]
    copied: tuple[str, ...]
    linked: int
    renumbered: int


def import_issues(
    project: Project,
    export: ExportFiles,
    *,
    site: str,
    first: int | None,
    today: dt.date,
    dry_run: bool,
) -> PastImport:
    """Write the letters of an export as issues that were sent elsewhere; no file is replaced.

    All of it is read and converted before the first file is written.

    Args:
        project: the newsletter.
        export: the files that the service gave.
        site: the address at which they were read, "" where nobody says.
        first: the first one's number; None for their own, or what seems right.
        today: the author's date.
        dry_run: whether nothing is written.

    Raises:
        InputError: it cannot be read, or an issue of that number is there already.
        PausedError: the disk is full; the same import goes on.
    """
    found = read_export(export, site)
    site = site or found.site
    issues = project.issues()
    known = {key: one.number for one in issues if (key := str(one.extra.get("imported", "")))}
    posts, skipped = _letters(found, project, today)
    numbers = numbered(
        posts, project.zone, known=known, taken={one.number: one.file for one in issues},
        first=first,
    )  # fmt: skip
    pictures = _Pictures(project, export)
    base = base_path(project.settings.site.archive_url)
    used = {alias.rstrip("/") for one in issues for alias in _aliases_of(one)}
    written: list[ImportedIssue] = []
    texts: list[str] = []
    for number, post in numbers:
        finder = pictures.finder(post)
        made = past_issue(
            _without_taken(post, number, used, base), number, zone=project.zone,
            service=found.service, site=site, pictures=finder,
        )  # fmt: skip
        name = f"{files.ISSUES}/{made.name}"
        try:
            issue = parse(made.text.encode(), file=name)
            page_matter(issue)
        except InputError as error:
            skipped.append((post.place, f'"{post.title}" cannot be an issue: {error.message}'))
            continue
        left_out = (*made.left_out, *pictures.missing(post, site))
        written.append(ImportedIssue(name=name, issue=issue, place=post.place, left_out=left_out))
        texts.append(made.text)
    if not dry_run:
        pictures.copy()
        for one, text in zip(written, texts, strict=True):
            files.write_new(project.root / one.name, text.encode())
    return PastImport(
        service=found.service, written=tuple(written), there=len(posts) - len(numbers),
        skipped=tuple(skipped), copied=pictures.targets(),
        renumbered=sum(post.number not in {None, number} for number, post in numbers),
        linked=sum(len(_LINKED.findall(text)) for text in texts),
    )  # fmt: skip


def _letters(
    found: Export, project: Project, today: dt.date
) -> tuple[list[PastPost], list[tuple[Place, str]]]:
    """The posts that can be issues: what was sent has a day, and one that has not come is none."""
    posts, skipped = [], list(found.skipped)
    for post in found.posts:
        day = local_day(post, project.zone)
        if post.sent and day is None:
            skipped.append((post.place, f'"{post.title}" has no date'))
        elif post.sent and day and day > today:
            why = f"its date, {day}, has not come: it is a draft"
            posts.append(dataclasses.replace(post, sent=False, left_out=(*post.left_out, why)))
        else:
            posts.append(post)
    return posts, skipped


def _aliases_of(issue: Issue) -> tuple[str, ...]:
    try:
        return page_matter(issue).aliases
    except InputError:
        return ()


def _without_taken(post: PastPost, number: int, used: set[str], base: str) -> PastPost:
    """The post without addresses that another issue or the archive itself answers to."""
    kept, left_out = [], list(post.left_out)
    for alias in post.aliases:
        if is_page(alias, base):
            # Its own page may well be where it always was.
            if alias.rstrip("/") != f"{base}{number}":
                left_out.append(f"its address {alias} is a page of the archive itself")
        elif alias.rstrip("/") in used:
            left_out.append(f"its address {alias} belongs to another issue")
        else:
            used.add(alias.rstrip("/"))
            kept.append(alias)
    return dataclasses.replace(post, aliases=tuple(kept), left_out=tuple(left_out))


class _Pictures:
    """The pictures of an export that issues show, and what they are called here."""

    def __init__(self, project: Project, export: ExportFiles) -> None:
        self._root, self._export = project.root, export
        self._names = PictureNames(project.root / files.ISSUES)
        self._named: dict[str, list[str]] = {}
        for name in export.names:
            if PurePosixPath(name).suffix.lower() in _KINDS:
                self._named.setdefault(PurePosixPath(name).name, []).append(name)
        self._moved: dict[str, str] = {}
        self._absent: dict[str, list[str]] = {}

    def finder(self, post: PastPost) -> Callable[[str], str]:
        """Finds the pictures of one post."""

        def find(src: str) -> str:
            name = self._source(src, post.folder)
            if name:
                return self._target(name)
            if "://" not in src and not src.startswith(("//", "data:", _OWN)):
                self._absent.setdefault(post.key, []).append(src)
            return ""

        return find

    def missing(self, post: PastPost, site: str) -> tuple[str, ...]:
        """What a post shows by a path that the export does not have, in words."""
        absent = dict.fromkeys(self._absent.get(post.key, ()))
        return tuple(
            f"the picture {src[:80]} is not in the export"
            for src in absent
            if not (site and (post.html or src.startswith("/")))
        )

    def targets(self) -> tuple[str, ...]:
        """Where pictures lie afterwards, in the newsletter's folder."""
        return tuple(sorted({f"{files.ISSUES}/{one}" for one in self._moved.values()}))

    def copy(self) -> None:
        """Put them there; what is there already stays."""
        for source, target in self._moved.items():
            files.write_new(self._root / files.ISSUES / target, self._export.read(source))

    def _source(self, src: str, folder: str) -> str:
        """The file of the export that a post calls so, "" where there is none."""
        own = src.startswith(_OWN)
        path = unquote(urlsplit(src.removeprefix(_OWN)).path) if own or "://" not in src else ""
        candidates = self._named.get(PurePosixPath(path).name, []) if path else []
        beside = posixpath.normpath(posixpath.join(folder, path)) if not own else ""
        if beside in candidates:
            return beside
        below = posixpath.normpath(path).lstrip("/")
        if below.startswith("..") or not (own or path.startswith("/")):
            return ""
        ends = (f"/{below}", below)
        return next((one for one in candidates if f"/{one}".endswith(ends[0])), "")

    def _target(self, source: str) -> str:
        if source not in self._moved:
            path = PurePosixPath(source)
            name = self._names.give(path.stem, path.suffix.lower(), self._export.read(source))
            self._moved[source] = name
        return self._moved[source]
