"""What the page of an issue shows: its proof, or the last good one under what is wrong now."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from newsletter.check import Finding
from newsletter.errors import NewsletterError
from newsletter.store import files
from newsletter.web.proofs import Proof

Builder = Callable[[int], Proof | None]

# Where a mail names a picture: attributes as the renderer writes them, and styles.
_PICTURE: Final = r"""((?:\bsrc|\bbackground)="|\burl\((?:['"]|&quot;)?)(%s)([^"'()\s<>:&]+)"""
_HEAD: Final = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
# Links of the mail open beside the preview, not in its frame.
_BASE: Final = '<base target="_blank">'


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An issue as it is shown.

    Attributes:
        number: of the issue.
        proof: the newest that could be made, or None.
        fault: what keeps a newer one from being made, or None.
        mail: the HTML part, its local pictures led to the preview; "" without a proof.
        mail_version: names the content of `mail`.
        version: names everything that is shown.
    """

    number: int
    proof: Proof | None
    fault: NewsletterError | None
    mail: str
    mail_version: str
    version: str

    @property
    def size(self) -> int:
        """Bytes of the HTML part."""
        return len(self.proof.html.encode()) if self.proof else 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those that nobody answered for, then those that the author did."""
        found = self.proof.findings if self.proof else ()
        return tuple(sorted(found, key=lambda finding: bool(finding.ignored)))

    def count(self, severity: str) -> int:
        """How many findings of a severity nobody answered for."""
        return sum(f.severity == severity and not f.ignored for f in self.findings)


class Views:
    """Looks at issues; remembers the last good proof of each.

    Args:
        builder: makes proofs.
        folder: where the issues and their pictures lie.
    """

    def __init__(self, builder: Builder, folder: Path) -> None:
        self._builder = builder
        self._folder = folder
        self._good: dict[int, Proof] = {}

    def view(self, number: int) -> View | None:
        """Look at an issue now; None when there is none of this number."""
        fault: NewsletterError | None = None
        try:
            proof = self._builder(number)
        except NewsletterError as error:
            proof, fault = self._good.get(number), error
        except Exception as bug:  # noqa: BLE001  # a half-written theme must not end the preview
            proof, fault = self._good.get(number), _unexpected(bug, number)
        else:
            if proof is None:
                return None
            self._good[number] = proof
        return self._viewed(number, proof, fault)

    def _viewed(self, number: int, proof: Proof | None, fault: NewsletterError | None) -> View:
        mail = self._mail(proof) if proof else ""
        told = (fault, fault.cause, fault.hint) if fault else ()
        return View(
            number=number,
            proof=proof,
            fault=fault,
            mail=mail,
            mail_version=_hash(mail),
            version=_hash(repr((proof, mail, told))),
        )

    def _mail(self, proof: Proof) -> str:
        base = f"{proof.assets_url.rstrip('/')}/" if proof.assets_url else ""
        pattern = re.compile(_PICTURE % re.escape(html.escape(base)))

        def lead_here(found: re.Match[str]) -> str:
            here = self._picture(proof.number, unquote(found[3]))
            return f"{found[1]}{here}" if here else found[0]

        shown = pattern.sub(lead_here, proof.html)
        return _HEAD.sub(lambda head: head[0] + _BASE, shown, count=1)

    def _picture(self, number: int, name: str) -> str:
        """Where the preview serves a picture, "" when there is none of this name."""
        if not files.image_exists(self._folder, name):
            return ""
        # A changed picture has another address, so that no browser shows the old one.
        changed = (self._folder / name).stat().st_mtime_ns
        return f"/issues/{number}/assets/{quote(name)}?v={changed:x}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unexpected(bug: Exception, number: int) -> NewsletterError:
    return NewsletterError(
        f"something unexpected happened ({type(bug).__name__})",
        cause=str(bug) or None,
        hint=f"newsletter --debug build --issue {number} shows it in full",
    )
