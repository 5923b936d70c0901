"""Drawings (SVG) on pages: they are shown as they are, so nothing in them may act."""

from __future__ import annotations

from typing import Any, Final

from lxml import etree

from newsletter.pictures import PictureFault

#: Elements that run a script, or hold a page that may.
_ACTING: Final = frozenset({"script", "handler", "listener", "iframe", "object", "embed"})


def svg_fault(data: bytes) -> PictureFault | None:
    """What is in the way of showing an SVG on a page, None for nothing.

    A browser runs no script of a picture in a page; it does where the picture is opened by itself,
    on the very host where readers leave and subscribe.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root: Any = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None or _name(root) != "svg":
        return PictureFault(
            "picture-unreadable", "is damaged or no picture", "export it again as SVG or PNG"
        )
    if any(_acts(element) for element in root.iter(etree.Element)):
        return PictureFault(
            "picture-unreadable", "is an SVG with a script in it", "export it as a plain SVG or PNG"
        )
    return None


def _acts(element: Any) -> bool:  # noqa: ANN401  # lxml's
    if _name(element) in _ACTING:
        return True
    return any(
        etree.QName(name).localname.lower().startswith("on")
        or "javascript:" in "".join(str(value).split()).lower()
        for name, value in element.attrib.items()
    )


def _name(element: Any) -> str:  # noqa: ANN401  # likewise
    return str(etree.QName(element).localname).lower()
