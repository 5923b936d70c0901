"""Markdown's links without a second look where they are plain.

markdown-it takes every address apart and puts it together again, character by character, and a
letter is full of long ones. `normalizeLink` is the library's own hook for another way. Where an
address is plain the result is the library's (a test compares them).
"""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt

# Nothing in it that the library would encode, decode or put in lower case.
_NORMAL: Final = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?:/(?:[A-Za-z0-9/._~!$'()*+,;=:@?&#-]|%[0-9A-F]{2})*)?"
)


def install(reader: MarkdownIt) -> None:
    """Let a reader leave plain addresses as they are."""
    whole = reader.normalizeLink

    def normalize(url: str) -> str:
        return url if _NORMAL.fullmatch(url) else whole(url)

    reader.normalizeLink = normalize  # type: ignore[method-assign]
