"""The mail inside the preview's frame: pictures from beside the issue, one colour scheme."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

# Where a mail names a picture: attributes as the renderer writes them, and styles.
_PICTURE: Final = r"""((?:\bsrc|\bbackground)="|\burl\((?:['"]|&quot;)?)(%s)([^"'()\s<>:&]+)"""
_HEAD: Final = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
# Links of the mail open beside the preview, not in its frame.
_BASE: Final = '<base target="_blank">'

_STYLES: Final = re.compile(
    r"""<style\b[^>]*>.*?</style\s*>|\bmedia="[^"]*\"""", re.IGNORECASE | re.DOTALL
)
_SCHEME: Final = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_ALWAYS: Final = "(min-width: 0px)"
_NEVER: Final = "(max-width: 0px)"
_ONLY: Final = "<style>:root { color-scheme: only %s !important; }</style>"
# What programs without dark CSS do on their own, about: every colour turned, pictures left.
_INVERT: Final = (
    "<style>html { background: #fff; filter: invert(1) hue-rotate(180deg); } "
    "img, video { filter: invert(1) hue-rotate(180deg); }</style>"
)


def framed(page: str, *, assets_url: str, colours: str, picture: Callable[[str], str]) -> str:
    """The HTML part as the frame gets it.

    Args:
        page: the HTML part.
        assets_url: where it says that local pictures are, may be empty.
        colours: "light", "dark" or "inverted"; the author's own machine has no say.
        picture: where the preview serves a local picture, "" for one it does not have.
    """
    shown = _with_pictures(page, assets_url, picture)
    shown = _STYLES.sub(lambda style: _in_scheme(style[0], dark=colours == "dark"), shown)
    first = _BASE + _ONLY % ("dark" if colours == "dark" else "light")
    if colours == "inverted":
        first += _INVERT
    return _HEAD.sub(lambda head: head[0] + first, shown, count=1)


def _with_pictures(page: str, assets_url: str, picture: Callable[[str], str]) -> str:
    base = f"{assets_url.rstrip('/')}/" if assets_url else ""
    pattern = re.compile(_PICTURE % re.escape(html.escape(base)))

    def lead_here(found: re.Match[str]) -> str:
        here = picture(unquote(found[3]))
        return f"{found[1]}{here}" if here else found[0]

    return pattern.sub(lead_here, page)


def _in_scheme(style: str, *, dark: bool) -> str:
    """Answer the question for the scheme here: a frame cannot be given one of its own."""

    def answer(asked: re.Match[str]) -> str:
        return _ALWAYS if (asked[1].lower() == "dark") is dark else _NEVER

    return _SCHEME.sub(answer, style)
