"""What the page of an issue shows: its proof, or the last good one under what is wrong now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from newsletter.check import Finding
from newsletter.errors import NewsletterError, Place
from newsletter.preview import parts
from newsletter.preview.frame import framed
from newsletter.preview.inbox import Inbox, inbox
from newsletter.preview.proofs import Proof
from newsletter.preview.readers import READERS, Reader
from newsletter.project import files

Builder = Callable[[int, Reader], Proof | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An issue as it is shown.

    Attributes:
        number: of the issue.
        proof: the newest that could be made, or None.
        fault: what keeps a newer one from being made, or None.
        version: names everything that could be shown, whoever the reader.
        folder: where the issues and their pictures lie.
    """

    number: int
    proof: Proof | None
    fault: NewsletterError | None
    version: str
    folder: Path

    @property
    def size(self) -> int:
        """Bytes of the HTML part."""
        return len(self.proof.html.encode()) if self.proof else 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Errors first, then warnings, then those that the author answers for."""
        found = self.proof.findings if self.proof else ()
        return tuple(sorted(found, key=lambda f: (bool(f.ignored), f.severity != "error")))

    def count(self, severity: str) -> int:
        """How many findings of a severity nobody answered for."""
        return sum(f.severity == severity and not f.ignored for f in self.findings)

    @property
    def places(self) -> frozenset[str]:
        """The files this view names, which an editor may be asked to open."""
        named = [finding.place for finding in self.findings]
        named += [Place(self.proof.file)] if self.proof else []
        named += [self.fault.place] if self.fault and self.fault.place else []
        return frozenset(place.file for place in named)

    @property
    def inbox(self) -> Inbox | None:
        """Its row in an inbox."""
        proof = self.proof
        return inbox(proof.subject, proof.preheader, proof.html) if proof else None

    @property
    def links(self) -> tuple[parts.Link, ...]:
        """Every link of the HTML part."""
        return parts.links(self.proof.html, self.proof.links) if self.proof else ()

    @property
    def pictures(self) -> tuple[parts.Picture, ...]:
        """Every picture of the HTML part."""
        proof = self.proof
        if proof is None:
            return ()

        def here(src: str) -> str:
            return self.picture(parts.local_name(src, proof.assets_url))

        def size(src: str) -> int:
            name = parts.local_name(src, proof.assets_url)
            return (self.folder / name).stat().st_size if here(src) else 0

        return parts.pictures(proof.html, proof.images, here=here, size=size)

    @property
    def headers(self) -> tuple[parts.Header, ...]:
        """The headers of the mail."""
        return parts.headers(self.proof.mail) if self.proof else ()

    @property
    def text(self) -> str:
        """The text part."""
        return parts.text_part(self.proof.mail) if self.proof else ""

    def mail(self, colours: str) -> str:
        """The HTML part as the frame gets it, "" without a proof."""
        if self.proof is None:
            return ""
        return framed(
            self.proof.html,
            assets_url=self.proof.assets_url,
            colours=colours,
            picture=self.picture,
        )

    def mail_version(self, colours: str) -> str:
        """A name for the content of `mail`."""
        return _hash(self.mail(colours))

    def picture(self, name: str) -> str:
        """Where the preview serves a picture, "" when there is none of this name."""
        if not name or not files.image_exists(self.folder, name):
            return ""
        # A changed picture has another address, so that no browser shows the old one.
        changed = (self.folder / name).stat().st_mtime_ns
        return f"/issues/{self.number}/assets/{quote(name)}?v={changed:x}"


class Views:
    """Looks at issues; remembers the last good proof of each.

    Args:
        builder: makes proofs.
        folder: where the issues and their pictures lie.
        run: names this run of the preview: pages of an earlier one are out of date.
    """

    def __init__(self, builder: Builder, folder: Path, run: str) -> None:
        self._builder = builder
        self._folder = folder
        self._run = run
        self._good: dict[tuple[int, str], Proof] = {}

    def view(self, number: int, reader: Reader = READERS[0]) -> View | None:
        """Look at an issue now; None when there is none of this number."""
        fault: NewsletterError | None = None
        at = number, reader.key
        try:
            proof = self._builder(number, reader)
        except NewsletterError as error:
            proof, fault = self._last(at), error
        except Exception as bug:  # noqa: BLE001  # a half-written theme must not end the preview
            proof, fault = self._last(at), _unexpected(bug, number)
        else:
            if proof is None:
                return None
            self._good[at] = proof
        told = (fault, fault.cause, fault.hint) if fault else ()
        return View(
            number=number,
            proof=proof,
            fault=fault,
            version=_hash(repr((self._run, proof and proof.source, told))),
            folder=self._folder,
        )

    def _last(self, at: tuple[int, str]) -> Proof | None:
        number, _ = at
        return self._good.get(at) or self._good.get((number, READERS[0].key))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unexpected(bug: Exception, number: int) -> NewsletterError:
    return NewsletterError(
        f"something unexpected happened ({type(bug).__name__})",
        cause=str(bug) or None,
        hint=f"newsletter --debug build --issue {number} shows it in full",
    )
