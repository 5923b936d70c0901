"""What a page shows: the preview of an issue or letter, or the last good one and what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from newsletter.audience.letters import LetterKind
from newsletter.check import Finding
from newsletter.errors import NewsletterError, Place
from newsletter.preview import parts
from newsletter.preview.choices import LETTER_TABS, TABS
from newsletter.preview.frame import framed
from newsletter.preview.inbox import Inbox, inbox
from newsletter.preview.issue_previews import IssuePreview
from newsletter.preview.readers import READERS, Reader
from newsletter.project import files
from newsletter.project.letters import FOLDER as LETTERS

#: What a page is about: an issue by its number, or a letter about the list.
Shown = int | LetterKind
Builder = Callable[[int, Reader], IssuePreview | None]
#: Makes the preview of a letter about the list, None where none is sent.
LetterBuilder = Callable[[LetterKind], IssuePreview | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An issue, or a letter about the list, as it is shown.

    Attributes:
        shown: which one.
        preview: the newest that could be made, or None.
        fault: what keeps a newer one from being made, or None.
        version: names everything that could be shown, whoever the reader.
        folders: where its pictures may lie.
    """

    shown: Shown
    preview: IssuePreview | None
    fault: NewsletterError | None
    version: str
    folders: tuple[Path, ...]

    @property
    def is_letter(self) -> bool:
        """Whether it is a letter about the list."""
        return isinstance(self.shown, LetterKind)

    @property
    def home(self) -> str:
        """The address of its page."""
        return f"/letters/{self.shown}" if self.is_letter else f"/issues/{self.shown}"

    @property
    def tabs(self) -> tuple[tuple[str, str], ...]:
        """Its parts."""
        return LETTER_TABS if self.is_letter else TABS

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Errors first, then warnings, then those that the author answers for.

        Those of the last good version say nothing about one that cannot be read.
        """
        found = self.preview.findings if self.preview and not self.fault else ()
        return tuple(sorted(found, key=lambda f: (bool(f.ignored), f.severity != "error")))

    def count(self, severity: str) -> int:
        """How many findings of a severity nobody answered for."""
        return sum(f.severity == severity and not f.ignored for f in self.findings)

    @property
    def places(self) -> frozenset[str]:
        """The files this view names, which an editor may be asked to open."""
        named = [finding.place for finding in self.findings]
        named += [Place(self.preview.file)] if self.preview and self.preview.own else []
        named += [self.fault.place] if self.fault and self.fault.place else []
        return frozenset(place.file for place in named)

    @property
    def inbox(self) -> Inbox | None:
        """Its row in an inbox."""
        preview = self.preview
        return inbox(preview.subject, preview.preheader, preview.html) if preview else None

    @property
    def links(self) -> tuple[parts.Link, ...]:
        """Every link of the HTML part."""
        return parts.links(self.preview.html, self.preview.links) if self.preview else ()

    @property
    def pictures(self) -> tuple[parts.Picture, ...]:
        """Every picture of the HTML part."""
        preview = self.preview
        if preview is None:
            return ()

        def here(src: str) -> str:
            return self.picture(parts.local_name(src, preview.assets_url))

        def size(src: str) -> int:
            name = parts.local_name(src, preview.assets_url)
            if made := preview.pictures.get(name):
                return len(made.data)
            return path.stat().st_size if (path := self.file(name)) else 0

        return parts.pictures(preview.html, preview.images, here=here, size=size)

    @property
    def headers(self) -> tuple[parts.Header, ...]:
        """The headers of the mail."""
        return parts.headers(self.preview.mail) if self.preview else ()

    @property
    def text(self) -> str:
        """The text part."""
        return parts.text_part(self.preview.mail) if self.preview else ""

    def mail(self, colours: str) -> str:
        """The HTML part as the frame gets it, "" without a preview."""
        if self.preview is None:
            return ""
        return framed(
            self.preview.html,
            assets_url=self.preview.assets_url,
            colours=colours,
            picture=self.picture,
        )

    def mail_version(self, colours: str) -> str:
        """A name for the content of `mail`."""
        return _hash(self.mail(colours))

    def picture(self, name: str) -> str:
        """Where the preview serves a picture, "" when there is none of this name."""
        if self.preview and name in self.preview.pictures:  # its name tells its content
            return f"{self.home}/assets/{quote(name)}"
        if (path := self.file(name)) is None:
            return ""
        # A changed picture has another address, so that no browser shows the old one.
        return f"{self.home}/assets/{quote(name)}?v={path.stat().st_mtime_ns:x}"

    def file(self, name: str) -> Path | None:
        """The picture of this name that lies beside it, None for none."""
        found = (one for one in self.folders if name and files.image_exists(one, name))
        return next((folder / name for folder in found), None)


class Views:
    """Looks at issues; remembers the last good preview of each.

    Args:
        builder: makes previews of issues.
        letters: makes those of letters about the list.
        folder: where the issues and their pictures lie.
        run: names this run of the preview: pages of an earlier one are out of date.
    """

    def __init__(
        self, builder: Builder, folder: Path, run: str, letters: LetterBuilder = lambda _: None
    ) -> None:
        self._builder = builder
        self._letters = letters
        self._folder = folder
        self._run = run
        self._good: dict[tuple[Shown, str], IssuePreview] = {}

    def view(self, shown: Shown, reader: Reader = READERS[0]) -> View | None:
        """ViewChoices at an issue or a letter now; None when there is none."""
        fault: NewsletterError | None = None
        at = shown, reader.key
        try:
            if isinstance(shown, LetterKind):
                preview = self._letters(shown)
            else:
                preview = self._builder(shown, reader)
        except NewsletterError as error:
            preview, fault = self._last(at), error
        except Exception as bug:  # noqa: BLE001  # a half-written theme must not end the preview
            preview, fault = self._last(at), _unexpected(bug, shown)
        else:
            if preview is None:
                return None
            self._good[at] = preview
        told = (fault, fault.cause, fault.hint) if fault else ()
        own = (self._folder.parent / LETTERS,) if isinstance(shown, LetterKind) else ()
        return View(
            shown=shown,
            preview=preview,
            fault=fault,
            version=_hash(repr((self._run, preview and preview.source, told))),
            folders=(*own, self._folder),
        )

    def _last(self, at: tuple[Shown, str]) -> IssuePreview | None:
        shown, _ = at
        return self._good.get(at) or self._good.get((shown, READERS[0].key))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unexpected(bug: Exception, shown: Shown) -> NewsletterError:
    command = "check" if isinstance(shown, LetterKind) else f"build --issue {shown}"
    return NewsletterError(
        f"something unexpected happened ({type(bug).__name__})",
        cause=str(bug) or None,
        hint=f"newsletter --debug {command} shows it in full",
    )
