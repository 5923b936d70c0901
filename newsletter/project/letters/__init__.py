"""The letters of the list: the author's own in `letters/`, or those that are shipped."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from newsletter.audience.letters import LetterKind
from newsletter.errors import InputError, Place
from newsletter.issue import Issue, parse
from newsletter.message.letters import LINK
from newsletter.project import Project, files
from newsletter.project.issues import read_theme
from newsletter.project.published import PublishedLetter, published_letter
from newsletter.project.rendering import render
from newsletter.render import Frame, RenderedIssue
from newsletter.render.words import date
from newsletter.settings.mail import options

FOLDER: Final = "letters"
#: Fields of a letter that stand for the same in everybody's.
_TEXTS: Final = ("newsletter", "day", "days")
_FIELD: Final = re.compile(r"\{\{\s*(\w+)[^{}]*\}\}")


@dataclass(frozen=True, slots=True)
class _Source:
    """A letter as it is written: its file's name as the author would type it, and its bytes."""

    file: str
    data: bytes


def has_letter(root: Path, kind: LetterKind) -> bool:
    """Whether there is a letter of this kind: only a welcome is sent where its author wrote one."""
    return kind is not LetterKind.WELCOME or own_letter(root, kind)


def own_letter(root: Path, kind: LetterKind) -> bool:
    """Whether the author has written a letter of this kind."""
    return (root / FOLDER / f"{kind}.md").is_file()


def faults_of_own(project: Project, *, day: dt.date) -> Iterator[InputError]:
    """What is wrong with the letters that the author has written; such a letter is never sent."""
    for kind in LetterKind:
        if own_letter(project.root, kind):
            try:
                prepare_letter(project, kind, day=day)
            except InputError as fault:
                yield fault


def prepare_letter(project: Project, kind: LetterKind, *, day: dt.date) -> RenderedIssue:
    """Read and render one letter.

    Args:
        project: the newsletter.
        kind: which letter.
        day: on which somebody asked for it.

    Raises:
        InputError: the letter or the theme cannot be read, it lacks its link, or holds a field that
            is none of a letter's; with file and line.
    """
    return publish_letter(project, kind, day=day).rendered


def publish_letter(project: Project, kind: LetterKind, *, day: dt.date) -> PublishedLetter:
    """The same, with the pictures that it shows."""
    settings = project.settings
    source = _read(project.root, kind, settings.site.language)
    issue = parse(source.data, file=source.file, numbered=False)
    _expect_fields(issue, kind)
    given = options(settings, issue)
    texts = {
        "newsletter": settings.site.name or settings.sender.from_name or "this newsletter",
        "day": date(day, settings.site.language),
        "days": str(settings.web.confirm_days),
    }
    frame = Frame(
        links=(LINK[kind],), texts=texts,
        reason=str(issue.extra.get("reason", "")), leave=str(issue.extra.get("leave", "")),
    )  # fmt: skip
    # No archive is advertised, no link is tagged: this is no issue.
    bare = replace(given, archive_url="", tags=None)
    rendered = render(issue, read_theme(project.root, settings), frame=frame, options=bare)
    tokens = {token for token, slot in rendered.slots.items() if slot.name == LINK[kind]}
    if not any(link.url in tokens for link in rendered.links):
        raise InputError(
            f"{{{{ {LINK[kind]} }}}} leads nowhere: it is no link",
            place=Place(issue.file, issue.body_line), hint=_hint(kind),
        )  # fmt: skip
    root = project.root
    # What the theme shows lies where issues have their pictures.
    folders = (root / FOLDER, root / files.ISSUES)
    return published_letter(rendered, settings, root=root, home=root, folders=folders)


def _read(root: Path, kind: LetterKind, language: str) -> _Source:
    name = f"{FOLDER}/{kind}.md"
    if own_letter(root, kind):
        return _Source(name, files.read_issue(root, name))
    shipped = Path(__file__).parent
    primary = language.partition("-")[0].lower()
    path = shipped / primary / f"{kind}.md"
    if not path.is_file():
        path = shipped / "en" / f"{kind}.md"
    try:
        return _Source(name, path.read_bytes())
    except OSError as error:
        raise InputError(
            f"there is no {name}", hint=f"write one, with {{{{ {LINK[kind]} }}}} in it"
        ) from error


def _expect_fields(issue: Issue, kind: LetterKind) -> None:
    """Exactly one link of its own, and nothing that a visitor has typed."""
    link = LINK[kind]
    for offset, line in enumerate(issue.body.split("\n")):
        for found in _FIELD.finditer(line):
            if found[1] not in {link, *_TEXTS}:
                known = ", ".join(f"{{{{ {name} }}}}" for name in (link, *_TEXTS))
                raise InputError(
                    f"{found[0]} is no field of this letter",
                    place=Place(issue.file, issue.body_line + offset, found.start() + 1),
                    hint=f"it may hold {known}",
                )
    number = sum(found[1] == link for found in _FIELD.finditer(issue.body))
    if number != 1:
        raise InputError(
            f"this letter holds {{{{ {link} }}}} {number} times, and needs it once",
            place=Place(issue.file, issue.body_line),
            hint=_hint(kind),
        )


def _hint(kind: LetterKind) -> str:
    return f"**[Your words]({{{{{LINK[kind]}}}}})** alone in a paragraph is a button"
