"""What Markdown is read into: one token tree, and what checks want to know about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from markdown_it.token import Token

Tokens = Sequence[Token]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownLink:
    """A link as the author wrote it.

    Attributes:
        text: what the reader sees, in one line.
        href: the target as Markdown normalises it, merge fields as tokens.
        line: 1-based line of the Markdown body (not of the file).
        utm: False where the author turned tagging off.
        counts: False where the author turned counting off.
        source: the target as it was typed, "" where it stands in a definition.
        column: 1-based column of `line` from which on the link stands, 0 where that is not known.
    """

    text: str
    href: str
    line: int
    utm: bool = True
    counts: bool = True
    source: str = field(default="", compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as the author wrote it; `line` counts from the start of the body."""

    src: str
    alt: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Author HTML as it stands in the Markdown."""

    html: str
    line: int


class Document(NamedTuple):
    """The token tree of one letter, with what checks want to know about it.

    Attributes:
        tokens: markdown-it's tokens, tidied; `meta["l"]` and `meta["i"]` number the links and
            images in the order of `links` and `images`.
        links: in document order.
        images: in document order.
        raws: author HTML.
        words: the plain text of every block with its line, for checks; code left out.
        headings: (level, text, line).
        unlinked: as `words`, without the words of links.
        pieces: by token, how many pieces there are up to it: itself, the words, links and signs in
            it, the tags of author HTML.
        depths: (how many signs such as * stand around the same words, index of the token), each
            deeper than the one before.
    """

    tokens: Tokens
    links: tuple[MarkdownLink, ...]
    images: tuple[Image, ...]
    raws: tuple[Raw, ...]
    words: tuple[tuple[str, int], ...]
    headings: tuple[tuple[int, str, int], ...]
    unlinked: tuple[tuple[str, int], ...]
    pieces: tuple[int, ...]
    depths: tuple[tuple[int, int], ...]
