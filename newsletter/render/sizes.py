"""How large a letter's pictures are drawn: in their line, and never larger than their file.

Outlook for Windows goes by the attributes alone, everybody else by the style first; so both say the
same. A picture that stands alone is the theme's to draw (`.image`); it is only kept from growing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lxml import etree

#: Width and height in pixels.
Size = tuple[int, int]
#: The size of a local picture, by its path as a file; None where it cannot be measured.
Measure = Callable[[str], Size | None]
#: Pixels between the margins of a letter, in the widest window.
COLUMN: Final = 552
#: Pixels that fit beside the margins of any phone, so that a fixed height distorts nothing.
_NARROW: Final = 272
#: Pixels that no theme holds more of for a picture that is not there yet.
_ROOM: Final = 100
#: Tells the size of its file on the page, until it is known how wide a theme draws it.
NATURAL: Final = "data-natural"
_PIXELS: Final = re.compile(r"\s*([0-9]{1,5})(?:\.[0-9]*)?\s*(?:px)?\s*", re.IGNORECASE)


def unmeasured(_path: str) -> None:
    """Where no file is at hand."""


def fit(image: etree._Element, size: Size | None) -> None:
    """Give a picture of the letter its measures.

    Args:
        image: an `img`; its class is `image` where it stands alone in its paragraph.
        size: of its file, None where that could not be measured.
    """
    if "image" in image.get("class", "").split():
        if size:
            _keep_small(image, size)
            image.set(NATURAL, f"{size[0]}x{size[1]}")
        return
    width, height = _pixels(image, "width"), _pixels(image, "height")
    if size and width is None and height is None and not image.get("width"):
        _set(image, *size)
    elif size and width is None and height is not None and not image.get("width"):
        _set(image, max(1, round(size[0] * height / size[1])), height)
    elif width is not None and height is not None:
        _set(image, width, height)
        if width <= _NARROW:
            image.set("style", f"height: {height}px")
    elif width is not None:
        image.set("width", str(min(width, COLUMN)))
    elif height is not None:
        image.set("style", f"width: auto; height: {height}px; object-fit: contain")


def _set(image: etree._Element, width: int, height: int) -> None:
    shown = min(width, COLUMN)
    image.set("width", str(shown))
    image.set("height", str(max(1, round(height * shown / width)) if width else height))


def _keep_small(image: etree._Element, size: Size) -> None:
    """A theme lets a picture that stands alone fill the column, and holds room while it loads."""
    width, height = size
    style = [f"max-width: {width}px"] if width < COLUMN else []
    shown = round(height * min(width, COLUMN) / width)
    style += [f"min-height: {shown}px"] if shown < _ROOM else []
    if style:
        image.set("style", "; ".join(style))


def _pixels(image: etree._Element, name: str) -> int | None:
    found = _PIXELS.fullmatch(image.get(name, ""))
    return int(found[1]) if found else None
