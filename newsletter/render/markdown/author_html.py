"""Author HTML as the text part tells it: its words, its lines, its links by number."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import nh3

#: Begins and ends a paragraph.
_APART: Final = frozenset(
    """
    p div section center blockquote pre table ul ol dl h1 h2 h3 h4 h5 h6 figure details summary hr
    """.split()
)
#: Begins a line.
_LINES: Final = frozenset("li tr dt dd br caption figcaption".split())
_CELLS: Final = frozenset({"td", "th"})
_KEPT: Final = {*_APART, *_LINES, *_CELLS, "a", "img"}
_ATTRIBUTES: Final = {"a": {"href", "data-utm"}, "img": {"alt"}}
_SCHEMES: Final = {"http", "https", "mailto", "tel", "sms"}
# What nh3 writes: attributes in double quotes, nothing left open.
_PIECE: Final = re.compile(r"<(/?)([a-z0-9]+)((?:\s+[\w-]+=\"[^\"]*\")*)\s*>|[^<]+")
_ATTRIBUTE: Final = re.compile(r"([\w-]+)=\"([^\"]*)\"")


@dataclass(slots=True)
class Words:
    """Reads pieces of author HTML in their order; a link may begin in one and end in another.

    Attributes:
        link: the mark behind the words of a link, from its target and whether it is tagged.
        line: what breaks a line.
    """

    link: Callable[[str, bool], str]
    line: str
    _open: list[str] = field(default_factory=list)
    _said: bool = False

    def inline(self, tag: str) -> str:
        """One tag inside a paragraph of Markdown."""
        if re.fullmatch(r"</a\s*>", tag, re.IGNORECASE):
            return self._open.pop() if self._open else ""
        if re.match(r"<(?:a|img|br)(?=[\s/>])", tag, re.IGNORECASE):
            found = _PIECE.match(_clean(tag))  # the end tag it adds is not the author's
            return self._told(found) if found else ""
        return ""

    def block(self, source: str) -> str:
        """A whole block: paragraphs with an empty line between them."""
        told = "".join(self._told(found) for found in _PIECE.finditer(_clean(source)))
        self._open.clear()
        lines = (" ".join(line.split(" ")).strip() for line in told.split(self.line))
        return re.sub(r"\n{3,}", "\n\n", re.sub(r" +", " ", self.line.join(lines))).strip("\n")

    def _told(self, piece: re.Match[str]) -> str:
        end, tag = piece[1], piece[2]
        if tag is None:
            self._said = self._said or not piece[0].isspace()
            return re.sub(r"[ \t\n]+", " ", html.unescape(piece[0]))
        given = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(piece[3])}
        match tag:
            case "a" if end:
                mark = self._open.pop() if self._open else ""
                return mark if self._said else ""  # parsers repeat a link nobody closed
            case "a":
                self._said = False
                href = given.get("href", "")
                self._open.append(self.link(href, given.get("data-utm") != "off") if href else "")
                return ""
            case "img":
                self._said = True
                return f"[{given['alt']}]" if given.get("alt") else ""
            case "li" if not end:
                return f"{self.line}* "
            case _ if tag in _APART:
                return self.line * 2
            case _ if tag in _LINES and not end:
                return self.line
            case _:
                return "  " if tag in _CELLS and end else ""


def _clean(source: str) -> str:
    return nh3.clean(
        source,
        tags=_KEPT,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        clean_content_tags={"script", "style"},
        link_rel=None,
    )
