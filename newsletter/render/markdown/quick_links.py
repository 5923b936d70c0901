"""Two spots in which markdown-it reads every link character by character, with a short cut each.

A letter is full of long, plain addresses. Where one is plain, the short cut gives what the library
would (a test compares them); everything else still goes to the library.
"""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.helpers import parseLinkDestination, parseLinkLabel, parseLinkTitle
from markdown_it.helpers.parse_link_destination import _Result

# No brackets, entities or escapes, and what ends it is inside the text.
_TARGET: Final = re.compile(
    r"(?:[^\s\\()<>&\x00-\x1f\x7f]|&(?![#A-Za-z0-9]+;))+(?=[) \n])", re.ASCII
)
# Nothing in it that the library would encode, decode or put in lower case.
_NORMAL: Final = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?:/(?:[A-Za-z0-9/._~!$'()*+,;=:@?&#-]|%[0-9A-F]{2})*)?"
)


class _Helpers:
    """What markdown-it's rules call to take a link apart."""

    parseLinkLabel = staticmethod(parseLinkLabel)  # noqa: N815  # markdown-it's names
    parseLinkTitle = staticmethod(parseLinkTitle)  # noqa: N815

    @staticmethod
    def parseLinkDestination(string: str, pos: int, maximum: int) -> _Result:  # noqa: N802
        found = _TARGET.match(string, pos, maximum)
        if found is None:
            return parseLinkDestination(string, pos, maximum)
        result = _Result()
        result.ok, result.pos, result.str = True, found.end(), found[0]
        return result


def install(reader: MarkdownIt) -> None:
    """Let a reader take the short cuts."""
    whole = reader.normalizeLink

    def normalize(url: str) -> str:
        return url if _NORMAL.fullmatch(url) else whole(url)

    reader.helpers = _Helpers  # type: ignore[assignment]
    reader.normalizeLink = normalize  # type: ignore[method-assign]
