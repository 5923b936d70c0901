"""Markdown's links without a second look where they, or their addresses, are plain.

markdown-it looks for an address's end, takes it apart and puts it together again, character by
character, and a letter is full of long ones. `normalizeLink` and `helpers` are the library's own
hooks for another way. Where an address is plain the result is the library's (tests compare them).
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, Final

from markdown_it import MarkdownIt, helpers
from markdown_it.common.utils import unescapeAll
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# Nothing in it that the library would encode, decode or put in lower case.
_NORMAL: Final = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?:/(?:[A-Za-z0-9/._~!$'()*+,;=:@?&#-]++|%[0-9A-F]{2})*+)?"
)
# Up to where an address in round brackets may end; nothing in it escapes or nests.
_DESTINATION: Final = re.compile(r"(?!<)[^\x00-\x20\x7f()\\]+")
_ENDS: Final = re.compile(r"[\x00-\x20\x7f)]|\Z")
# Words in which no rule finds anything, and an address without a title.
_LINK: Final = re.compile(
    r"\[([^\n\\`~*_\[\]<&{]+)\]\((https?://[A-Za-z0-9/._~!$'*+,;=:@?&#%-]+)\)"
)


def install(reader: MarkdownIt) -> None:
    """Let a reader leave plain addresses as they are."""
    whole = reader.normalizeLink

    def normalize(url: str) -> str:
        return url if _NORMAL.fullmatch(url) else whole(url)

    reader.normalizeLink = normalize  # type: ignore[method-assign]
    reader.helpers = _HELPERS


def destination(text: str, start: int, end: int) -> Any:  # noqa: ANN401  # the library's own class
    """What `parseLinkDestination` finds: `ok`, `pos` behind the address, and the address, `str`."""
    found = _DESTINATION.match(text, start, end)
    if found is None or not _ENDS.match(text, found.end(), end):
        return helpers.parseLinkDestination(text, start, end)
    return SimpleNamespace(ok=True, pos=found.end(), str=_unescaped(found[0]))


def _unescaped(address: str) -> str:
    """An address without backslashes, its entities read; each ends in a semicolon."""
    return unescapeAll(address) if ";" in address else address


def plain_link(state: StateInline) -> tuple[re.Match[str], str] | None:
    """A link whose words are words and whose address is plain, as `found` and its address.

    Args:
        state: at a "[".

    Returns:
        Group 2 of the match is the address as it was typed; None where the library has to look.
    """
    nested = state.level >= state.md.options["maxNesting"] or state.pos + 1 in state.cache
    found = None if nested else _LINK.match(state.src, state.pos, state.posMax)
    if found is None:
        return None
    href = _unescaped(found[2])
    return (found, href) if _NORMAL.fullmatch(href) else None


def push(state: StateInline, words: str, href: str) -> Token:
    """Write such a link; its opener comes back."""
    opener = state.push("link_open", "a", 1)
    opener.attrs = {"href": href}
    state.append_pending(words)
    state.push("link_close", "a", -1)
    return opener


_HELPERS: Final[Any] = SimpleNamespace(
    parseLinkDestination=destination,
    parseLinkLabel=helpers.parseLinkLabel,
    parseLinkTitle=helpers.parseLinkTitle,
)
