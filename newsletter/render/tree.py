"""The compiled page as a tree: targets put back, links tagged, styles inlined, written out."""

from __future__ import annotations

import dataclasses
import functools
import html
import logging
import re
from collections.abc import Callable
from typing import Any, Final, cast

import cssutils
import lxml.html
from lxml import etree
from premailer import Premailer

from newsletter.render import RenderedLink
from newsletter.render.markdown import Document, Image
from newsletter.render.stylesheet import everywhere
from newsletter.render.utm import legal

Tagger = Callable[[str], str]
#: Premailer's own form: (specificity, selector, declarations) of what is copied, and the rest.
_Rules = tuple[list[tuple[tuple[int, ...], str, str]], list[object]]

# It would write #ffffff as #fff, which Outlook and Lotus Notes read as another colour.
cssutils.ser.prefs.minimizeColorHash = False
# premailer asks for no validation everywhere but in `style` attributes; the profiles are a fifth
# of a second of patterns to compile, and all they could do is log.
cssutils.profile.removeProfile(all=True)

_NONE: Final = 10**9
_NAME: Final = re.compile(r"[.#]?[A-Za-z_][\w-]*")
_MAX_WIDTH: Final = re.compile(r"\bmax-width:\s*(\d+)px")
_HREF: Final = re.compile(r"""(\bhref\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


def parse(page: str) -> etree._Element:
    """Parse a whole HTML page."""
    # Without huge_tree what is nested deeper than 256 levels is cut off, and the footer with it.
    return lxml.html.document_fromstring(page, parser=lxml.html.HTMLParser(huge_tree=True))


def put_back_targets(
    tree: etree._Element, document: Document, shown: Callable[[str], str]
) -> tuple[Image, ...]:
    """Give links and images the targets that passed the sanitiser as numbers.

    Args:
        tree: the page.
        document: the letter.
        shown: where a mail finds the picture that the author calls by this name.

    Returns:
        The letter's images in document order, those of author HTML among them.
    """
    for element in tree.iter("a"):
        index = str(element.attrib.pop("data-l", ""))
        if (at := _number(index)) < len(document.links):
            link = document.links[at]
            element.set("href", link.href)
            element.set("data-line", str(link.line))
            if not link.utm:
                element.set("data-utm", "off")
    images = []
    for element in tree.iter("img"):
        index, line = (str(element.attrib.pop(name, "")) for name in ("data-i", "data-line"))
        if (at := _number(index)) < len(document.images):
            image = document.images[at]
        elif (at := _number(line)) != _NONE:
            image = Image(src=element.get("src", ""), alt=element.get("alt", ""), line=at)
        else:
            continue  # the theme's
        images.append(dataclasses.replace(image, src=legal(shown(image.src))))
        element.set("src", images[-1].src)
    return tuple(images)


def harden(tree: etree._Element) -> None:
    """Give the letter what mail programs need and Markdown does not say.

    A table gets a box it can scroll in, so that it keeps both its words whole and its meaning (a
    table with `display: block` is none to a screen reader). A button gets Outlook's own kind of
    padding: it keeps none on a link.
    """
    for table in [one for one in tree.iter("table") if _is_the_letters(one)]:
        box = etree.Element("div", {"class": "scroll", "tabindex": "0"})
        table.addprevious(box)
        box.tail, table.tail = table.tail, None
        box.append(table)
    for paragraph in tree.iter("p"):
        link = paragraph.find("strong/a") if paragraph.get("class") == "button" else None
        if link is not None:
            words = etree.Element("span", {"style": "mso-text-raise: 13px"})
            words.text, link.text = link.text, None
            words.extend(list(link))
            link.extend([_mso_gap(""), words, _mso_gap("&#8203;")])


def _is_the_letters(table: etree._Element) -> bool:
    """Whether a table is the author's, and in no other: the theme's have a role."""
    around = table.iterancestors("table")
    return table.get("role") is None and all(one.get("role") is not None for one in around)


def _mso_gap(end: str) -> etree._Comment:
    """A stretched blank, which Outlook draws in the button's colour and others never see."""
    style = "mso-font-width: 150%; mso-text-raise: 26px"
    return etree.Comment(f'[if mso]><i style="{style}" hidden>&#8195;{end}</i><![endif]')


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
        url = legal(written if off else tag(written))
        if url != written:
            element.set("href", url)
        text = " ".join(str(element.xpath("string()")).split())  # comments left out
        number = 0 if _number(line) == _NONE else body_line + _number(line) - 1
        links.append(RenderedLink(text=text, written=written, url=url, line=number))
    return tuple(links)


def _tag_attribute(match: re.Match[str], tag: Tagger) -> str:
    url = html.unescape(match[2][1:-1])
    return f'{match[1]}"{html.escape(tag(url))}"'


class _Inliner(Premailer):  # type: ignore[misc]  # premailer has no types
    """Premailer that reads a style sheet once, and no other than the one it is given.

    Its own cache keeps the parsed sheet, but writes every rule of it out anew for every letter,
    which was half the time of a whole render; and its parser fetches what an @import names, from
    the network and from the disk, whatever `allow_network` says.
    """

    def _parse_css_string(self, css_body: str, validate: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  # premailer's signature
        parser = cssutils.CSSParser(
            loglevel=logging.CRITICAL, validate=validate, fetcher=lambda _: None
        )
        return parser.parseString(css_body)

    def _parse_style_rules(self, css_body: str, ruleset_index: int) -> _Rules:
        rules, rest = _rules(css_body, ruleset_index)
        there = self._names()
        # Looking for what is not there takes as long as looking for what is.
        return [rule for rule in rules if _asked(rule[1]) <= there], rest

    def _names(self) -> frozenset[str]:
        """The elements and classes of the page, such as `p` and `.button`."""
        if not self._there:
            tags = {str(element.tag) for element in self.html.iter(etree.Element)}
            classes = " ".join(map(str, self.html.xpath("//@class"))).split()
            ids = (f"#{name}" for name in self.html.xpath("//@id"))
            self._there = frozenset(tags).union((f".{name}" for name in classes), ids)
        return self._there

    _there: frozenset[str] = frozenset()


@functools.lru_cache(maxsize=64)
def _rules(css: str, index: int) -> _Rules:
    reader = _Inliner("", strip_important=False, disable_validation=True)
    # What holds in some windows only is never copied, so it need not be parsed.
    return cast(_Rules, Premailer._parse_style_rules(reader, everywhere(css), index))  # noqa: SLF001  # what is cached


@functools.lru_cache(maxsize=512)
def _asked(selector: str) -> frozenset[str]:
    """The elements and classes that a selector needs; () of one too hard to tell."""
    plain = re.sub(r":[\w-]+", "", selector)
    names = _NAME.findall(plain) if re.fullmatch(r"[\w\s.#>+~,-]+", plain) else []
    return frozenset(name if name[0] in ".#" else name.lower() for name in names)


def inline_styles(tree: etree._Element) -> etree._Element:
    """Copy the rules of `<style>` onto the elements they match, for clients that drop styles.

    The settings each mend a default that breaks mail: a lost doctype, dark mode stripped of its
    `!important`, style sheets fetched over the network, image widths overwritten for Outlook,
    every picture's style parsed anew to look for a float.
    """
    inliner = _Inliner(
        tree,
        keep_style_tags=True,
        strip_important=False,
        remove_classes=False,
        disable_link_rewrites=True,
        allow_network=False,
        disable_validation=True,
        disable_basic_attributes=["width", "height", "align", "valign", "bgcolor"],
        align_floating_images=False,
        cssutils_logging_level=logging.CRITICAL,
    )
    return cast(etree._Element, inliner.transform())  # noqa: SLF001  # as above


def set_widths(tree: etree._Element) -> None:
    """Tell Outlook how wide a picture is; it knows no `max-width` and would show all of it."""
    for image in tree.iter("img"):
        found = _MAX_WIDTH.search(image.get("style", ""))
        if found and "width" not in image.attrib:
            image.set("width", found[1])


def write(tree: etree._Element) -> str:
    """Serialise the page with the doctype that keeps clients out of quirks mode."""
    text = etree.tostring(tree, method="html", encoding="unicode", doctype="<!DOCTYPE html>")
    return text.strip() + "\n"
