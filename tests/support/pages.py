"""Finished pages as a browser's parser reads them, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from xml.etree.ElementTree import Element

import html5lib


def parse_page(html: str) -> Element:
    """The whole page, by html5lib; nothing that renders uses that parser."""
    return cast(Element, html5lib.parse(html, namespaceHTMLElements=False))


def with_class(root: Element, name: str) -> list[Element]:
    return [e for e in elements(root) if name in e.get("class", "").split()]


def elements(root: Element) -> Iterator[Element]:
    """All elements in document order; comments left out."""
    return (element for element in root.iter() if isinstance(cast(object, element.tag), str))


def letter_of(html: str) -> Element:
    """The one element that holds the letter."""
    [cell] = [e for e in with_class(parse_page(html), "letter") if e.tag == "td"]
    [letter] = list(cell)
    assert letter.tag == "div"
    return letter


def text_of(element: Element) -> str:
    """The text of an element and all inside it, without that of comments."""
    inside = (text_of(e) + (e.tail or "") for e in element)
    return "" if callable(cast(object, element.tag)) else (element.text or "") + "".join(inside)
