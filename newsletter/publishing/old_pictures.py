"""Pictures that past issues show from their earlier service come into the newsletter's folder.

Each issue is finished before the next begins, its pictures before its text: what was cut off leaves
no issue that names a picture which is not there, and the next time goes on.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from newsletter.errors import InputError, Place
from newsletter.exports.named import with_renamed
from newsletter.exports.prepared import Shown, plain_page, shown
from newsletter.http import Fetcher
from newsletter.issue import Issue, parse
from newsletter.pictures import LARGEST_FILE, PictureFault
from newsletter.project import Project, files
from newsletter.publishing.picture_names import PictureNames
from newsletter.render.utm import legal

_SECONDS: Final = 60.0
_OK: Final = 200
#: After so many questions that a server did not answer it is left alone.
_PATIENCE: Final = 3
_HEADERS: Final = {"User-Agent": "newsletter (pictures of past issues)", "Accept": "image/*"}
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_IMAGE: Final = re.compile(r"^image[ \t]*:.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuePictures:
    """What became of the pictures that one issue shows from elsewhere.

    Attributes:
        issue: as it was before.
        brought: what they are called now, as paths from the folder of issues, by their addresses.
        left: why others stay where they are, by their addresses; "" where nobody asked for them.
    """

    issue: Issue
    brought: Mapping[str, str]
    left: Mapping[str, str]


def patient_fetcher() -> Fetcher:
    """Asks the world for pictures, and no private network: exports are written by others."""
    return Fetcher(seconds=_SECONDS, keep=LARGEST_FILE)


def fetch_pictures(
    project: Project, fetcher: Fetcher, *, number: int | None = None, plan: bool = False
) -> Iterator[IssuePictures]:
    """Bring the pictures of past issues into `issues/images/`, and have their texts show these.

    Args:
        project: the newsletter.
        fetcher: how addresses are asked; it keeps bodies.
        number: of the one issue that is meant, None for all past ones.
        plan: whether nothing is asked for or written.

    Yields:
        each issue that shows a picture from elsewhere, when all is done for it.

    Raises:
        InputError: there is no such issue, or it is none of the past; a file cannot be written.
        PausedError: the disk is full; the same command goes on.
    """
    pictures = _OldPictures(project.root / files.ISSUES, fetcher)
    for issue in _past(project, number):
        data = files.read_issue(project.root, issue.file)
        page = _page(issue)
        addresses = _elsewhere(issue, page) if page else ()
        if not page or not addresses:
            continue
        # Whether the text can be changed is known before anything is asked for.
        trial = {_key(url): f"images/trial-{n}.png" for n, url in enumerate(addresses)}
        if not _says_the_same(_rewritten(data, issue, trial), issue, page, trial):
            why = "the text names it in a way that is not understood here: change it by hand"
            yield IssuePictures(issue=issue, brought={}, left=dict.fromkeys(addresses, why))
        elif plan:
            yield IssuePictures(issue=issue, brought={}, left=dict.fromkeys(addresses, ""))
        else:
            found = {url: pictures.bring(url) for url in addresses}
            # Servers are slow, and its author may have saved the text meanwhile.
            if files.read_issue(project.root, issue.file) != data:
                found = dict.fromkeys(addresses, ("", "its file changed meanwhile: run this again"))
            brought = {url: name for url, (name, _) in found.items() if name}
            new = _rewritten(data, issue, {_key(url): name for url, name in brought.items()})
            if brought:
                files.write_atomic(project.root / issue.file, new)
            left = {url: why for url, (name, why) in found.items() if not name}
            yield IssuePictures(issue=issue, brought=brought, left=left)


def _past(project: Project, number: int | None) -> Iterator[Issue]:
    issues = project.issues()
    if number is None:
        yield from (one for one in issues if _is_past(one))
        return
    issue = next((one for one in issues if one.number == number), None)
    if issue is None:
        raise InputError(f"there is no issue {number}", hint="see --issue")
    if not _is_past(issue):
        raise InputError(
            f"issue {number} did not come from an earlier service",
            place=Place(issue.file), hint="put its pictures into issues/images/ yourself",
        )  # fmt: skip
    yield issue


def _is_past(issue: Issue) -> bool:
    return bool(issue.sent_elsewhere or issue.extra.get("imported"))


def _rewritten(data: bytes, issue: Issue, names: Mapping[str, str]) -> bytes:
    """The file with its pictures' new names; its line ends and all else stay."""
    lines = _LINE.findall(data.decode("utf-8"))
    head, body = "".join(lines[: issue.body_line - 1]), "".join(lines[issue.body_line - 1 :])
    image = str(issue.raw.get("image", ""))
    if name := names.get(_key(image)):
        head = _IMAGE.sub(f"image: {name}", head, count=1)
    return (head + with_renamed(body, lambda src: names.get(_key(src), ""))).encode()


def _says_the_same(new: bytes, issue: Issue, page: _Page, names: Mapping[str, str]) -> bool:
    """Whether a new text differs from the old one in its pictures' names alone."""
    try:
        changed = parse(new, file=issue.file)
    except InputError:
        return False
    now = _page(changed)
    image = str(issue.raw.get("image", ""))
    if now is None or str(changed.raw.get("image", "")) != names.get(_key(image), image):
        return False
    rest = ({**one.raw, "image": ""} for one in (issue, changed))
    expected = tuple((names.get(_key(src), src), alt) for src, alt in page.seen.pictures)
    return next(rest) == next(rest) and now.seen == dataclasses.replace(
        page.seen, pictures=expected
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """What readers of an issue's page see, and its pictures' addresses as they are asked for."""

    seen: Shown
    addresses: tuple[str, ...]


def _page(issue: Issue) -> _Page | None:
    """The page of an issue, None where that cannot be made: `archive build` says why."""
    root = plain_page(issue)
    if root is None:
        return None
    return _Page(shown(root), tuple(image.get("src", "") for image in root.iter("img")))


def _elsewhere(issue: Issue, page: _Page) -> tuple[str, ...]:
    named = [*page.addresses, str(issue.raw.get("image", ""))]
    return tuple(dict.fromkeys(one for one in named if re.match(r"(?:https?:)?//", one.lower())))


def _key(address: str) -> str:
    """An address without the ways of writing it, as `shown` has it."""
    return unquote(address.strip()).replace(" ", "")


@dataclass(slots=True)
class _OldPictures:
    """Fetches each picture once, and writes it at once: together they may be large."""

    folder: Path
    fetcher: Fetcher
    _names: PictureNames = field(init=False)
    _found: dict[str, tuple[str, str]] = field(default_factory=dict)
    _problems: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._names = PictureNames(self.folder)

    def bring(self, url: str) -> tuple[str, str]:
        """The path of a picture beside the issues, or "" and why it stays at its address."""
        if url not in self._found:
            self._found[url] = self._asked(f"https:{url}" if url.startswith("//") else url)
        return self._found[url]

    def _asked(self, url: str) -> tuple[str, str]:
        host = url.partition("://")[2].partition("/")[0]
        problems = self._problems.setdefault(host, [])
        if len(problems) >= _PATIENCE:
            return "", problems[-1]
        reply = self.fetcher.ask(legal(url), headers=_HEADERS)
        if reply.problem:
            problems.append(reply.problem)
            return "", reply.problem
        if reply.status != _OK:
            return "", f"its server answered {reply.status}"
        if not reply.body:
            return "", "it is larger than 40 MB" if reply.size else "it is empty"
        return self._written(url, reply.body)

    def _written(self, url: str, data: bytes) -> tuple[str, str]:
        from newsletter.pictures.making import make_picture  # noqa: PLC0415  # Pillow is slow

        made = make_picture(data, "page")
        if isinstance(made, PictureFault):
            return "", f"it {made.message}"
        # Servers of pictures have the address of the picture itself behind their own.
        stem = PurePosixPath(unquote(urlsplit(url).path)).stem
        name = self._names.give(stem, made.suffix, data)
        files.write_new(self.folder / name, data)
        return name, ""
