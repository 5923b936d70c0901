"""Markdown becomes one token tree; the HTML and the text part are both read from it.

CommonMark exactly, plus tables, strikethrough, footnotes, task lists and `{utm=off}` or
`{count=off}` after a link. What markdown-it has read is walked once. Tidied on the way, without
changing a visible word: blanks at the edge of a link move out of it, an image with an italic
caption of the same words becomes one figure, a paragraph that is only a bold link becomes a button,
a quote that begins with `[!NOTE]` becomes a callout.
"""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.render.markdown import author_classes, callouts
from newsletter.render.markdown.document import Document, Image, MarkdownLink, Raw
from newsletter.render.markdown.fields import Fields
from newsletter.render.markdown.reader import read
from newsletter.render.markdown.walk import Walk

__all__ = ["Document", "Image", "MarkdownLink", "Raw", "parse"]


def parse(
    body: str,
    fields: Fields,
    titles: Mapping[str, str] = callouts.TITLES,
    taken: frozenset[str] = author_classes.PIECES,
) -> Document:
    """Read Markdown; never raises on any text.

    Args:
        body: Markdown with LF line ends.
        fields: the declared merge fields; the tokens of those used are noted in it.
        titles: what stands above a callout that has no title of its own, by its kind.
        taken: classes that author HTML cannot have.
    """
    walk = Walk(read(body, fields), fields, titles, body.split("\n"), taken)
    walk.blocks()
    walk.resolve()
    return Document(
        tokens=walk.tokens,
        links=tuple(walk.links),
        images=tuple(walk.images),
        raws=tuple(walk.raws),
        words=tuple(walk.words),
        headings=tuple(walk.headings),
        unlinked=tuple(walk.unlinked),
        pieces=tuple(walk.pieces),
        depths=tuple(walk.depths),
    )
