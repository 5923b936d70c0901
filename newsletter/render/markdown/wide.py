"""Lines of scripts that put no blanks between words: how they are joined, and where they break."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from markdown_it.token import Token

_LINE_END: Final = re.compile(r"(?<=(\S))[ \t]*\n[ \t]*(?=(\S))")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
#: Small letters that no line begins with (JIS X 4051), besides punctuation and marks of length.
_SMALL: Final = frozenset(
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
)
_CLOSING: Final = frozenset({"Pe", "Pf", "Po", "Pd", "Lm"})
_OPENING: Final = frozenset({"Ps", "Pi"})
#: Marks and joiners, which belong to the character before them.
_MARKS: Final = frozenset({"Mn", "Me", "Cf"})
#: What ends one text and begins another: there the blank of a line end stays.
_BARRIERS: Final = frozenset({"image", "field", "html_inline", "footnote_ref", "hardbreak"})


def is_wide(character: str) -> bool:
    """Whether it is written without blanks: Chinese and Japanese, not Korean, not emoji."""
    return (
        bool(character)
        and not character.isascii()
        and unicodedata.east_asian_width(character) in "FWH"
        and unicodedata.category(character) not in {"So", "Sk", "Cn"}
        and "HANGUL" not in unicodedata.name(character, "")
    )


def join_lines(text: str) -> str:
    """`text` without the line ends between two wide characters."""
    return _LINE_END.sub(
        lambda end: "" if is_wide(end[1]) and is_wide(end[2]) else end[0],
        text,
    )


def drop_soft_breaks(children: list[Token]) -> list[Token]:
    """The words of a picture without the line ends between two wide characters."""
    for child in children:
        if child.type == "image" and child.children:
            child.children = drop_soft_breaks(child.children)
    return [c for at, c in enumerate(children) if c.type != "softbreak" or not joins(children, at)]


def joins(children: list[Token], at: int) -> bool:
    """Whether the line end at `at` stands between two wide characters, whatever markup is there."""
    before = _edge((children[n] for n in range(at - 1, -1, -1)), last=True)
    if not is_wide(before):
        return False
    return is_wide(_edge((children[n] for n in range(at + 1, len(children))), last=False))


def _edge(tokens: Iterable[Token], *, last: bool) -> str:
    """The first character of some tokens, or the last of those that come in reverse."""
    for token in tokens:
        if token.type in _BARRIERS:
            return ""
        text = reversed(token.content) if last else token.content
        shown = next((c for c in text if unicodedata.category(c) not in _MARKS), "")
        if shown:
            return shown
    return ""


def pieces(word: str) -> Iterator[str]:
    """What of a word without blanks stays together on a line; an address does wholly."""
    if word.isascii() or not any(map(is_wide, word)):
        yield word
        return
    begin, whole = 0, [found.span() for found in _ADDRESS.finditer(word)]
    for at in range(1, len(word)):
        if any(start < at < end for start, end in whole):
            continue
        if _may_break(word[at - 1], word[at]):
            yield word[begin:at]
            begin = at
    yield word[begin:]


def _may_break(before: str, after: str) -> bool:
    wide = (is_wide(before), is_wide(after))
    if not any(wide) or not all(
        w or c.isalnum() for w, c in zip(wide, (before, after), strict=True)
    ):
        return False
    closing = after in _SMALL or unicodedata.category(after) in _CLOSING
    return not closing and unicodedata.category(before) not in _OPENING
