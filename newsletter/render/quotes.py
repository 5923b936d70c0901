"""Quotation marks of a title, after the manner of the letter below it."""

from __future__ import annotations

import functools
from typing import Final

from markdown_it import MarkdownIt

#: Opening and closing, then those inside them; the first of equals is taken.
_CUSTOMS: Final = (
    ("“", "”", "‘", "’"),
    ("„", "“", "‚", "‘"),
    ("„", "”", "‚", "’"),
    ("”", "”", "’", "’"),
    ("«\u00a0", "\u00a0»", "‹\u00a0", "\u00a0›"),
    ("«\u202f", "\u202f»", "‹\u202f", "\u202f›"),
    ("«", "»", "‹", "›"),
    ("»", "«", "›", "‹"),
)
_SIGNS: Final = frozenset(sign for custom in _CUSTOMS for sign in custom[:2])
#: What there is to replace.
_STRAIGHT: Final = frozenset("\"'")


def like_body(title: str, body: str) -> str:
    """A title as it is shown above the letter.

    In front matter typographic quotes are hard to type, and editors put them into the letter only.
    Where the letter has them, straight ones of the title become the same.

    Args:
        title: one line of text.
        body: the letter's Markdown.
    """
    if not _STRAIGHT & set(title):
        return title

    held = {sign: body.count(sign) for sign in _SIGNS}

    def weight(custom: tuple[str, ...]) -> tuple[int, int]:
        opening, closing, *_ = custom
        return held[opening] + held[closing], -body.find(opening) if held[opening] else 1

    custom = max(_CUSTOMS, key=weight)
    if weight(custom)[0] == 0 and "’" not in body:
        return title
    [line] = _reader(custom).parseInline(title)
    return "".join(piece.content for piece in line.children or ())


@functools.cache
def _reader(custom: tuple[str, ...]) -> MarkdownIt:
    reader = MarkdownIt("zero", {"typographer": True, "quotes": custom}).enable("smartquotes")
    reader.parseInline("x")  # rules are put in order at the first text, by one thread
    return reader
