"""The letters about the list, as their readers get them; made anew only when something changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from newsletter.audience.letters import LetterKind
from newsletter.errors import InputError
from newsletter.preview.issue_previews import IssuePreview, pictures_in
from newsletter.project import Project, files
from newsletter.project.issues import read_theme
from newsletter.project.letters import FOLDER, has_letter, own_letter, publish_letter
from newsletter.sending.sample import letter_sample
from newsletter.settings import Settings

_FOR_WHOM: Final = {
    LetterKind.CONFIRM: "To somebody who asks for the newsletter",
    LetterKind.ALREADY: "To somebody who asks and is on the list",
    LetterKind.WELCOME: "To somebody who has confirmed",
    LetterKind.MOVE: "To the new address of a reader",
    LetterKind.MOVED: "To the address that they had",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLetter:
    """One line of the list of letters.

    Attributes:
        kind: which one.
        for_whom: who gets it.
        file: its path relative to the newsletter's folder, whether it is there or not.
        own: whether the author has written it; else the shipped one is sent.
        sent: whether there is one at all.
        fault: what keeps one of the author's own from being sent, and where; else "".
    """

    kind: LetterKind
    for_whom: str
    file: str
    own: bool
    sent: bool
    fault: str = ""


class LetterPreviews:
    """The letters of a newsletter; safe to share between threads.

    Args:
        root: the newsletter's folder.
        settings: reads its settings, which may change at any time.
        clock: now, with a time zone.
    """

    def __init__(
        self, root: Path, settings: Callable[[], Settings], clock: Callable[[], dt.datetime]
    ) -> None:
        self._root, self._settings, self._clock = root, settings, clock
        self._made: dict[LetterKind, tuple[object, IssuePreview]] = {}
        self._one_at_a_time = threading.Lock()

    def preview(self, kind: LetterKind) -> IssuePreview | None:
        """One letter as it is sent today, None where none is.

        Raises:
            InputError: settings, theme or letter cannot be read, or there is no page that the
                letter could lead to.
        """
        if not has_letter(self._root, kind):
            return None
        with self._one_at_a_time:
            settings = self._settings()
            project = Project(self._root, settings)
            today = project.today(self._clock())
            sources = self._sources(kind, settings, today)
            known = self._made.get(kind)
            if known is None or known[0] != sources:
                made = _sample(project, kind, today, source=_named(sources))
                known = self._made[kind] = sources, made
            return known[1]

    def listed(self) -> tuple[ListedLetter, ...]:
        """All of them; none where readers have no page that one could lead to."""
        try:
            if not self._settings().site.public_url:
                return ()
        except InputError:  # the first page says what is wrong with the settings
            return ()
        return tuple(map(self._listed, LetterKind))

    def _listed(self, kind: LetterKind) -> ListedLetter:
        own, fault = own_letter(self._root, kind), ""
        if own:  # nobody else has broken a shipped one
            try:
                self.preview(kind)
            except InputError as error:
                fault = str(error)
        return ListedLetter(
            kind=kind, for_whom=_FOR_WHOM[kind], file=f"{FOLDER}/{kind}.md", own=own,
            sent=has_letter(self._root, kind), fault=fault,
        )  # fmt: skip

    def _sources(self, kind: LetterKind, settings: Settings, today: dt.date) -> object:
        """Everything a letter is made from: equal sources, equal letter."""
        name = f"{FOLDER}/{kind}.md"
        own = files.read_issue(self._root, name) if own_letter(self._root, kind) else None
        folders = (self._root / FOLDER, self._root / files.ISSUES)
        pictures = [sorted(pictures_in(folder)) for folder in folders]
        return own, read_theme(self._root, settings), settings, today, pictures


def _sample(project: Project, kind: LetterKind, today: dt.date, *, source: str) -> IssuePreview:
    settings = project.settings
    published = publish_letter(project, kind, day=today)
    sampled = letter_sample(settings, published.rendered, kind, day=today)
    letter = sampled.letter
    return IssuePreview(
        file=f"{FOLDER}/{kind}.md",
        title=letter.subject,
        status="ready",
        sender=settings.sender.from_name or settings.sender.from_address,
        subject=letter.subject,
        preheader=letter.preheader,
        html=letter.html,
        mjml=letter.mjml,
        mail=sampled.mail,
        links=letter.links,
        images=letter.images,
        assets_url=settings.site.assets_url,
        pictures=published.pictures,
        size=len(letter.html.encode()),
        source=source,
        own=own_letter(project.root, kind),
    )


def _named(sources: object) -> str:
    return hashlib.sha256(repr(sources).encode()).hexdigest()[:16]
