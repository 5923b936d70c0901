"""The tokens of a line put in order, without changing a visible word.

Blanks at the edge of a link move out of it, merge fields in addresses become tokens, a picture's
words hold no links, and lines of scripts without blanks are joined.
"""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it.token import Token

from newsletter.render.markdown import wide
from newsletter.render.markdown.fields import Fields
from newsletter.render.markdown.reader import without_links


def tidied(children: list[Token], fields: Fields) -> Iterator[Token]:
    """Inline tokens in their order, each put in order when it comes up.

    Args:
        children: of one block; grows while it is walked, for a blank that leaves a link is put
            where it belongs and comes up in its turn.
        fields: the declared merge fields; those used are noted in it.
    """
    for at, child in enumerate(children):
        kind = child.type
        if kind == "text":
            # The blank behind a link's words goes behind the link.
            if child.content.endswith(" ") and _is_closer(children, at + 1):
                children.insert(at + 2, _cut(child, child.content.rstrip(" ")))
        elif kind == "link_open":
            first = children[at + 1]
            if first.type == "text" and first.content.startswith(" "):
                blank = _cut(first, first.content.lstrip(" "))
                children.insert(at, blank)  # in front of the opener, which comes up again
                yield blank
                continue
            written = str(child.attrs.get("href", ""))
            child.meta["href"] = written
            child.attrs["href"] = fields.in_url(written)
        elif kind == "image":
            child.attrs["src"] = fields.in_url(str(child.attrs.get("src", "")))
            child.children = wide.drop_soft_breaks(without_links(child.children or ()))
        elif kind == "softbreak" and wide.joins(children, at):
            continue
        yield child


def _is_closer(children: list[Token], at: int) -> bool:
    return at < len(children) and children[at].type == "link_close"


def _cut(text: Token, kept: str) -> Token:
    """Leave `kept` of a text; the blanks that it loses come back as a token of their own."""
    blank = Token("text", "", 0, content=" " * (len(text.content) - len(kept)))
    text.content = kept
    return blank
