"""Which pictures of a finished page are files of the author's: whoever wrote them, however."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote, urlsplit

#: Where HTML, style sheets and Outlook's conditional comments name a picture.
_NAMED: Final = re.compile(
    r"""\b(?:src|srcset|background|poster)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)|\burl\(([^)]*)\)""",
    re.IGNORECASE,
)
#: A name and the quotes around it, as they are or as entities.
_QUOTED: Final = re.compile(
    r"""((?:["'\s]|&quot;|&apos;|&#3[49];)*)(.*?)((?:["'\s]|&quot;|&apos;|&#3[49];)*)""", re.DOTALL
)
_SET: Final = re.compile(r"\s*([^\s,]+)[^,]*(?:,|\Z)")


def local_pictures(page: str, assets_url: str) -> tuple[str, ...]:
    """The local pictures of a page by their paths as files, sorted, each once.

    Args:
        page: HTML, as it is mailed.
        assets_url: what stands before a local picture in a mail, "" for nothing.
    """
    found = (local_path(name, assets_url) for name in _names(page))
    return tuple(sorted({path for path in found if path}))


def with_published(page: str, assets_url: str, names: Mapping[str, str]) -> str:
    """A page that names pictures as they are published.

    Args:
        page: as for `local_pictures`, like the next.
        assets_url: not "".
        names: the paths of published pictures by their paths as files.
    """
    base = assets_url.rstrip("/")

    def published(name: str) -> str:
        found = names.get(local_path(html.unescape(name), assets_url))
        return html.escape(f"{base}/{quote(found)}") if found else name

    def lead(match: re.Match[str]) -> str:
        before, name, behind = _QUOTED.fullmatch(match[1] or match[2]).groups()  # type: ignore[union-attr]  # it takes anything
        told = published(name)
        if told == name:  # perhaps a srcset
            told = re.sub(r"[^\s,]+", lambda one: published(one[0]), name)
        whole = match[1] or match[2]
        return match[0].replace(whole, f"{before}{told}{behind}")

    return _NAMED.sub(lead, page)


def _names(page: str) -> Iterator[str]:
    for match in _NAMED.finditer(page):
        name = html.unescape(match[1] or match[2]).strip("\"' \t\n")
        yield name
        if "," in name or " " in name:  # srcset
            yield from _SET.findall(name)


def local_path(name: str, assets_url: str) -> str:
    """The path as a file of a picture by its name in the letter, "" for one from elsewhere."""
    rest = name.removeprefix(f"{assets_url.rstrip('/')}/") if assets_url else name
    try:
        parts = urlsplit(rest)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or rest.startswith(("/", "#", "__NL_")):
        return ""
    return unquote(parts.path).removeprefix("./")
