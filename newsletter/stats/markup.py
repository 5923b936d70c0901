"""Elements of a page, and of the pictures in it: what is put into one is escaped."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

Element = etree._Element  # noqa: SLF001  # lxml has no other name for it


def el(tag: str, *parts: Element | str | Mapping[str, str], **attributes: str) -> Element:
    """Make an element from its children, its text and its attributes.

    Args:
        tag: its name.
        parts: children and text in order; a mapping has attributes that are no Python names.
        attributes: others.
    """
    found = etree.Element(tag, attributes)
    for part in parts:
        if isinstance(part, Mapping):
            for name, value in part.items():
                found.set(name, value)
        elif not isinstance(part, str):
            found.append(part)
        elif len(found):
            found[-1].tail = (found[-1].tail or "") + part
        else:
            found.text = (found.text or "") + part
    return found
