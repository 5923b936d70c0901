"""The letters of an archive: rendered once, and only where an earlier build does not know them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from newsletter import __version__
from newsletter.check import Finding
from newsletter.errors import InputError, Place
from newsletter.issue import Issue
from newsletter.pictures import MadePicture, PictureFault
from newsletter.publishing.redirects import UnfitArchiveError
from newsletter.publishing.select import PublishedIssue
from newsletter.render.utm import legal, untagged
from newsletter.render.web import WebLetter, web_letter
from newsletter.settings import Settings

#: Makes a picture that an issue names by a path ready for a page; None where no such file is in the
#: folder.
PictureReader = Callable[[str, str], MadePicture | PictureFault | None]

_KINDS: Final = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLetter:
    """What is remembered of a letter: SHA-256 (hex) of each picture it shows, by path."""

    pictures: Mapping[str, str]


class Letters:
    """The letters of one build.

    Args:
        settings: the newsletter's.
        read: reads a picture by the issue's file and the picture's path.
        known: letters of an earlier build, by the fingerprint of what they say.
    """

    def __init__(
        self, settings: Settings, read: PictureReader, known: Mapping[str, KnownLetter]
    ) -> None:
        self._settings, self._read, self._known = settings, read, known
        self._rendered: dict[int, WebLetter] = {}
        self._kept: dict[str, KnownLetter] = {}
        # Of each picture: the file of an issue that shows it, its hash, and its size.
        self._found: dict[str, tuple[str, str, tuple[int, int] | None]] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._faults: dict[str, PictureFault] = {}

    def look_through(self, issues: Iterable[PublishedIssue]) -> None:
        """Read the pictures of all letters; those that no earlier build knows are rendered.

        Raises:
            UnfitArchiveError: a picture is not there, or none; a merge field says nothing.
        """
        findings: list[Finding] = []
        for one in issues:
            key = self._key(one)
            known = self._known.get(key)
            if known is None or not self._all_there(one, known):
                names = self._render(one, findings)
                known = KnownLetter(pictures={name: self._digest(name) for name in sorted(names)})
            self._kept[key] = known
        if findings:
            raise UnfitArchiveError(tuple(findings))

    def fingerprint(self, one: PublishedIssue) -> tuple[object, ...]:
        """What a letter's HTML depends on."""
        key = self._key(one)
        return key, sorted(self._kept[key].pictures.items())

    def letter(self, one: PublishedIssue) -> WebLetter:
        """A letter, rendered where it is not yet."""
        if one.issue.number not in self._rendered:
            self._render(one, [])
        return self._rendered[one.issue.number]

    def pictures(self) -> Mapping[str, tuple[str, Callable[[], bytes]]]:
        """The pictures that are in use by path: SHA-256 (hex), and what reads them."""
        return {
            name: (digest, functools.partial(self._again, file, name))
            for name, (file, digest, _) in self._found.items()
        }

    def size(self, src: str) -> tuple[int, int] | None:
        """Width and height of a picture by its address in a letter, None where unknown."""
        return self._sizes.get(src)

    def to_remember(self) -> Mapping[str, KnownLetter]:
        """What the next build is to know."""
        return self._kept

    def _key(self, one: PublishedIssue) -> str:
        settings = self._settings
        whole = (
            __version__, one.issue.source_hash, one.issue.file, one.matter.image,
            settings.site.language, sorted(settings.fields.items()), settings.utm.replace_sources,
        )  # fmt: skip
        return hashlib.sha256(repr(whole).encode(errors="backslashreplace")).hexdigest()

    def _all_there(self, one: PublishedIssue, known: KnownLetter) -> bool:
        """Whether a letter's pictures are those of the earlier build."""
        return all(
            self._fetch(one, name) and self._digest(name) == digest
            for name, digest in known.pictures.items()
        )

    def _render(self, one: PublishedIssue, findings: list[Finding]) -> set[str]:
        """Render a letter; what is wrong with it is added to the findings."""
        names: dict[str, None] = {}

        def shown(src: str) -> str:
            name = _local(src)
            if not name:
                return src
            names[name] = None
            self._fetch(one, name)
            address = legal(f"../{src.removeprefix('./')}")
            if name in self._found and (size := self._found[name][2]):
                self._sizes[address] = size
            return address

        settings, issue = self._settings, one.issue
        letter = web_letter(
            issue, fields=settings.fields, language=settings.site.language, shown=shown,
            tag=lambda url: untagged(url, settings.utm.replace_sources), sizes=self._sizes,
        )  # fmt: skip
        if (own := _local(one.matter.image)) and "://" not in own:
            names[own] = None
            self._fetch(one, own)
        self._rendered[issue.number] = letter
        for name in names:
            if problem := self._problem(name):
                fault = self._faults.get(name)
                place = _place(issue, name)
                hint = fault.hint if fault else "see its name and its place"
                findings.append(_finding("archive-picture", place, f"{name} {problem}", hint))
        for name in letter.without_fallback:
            message = f'the field "{name}" has no fallback for people without one'
            hint = f"set fields.{name}, or write a default at its place"
            findings.append(_finding("field-no-fallback", issue.place("title"), message, hint))
        return set(names) & set(self._found)

    def _fetch(self, one: PublishedIssue, name: str) -> bool:
        """Look at a picture once; whether it may be published."""
        if name not in self._found and PurePosixPath(name).suffix.lower() in _KINDS:
            made = self._read(one.issue.file, name)
            if isinstance(made, MadePicture):
                made = _called_otherwise(name, made) or made
            if isinstance(made, PictureFault):
                self._faults[name] = made
            elif made is not None:
                digest = hashlib.sha256(made.data).hexdigest()
                size = (made.width, made.height) if made.width else None
                self._found[name] = (one.issue.file, digest, size)
        return name in self._found

    def _again(self, file: str, name: str) -> bytes:
        """The bytes of a picture, read when they are needed: together they may be large."""
        made = self._read(file, name)
        if not isinstance(made, MadePicture):
            raise InputError("this picture has gone", place=Place(name), hint="put it back")
        return made.data

    def _problem(self, name: str) -> str:
        if name in self._found:
            return ""
        if ".." in name.split("/"):
            return "leads out of the folder of the issues"
        if PurePosixPath(name).suffix.lower() not in _KINDS:
            return "is no kind of picture that pages show"
        fault = self._faults.get(name)
        return fault.message if fault else "is not there"

    def _digest(self, name: str) -> str:
        return self._found[name][1]


def _place(issue: Issue, name: str) -> Place:
    """The line that names a picture, the letter's first where it is written in another way."""
    lines = issue.body.split("\n")
    found = next((n for n, line in enumerate(lines) if name in line), 0)
    return Place(issue.file, issue.body_line + found)


def _called_otherwise(name: str, made: MadePicture) -> PictureFault | None:
    """Browsers look into pixels themselves, but take a drawing for one only by its name."""
    if name.lower().endswith(".svg") == (made.suffix == ".svg"):
        return None
    what = "is an SVG by another name" if made.suffix == ".svg" else "is no SVG"
    return PictureFault("picture-unreadable", what, f"call it {made.suffix}")


def _finding(id_: str, place: Place, message: str, hint: str) -> Finding:
    return Finding(id=id_, severity="error", place=place, message=message, hint=hint)


def _local(src: str) -> str:
    """The path of a picture of the author's, "" for one that lies elsewhere."""
    if not src or "://" in src or src.startswith(("/", "#", "data:", "cid:")):
        return ""
    return unquote(src.partition("?")[0].partition("#")[0]).removeprefix("./")
