"""Where links stand in what the author typed, which markdown-it does not tell."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, autolink, link
from markdown_it.token import Token

from newsletter.render.markdown import quick_links

#: In a link's `meta`: where it begins in the text of its block.
_BEGIN: Final = "begin"
#: In a link's `meta`: where its target begins and ends there; not of a link by reference.
_TARGET: Final = "target"
#: In a block's `meta`: where its lines begin.
_LINES: Final = "lines"


class LinkPlace(NamedTuple):
    """Where a link stands in the body; line and column count from 1.

    Attributes:
        line: of its target, of the link itself where the target stands in a definition.
        column: of the link where it begins on that line, else 1.
        source: the target as it was typed, "" where it stands in a definition.
    """

    line: int
    column: int
    source: str


def install(reader: MarkdownIt) -> None:
    """Let a reader note where each link begins and where its target stands."""
    reader.inline.ruler.at("link", _link)
    reader.inline.ruler.at("autolink", _noting(autolink, _auto_target))


def place_of(opener: Token, block: Token, lines: list[str]) -> LinkPlace | None:
    """Where a link stands, None where its block is not found again (a cell with an escaped bar).

    Args:
        opener: the link's first token.
        block: the inline token it is part of.
        lines: of the body.
    """
    begin = _locate(opener.meta.get(_BEGIN, -1), block, lines)
    if begin is None:
        return None
    start, end = opener.meta.get(_TARGET, (-1, -1))
    at = _locate(start, block, lines)
    if at is None:
        return LinkPlace(begin[0] + 1, begin[1] + 1, "")
    column = begin[1] + 1 if begin[0] == at[0] else 1
    return LinkPlace(at[0] + 1, column, block.content[start:end])


def _locate(at: int, block: Token, lines: list[str]) -> tuple[int, int] | None:
    """Line and column (both from 0) of a place in a block's text."""
    if at < 0 or not block.map:
        return None
    if _LINES not in block.meta:  # once for a block: each link asks twice, and it may be long
        block.meta[_LINES] = _lines_of(block, block.map[0], lines)
    starts, offsets = block.meta[_LINES]
    index = bisect.bisect_right(starts, at) - 1
    offset = offsets[index]
    return None if offset < 0 else (block.map[0] + index, offset + at - starts[index])


def _lines_of(block: Token, first: int, lines: list[str]) -> tuple[list[int], list[int]]:
    """Where each line of a block begins in its text, and in the body's line, -1 for nowhere."""
    starts, offsets, start = [], [], 0
    for line, text in enumerate(block.content.split("\n"), first):
        starts.append(start)
        there = line < len(lines)
        offsets.append(lines[line].find(text, block.meta.get("from", 0)) if there else -1)
        start += len(text) + 1
    return starts, offsets


Rule = Callable[[StateInline, bool], bool]


def _noting(rule: Rule, target: Callable[[StateInline, int], tuple[int, int]]) -> Rule:
    def noted(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
        begin, count = state.pos, len(state.tokens)
        found = rule(state, silent)
        if found and not silent:
            opener = next(t for t in state.tokens[count:] if t.type == "link_open")
            opener.meta[_BEGIN] = begin
            opener.meta[_TARGET] = target(state, begin)
        return found

    return noted


def _inline_target(state: StateInline, begin: int) -> tuple[int, int]:
    helpers = state.md.helpers
    at = helpers.parseLinkLabel(state, begin, disableNested=True) + 1
    if at >= state.pos or state.src[at] != "(":
        return -1, -1
    at += 1
    while state.src[at].isspace():
        at += 1
    found = helpers.parseLinkDestination(state.src, at, state.pos - 1)
    if not found.ok or found.pos == at:
        return -1, -1
    inside = state.src[at] == "<"
    return at + inside, found.pos - inside


def _auto_target(state: StateInline, begin: int) -> tuple[int, int]:
    return begin + 1, state.pos - 1


_any_link: Final = _noting(link, _inline_target)


def _link(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # likewise
    plain = quick_links.plain_link(state) if state.src[state.pos] == "[" else None
    if plain is None:
        return _any_link(state, silent)
    found, href = plain
    if not silent:
        opener = quick_links.push(state, found[1], href)
        opener.meta[_BEGIN], opener.meta[_TARGET] = found.start(), found.span(2)
    state.pos = found.end()
    return True
