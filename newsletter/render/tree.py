"""The compiled page as a tree: targets put back, links tagged, styles inlined, written out."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable
from typing import Final, cast

import lxml.html
from lxml import etree
from premailer import Premailer

from newsletter.markup import Document, Image
from newsletter.render import RenderedLink

Tagger = Callable[[str], str]

_NONE: Final = 10**9
_HREF: Final = re.compile(r"""(\bhref\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


def parse(page: str) -> etree._Element:
    """Parse a whole HTML page."""
    # Without huge_tree what is nested deeper than 256 levels is cut off, and the footer with it.
    return lxml.html.document_fromstring(page, parser=lxml.html.HTMLParser(huge_tree=True))


def put_back_targets(tree: etree._Element, document: Document, images: tuple[Image, ...]) -> None:
    """Give Markdown's links and images the targets that passed the sanitiser as numbers."""
    for element in tree.iter("a"):
        index = str(element.attrib.pop("data-l", ""))
        if (at := _number(index)) < len(document.links):
            link = document.links[at]
            element.set("href", link.href)
            element.set("data-line", str(link.line))
            if not link.utm:
                element.set("data-utm", "off")
    for element in tree.iter("img"):
        index = str(element.attrib.pop("data-i", ""))
        if (at := _number(index)) < len(images):
            element.set("src", images[at].src)


def _number(text: str) -> int:
    # An author may have written the attribute by hand; what is no index is larger than any.
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else _NONE


def tag_links(tree: etree._Element, tag: Tagger, *, body_line: int) -> tuple[RenderedLink, ...]:
    """Tag every link of the page, those inside Outlook's conditional comments included.

    Returns:
        The links in document order; those in comments are left out, they repeat others.
    """
    for comment in tree.iter(etree.Comment):
        comment.text = _HREF.sub(lambda match: _tag_attribute(match, tag), comment.text or "")
    links = []
    for element in tree.iter("a", "area"):
        written = element.get("href")
        line = str(element.attrib.pop("data-line", ""))
        off = element.attrib.pop("data-utm", "") == "off"
        if written is None:
            continue
        url = written if off else tag(written)
        if url != written:
            element.set("href", url)
        text = " ".join("".join(map(str, element.itertext())).split())
        number = 0 if _number(line) == _NONE else body_line + _number(line) - 1
        links.append(RenderedLink(text=text, written=written, url=url, line=number))
    return tuple(links)


def _tag_attribute(match: re.Match[str], tag: Tagger) -> str:
    url = html.unescape(match[2][1:-1])
    return f'{match[1]}"{html.escape(tag(url))}"'


def inline_styles(tree: etree._Element) -> etree._Element:
    """Copy the rules of `<style>` onto the elements they match, for clients that drop styles.

    The settings each mend a default that breaks mail: a lost doctype, dark mode stripped of its
    `!important`, style sheets fetched over the network, image widths overwritten for Outlook.
    """
    premailer = Premailer(
        tree,
        keep_style_tags=True,
        strip_important=False,
        remove_classes=False,
        disable_link_rewrites=True,
        allow_network=False,
        disable_validation=True,
        disable_basic_attributes=["width", "height", "align", "valign", "bgcolor"],
        cssutils_logging_level=logging.CRITICAL,
    )
    return cast(etree._Element, premailer.transform())  # noqa: SLF001  # as above


def write(tree: etree._Element) -> str:
    """Serialise the page with the doctype that keeps clients out of quirks mode."""
    text = etree.tostring(tree, method="html", encoding="unicode", doctype="<!DOCTYPE html>")
    return text.strip() + "\n"
