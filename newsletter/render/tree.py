"""The compiled page as a tree: targets put back, links tagged, written out."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable
from typing import Final

from lxml import etree

from newsletter.render import RenderedLink
from newsletter.render.markdown import Document, Image
from newsletter.render.sizes import NATURAL, Size, fit
from newsletter.render.utm import legal

Tagger = Callable[[str], str]


_NONE: Final = 10**9
_INDEX: Final = re.compile(r"[0-9]{1,9}")
_MAX_WIDTH: Final = re.compile(r"\bmax-width:\s*(\d+)px")
_AUTO: Final = re.compile(r"(?<![-\w])height:\s*auto\b")
#: The words of an element, comments left out; compiled once for all links.
_WORDS: Final = etree.XPath("string()")
_HREF: Final = re.compile(r"""(\bhref\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


def parse(page: str) -> etree._Element:
    """Parse a whole HTML page."""
    # Without huge_tree what is nested deeper than 256 levels is cut off, and the footer with it.
    # Not lxml.html's parser: it asks Python for the class of every element that is looked at.
    return etree.fromstring(page, parser=etree.HTMLParser(huge_tree=True))


def put_back_targets(
    tree: etree._Element,
    document: Document,
    shown: Callable[[str], str],
    size: Callable[[str], Size | None],
) -> tuple[Image, ...]:
    """Give links and images the targets that passed the sanitiser as numbers, images their size.

    Args:
        tree: the page.
        document: the letter.
        shown: where a mail finds the picture that the author calls by this name.
        size: of that picture's file, None where it is not known.

    Returns:
        The letter's images in document order, those of author HTML among them.
    """
    for element in tree.iter("a"):
        [index] = _taken(element, "data-l")
        if (at := _number(index)) < len(document.links):
            link = document.links[at]
            element.set("href", link.href)
            element.set("data-line", str(link.line))
            element.set("data-column", str(link.column))
            element.set("data-source", link.source)
            if not link.utm:
                element.set("data-utm", "off")
            if not link.counts:
                element.set("data-count", "off")
    images = []
    for element in tree.iter("img"):
        index, line = _taken(element, "data-i", "data-line")
        if (at := _number(index)) < len(document.images):
            image = document.images[at]
        elif (at := _number(line)) != _NONE:
            image = Image(src=element.get("src", ""), alt=element.get("alt", ""), line=at)
        else:
            continue  # the theme's
        images.append(dataclasses.replace(image, src=legal(shown(image.src))))
        element.set("src", images[-1].src)
        fit(element, size(image.src))
    return tuple(images)


def harden(tree: etree._Element) -> None:
    """Give the letter what mail programs need and Markdown does not say.

    A table gets a box it can scroll in, so that it keeps both its words whole and its meaning (a
    table with `display: block` is none to a screen reader). A button gets Outlook's own kind of
    padding: it keeps none on a link.
    """
    box_tables(tree)
    for paragraph in tree.iter("p"):
        link = paragraph.find("strong/a") if paragraph.get("class") == "button" else None
        if link is not None:
            words = etree.Element("span", {"style": "mso-text-raise: 13px"})
            words.text, link.text = link.text, None
            words.extend(list(link))
            link.extend([_mso_gap(""), words, _mso_gap("&#8203;")])


def box_tables(tree: etree._Element) -> None:
    """Put each of the letter's tables into a box of its own that scrolls."""
    for table in [one for one in tree.iter("table") if _is_the_letters(one)]:
        box = etree.Element("div", {"class": "scroll", "tabindex": "0"})
        table.addprevious(box)
        box.tail, table.tail = table.tail, None
        box.append(table)


def _is_the_letters(table: etree._Element) -> bool:
    """Whether a table is the author's, and in no other: the theme's have a role."""
    around = table.iterancestors("table")
    return table.get("role") is None and all(one.get("role") is not None for one in around)


def _mso_gap(end: str) -> etree._Comment:
    """A stretched blank, which Outlook draws in the button's colour and others never see."""
    style = "mso-font-width: 150%; mso-text-raise: 26px"
    return etree.Comment(f'[if mso]><i style="{style}" hidden>&#8195;{end}</i><![endif]')


def _taken(element: etree._Element, *names: str) -> list[str]:
    """The values of attributes that are ours, "" of those that are not there; they go."""
    attributes = element.attrib
    return [str(attributes.pop(name, "")) for name in names]


def _number(text: str) -> int:
    # An author may have written the attribute by hand; what is no index is larger than any.
    return int(text) if text and _INDEX.fullmatch(text) else _NONE


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
        line, column, source, utm, count = _taken(
            element, "data-line", "data-column", "data-source", "data-utm", "data-count"
        )
        if written is None:
            continue
        url = legal(written if utm == "off" else tag(written))
        if url != written:
            element.set("href", url)
        text = " ".join(str(_WORDS(element)).split())
        number = 0 if _number(line) == _NONE else body_line + _number(line) - 1
        links.append(
            RenderedLink(
                text=text, written=written, url=url, line=number, source=source or written,
                column=int(column or 0), counts=count != "off",
            )
        )  # fmt: skip
    return tuple(links)


def _tag_attribute(match: re.Match[str], tag: Tagger) -> str:
    url = html.unescape(match[2][1:-1])
    return f'{match[1]}"{html.escape(tag(url))}"'


def set_widths(tree: etree._Element) -> None:
    """Tell Outlook how wide a picture is; it knows no `max-width` and would show all of it.

    The height goes along where it follows from the width, so that nothing jumps while a mail loads.
    """
    for image in tree.iter("img"):
        style, natural = image.get("style", ""), str(image.attrib.pop(NATURAL, ""))
        found = _MAX_WIDTH.search(style)
        if found and "width" not in image.attrib:
            image.set("width", found[1])
        shown = image.get("width", "")
        if natural and "height" not in image.attrib and _AUTO.search(style) and shown.isdecimal():
            width, height = map(int, natural.split("x"))
            image.set("height", str(max(1, round(height * int(shown) / width))))


def write(tree: etree._Element) -> str:
    """Serialise the page with the doctype that keeps clients out of quirks mode."""
    text = etree.tostring(tree, method="html", encoding="unicode", doctype="<!DOCTYPE html>")
    return text.strip() + "\n"
