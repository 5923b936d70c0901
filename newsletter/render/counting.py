"""Links of a letter by way of our own server, which counts how often each is followed.

The address holds the issue and the number of the link, the same for everybody. Only what the author
wrote is led so: the theme's links, those for one person, and those with `{count=off}` stay, and so
does the text part.
"""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Final

from newsletter.render import CountedLink, RenderedIssue, RenderedLink
from newsletter.render.markdown.fields import TOKEN
from newsletter.render.utm import is_malformed

# What lxml writes: values in quotes, and a comment is one piece, whatever stands in it.
_PIECE: Final = re.compile(
    r"<!--.*?-->|<(?:a|area)(?:\s+[^\s=>]+(?:=(?:\"[^\"]*\"|'[^']*'))?)*\s*>", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"(\s)([^\s=>]+)=(\"[^\"]*\"|'[^']*')")
_HREF: Final = re.compile(r"(\bhref=)(\"[^\"]*\"|'[^']*')")
# Nothing else may stand in a Location.
_WEB: Final = re.compile(r"https?://[\x21-\x7e]+", re.IGNORECASE)


def counted(rendered: RenderedIssue, base: str) -> tuple[RenderedIssue, tuple[CountedLink, ...]]:
    """The same letter with its links led by way of a server, and where each of them leads.

    Args:
        rendered: the letter.
        base: what stands before the number of a link.
    """
    links, found, by_url = iter(rendered.links), list[CountedLink](), dict[str, str]()

    def led(piece: re.Match[str]) -> str:
        tag = piece[0]
        href = None if tag.startswith("<!--") else _href_of(tag)
        if href is None:
            return tag
        link, url = next(links), html.unescape(href[3][1:-1])
        if not _is_counted(link, url):
            return tag
        found.append(CountedLink(number=len(found) + 1, url=url, text=link.text))
        target = f"{base}{len(found)}"
        by_url.setdefault(url, target)
        return f'{tag[: href.start(3)]}"{html.escape(target)}"{tag[href.end(3) :]}'

    def repeated(comment: re.Match[str]) -> str:
        """What Outlook shows in place of a link leads where that does."""
        return _HREF.sub(
            lambda h: (
                f'{h[1]}"{by_url[u]}"' if (u := html.unescape(h[2][1:-1])) in by_url else h[0]
            ),
            comment[0],
        )

    page = _PIECE.sub(led, rendered.html)
    if next(links, None) is not None:
        raise AssertionError("a link was lost while counting")
    page = re.sub(r"<!--.*?-->", repeated, page, flags=re.DOTALL)
    return dataclasses.replace(rendered, html=page), tuple(found)


def _href_of(tag: str) -> re.Match[str] | None:
    return next((one for one in _ATTRIBUTE.finditer(tag) if one[2].lower() == "href"), None)


def _is_counted(link: RenderedLink, url: str) -> bool:
    return bool(
        link.counts and link.line and _WEB.fullmatch(url)
        and not TOKEN.search(url) and "{{" not in url and not is_malformed(url)
    )  # fmt: skip
