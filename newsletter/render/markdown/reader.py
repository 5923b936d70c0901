"""What reads Markdown: CommonMark, tables, footnotes, merge fields, `{utm=off}`, `{count=off}`."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, reference
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.footnote.index import footnote_def

from newsletter.render.markdown import places, quick_links, signs
from newsletter.render.markdown.fields import Fields

_OFF: Final = re.compile(r"\{\s*(utm|count)\s*=\s*(?:off|\"off\")\s*\}")
#: Set in the reader's notes while a footnote is read.
_INSIDE: Final = "inside a footnote"
#: In the reader's notes: the merge fields of the letter.
_FIELDS: Final = "merge fields"
_FOREIGN_TAG: Final = re.compile(r"\*\|[A-Za-z][^|*\n]*\|\*")


def read(body: str, fields: Fields) -> list[Token]:
    """The tokens of CommonMark and what this project adds, with these merge fields."""
    return _reader().parse(body, {_FIELDS: fields})


@functools.cache
def _reader() -> MarkdownIt:
    """One for all letters and threads: what belongs to a letter is in the notes of its reading."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    reader.use(footnote_plugin)
    reader.block.ruler.at("footnote_def", _footnote_rule, {"alt": ["paragraph", "reference"]})
    reader.block.ruler.at("reference", _reference_rule)
    quick_links.install(reader)
    places.install(reader)
    reader.inline.ruler.before("escape", "field", _field_rule)
    reader.inline.ruler.before("escape", "off", _off_rule)
    reader.inline.ruler.before("escape", "foreign_tag", _foreign_tag_rule)
    signs.install(reader)
    reader.parse("x")  # rules are put in order at the first text, which two threads must not do
    return reader


def without_links(children: Sequence[Token]) -> list[Token]:
    """The words of a picture, which no reader can follow to anywhere."""
    kept = [child for child in children if child.type not in {"link_open", "link_close"}]
    for child in kept:
        if child.children:
            child.children = without_links(child.children)
    return kept


def _footnote_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
    """A footnote, but for one inside another: the plugin would tear the outer one apart."""
    if silent:
        return footnote_def(state, start, end, silent)
    if state.env.get(_INSIDE):
        return False
    state.env[_INSIDE] = True
    try:
        return footnote_def(state, start, end, silent)
    finally:
        state.env[_INSIDE] = False


def _reference_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
    """Where a link leads; but a footnote that is none stays words, or they would be lost."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.env.get(_INSIDE) and state.src.startswith("[^", begin):
        return False
    return reference(state, start, end, silent)


def _field_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
    fields: Fields = state.env[_FIELDS]
    # Asked at every sign that could begin something.
    found = fields.match(state.src, state.pos) if state.src[state.pos] == "{" else None
    if found is None:
        return False
    if not silent:
        state.push("field", "", 0).content = found[0]
    state.pos = found[1]
    return True


def _foreign_tag_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
    """`*|FNAME|*` of another service stays as it was written: its stars are no emphasis."""
    found = _FOREIGN_TAG.match(state.src, state.pos) if state.src[state.pos] == "*" else None
    if found is None:
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True


def _off_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
    """`{utm=off}`, `{count=off}` right behind a link; other braces there are the author's text."""
    if state.src[state.pos] != "{":
        return False
    found = _OFF.match(state.src, state.pos)
    behind = state.tokens and not state.pending and state.tokens[-1].type == "link_close"
    if found is None or silent or not behind:
        return False
    next(t for t in reversed(state.tokens) if t.type == "link_open").attrs[found[1]] = "off"
    state.pos = found.end()
    return True
