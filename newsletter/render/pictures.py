"""Which pictures of a finished page are files of the author's: whoever wrote them, however."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

#: Where HTML, style sheets and Outlook's conditional comments name a picture.
_NAMED: Final = re.compile(
    r"""\b(?:src|srcset|background|poster)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)|\burl\(([^)]*)\)""",
    re.IGNORECASE,
)
_SET: Final = re.compile(r"\s*([^\s,]+)[^,]*(?:,|\Z)")


def local_pictures(page: str, assets_url: str) -> tuple[str, ...]:
    """The local pictures of a page by their paths as files, sorted, each once.

    Args:
        page: HTML, as it is mailed.
        assets_url: what stands before a local picture in a mail, "" for nothing.
    """
    base = f"{assets_url.rstrip('/')}/" if assets_url else ""
    found = (_path(name, base) for name in _names(page))
    return tuple(sorted({path for path in found if path}))


def _names(page: str) -> Iterator[str]:
    for match in _NAMED.finditer(page):
        name = html.unescape(match[1] or match[2]).strip("\"' \t\n")
        yield name
        if "," in name or " " in name:  # srcset
            yield from _SET.findall(name)


def _path(name: str, base: str) -> str:
    rest = name.removeprefix(base)
    try:
        parts = urlsplit(rest)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or rest.startswith(("/", "#", "__NL_")):
        return ""
    return unquote(parts.path)
