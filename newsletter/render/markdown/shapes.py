"""Paragraphs that are more than text: buttons, pictures that stand alone, their captions."""

from __future__ import annotations

from markdown_it.token import Token

from newsletter.render.markdown.said import plain


def mark_button(paragraph: Token, inline: Token) -> None:
    """A paragraph of one link is a button where it is bold and nothing else stands there."""
    kinds = [child.type for child in _visible(inline)]
    edges = (kinds[:2], kinds[-2:])
    bold = edges == (["strong_open", "link_open"], ["link_close", "strong_close"])
    if bold and kinds.count("strong_open") == 1:
        paragraph.attrSet("class", "button")


def mark_figure(paragraph: Token, inline: Token) -> Token | None:
    """A paragraph of one image is a figure where that stands alone, without a link around.

    Returns:
        The image of a figure.
    """
    visible = _visible(inline)
    inside = [c for c in visible if c.type not in {"link_open", "link_close"}]
    if [child.type for child in inside] != ["image"]:
        return None
    inside[0].meta["image"] = True
    if len(visible) > 1:
        return None
    paragraph.attrSet("class", "figure")
    return inside[0]


def mark_caption(paragraph: Token, inline: Token, image: Token, text: str) -> None:
    """An italic paragraph right behind a figure captions it where it says its words again."""
    children = inline.children or []
    italic = [child.type for child in (*children[:1], *children[-1:])] == ["em_open", "em_close"]
    if italic and text.split() == plain(image.children or ()).split():
        paragraph.attrSet("class", "caption")
        image.meta["captioned"] = True


def _visible(inline: Token) -> list[Token]:
    return [c for c in inline.children or () if c.type != "text" or c.content.strip()]
