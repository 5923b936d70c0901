"""Callouts: a quote whose first line says what kind of remark it is, as GitHub writes them.

    > [!NOTE]                      > [!TIP] Bring a lantern
    > The ferry is late.           > The jetty has no lamps.

A word behind the marker is the callout's own title; without one its kind is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from markdown_it.token import Token

#: The kinds there are, with the titles they have in English.
TITLES: Final[Mapping[str, str]] = {
    "note": "Note",
    "tip": "Tip",
    "important": "Important",
    "warning": "Warning",
    "caution": "Caution",
}

_MARKER: Final = re.compile(rf"\[!({'|'.join(TITLES)})\][ \t]*(?!\()", re.IGNORECASE)
_BREAKS: Final = frozenset({"softbreak", "hardbreak"})


def turn(tokens: list[Token], at: int, titles: Mapping[str, str]) -> None:
    """Make a callout of the quote that opens at `at` if it says so: a title, then what it says.

    What closes a callout is left to the caller. The first paragraph is split in two, or goes.
    """
    if [token.type for token in tokens[at + 1 : at + 3]] != ["paragraph_open", "inline"]:
        return
    opener, paragraph, inline = tokens[at : at + 3]
    # The source, not the text: there a backslash can still be told.
    found = _MARKER.match(inline.content)
    children = list(inline.children or ())
    if not found or children[0].type != "text":  # a reference of that name makes a link of it
        return
    kind = found[1].lower()
    opener.tag = "div"
    opener.attrSet("class", f"callout callout-{kind}")
    children[0].content = _MARKER.sub("", children[0].content, count=1)
    # A line that ends in the middle of a link, or of words in bold, does not end the title.
    depths = accumulate(child.nesting for child in children)
    ends = (n for n, depth in enumerate(depths) if not depth and children[n].type in _BREAKS)
    end = next(ends, len(children))
    title = [child for child in children[:end] if child.type != "text" or child.content]
    title = title or [Token("text", "", 0, content=titles[kind])]
    rest = children[end + 1 :]
    # The whole text stays beside both: it says where the links of each stand.
    head = Token("inline", "", 0, level=inline.level, map=inline.map, content=inline.content)
    head.children = [Token("strong_open", "strong", 1), *title, Token("strong_close", "strong", -1)]
    close = Token("paragraph_close", "p", -1, level=paragraph.level, map=inline.map, block=True)
    before = [paragraph.copy(), head, close]
    before[0].attrSet("class", "callout-title")
    inline.children = rest
    # Without further words the old paragraph goes; the line it ends on follows it.
    tokens[at + 1 : at + (1 if rest else 4)] = before
