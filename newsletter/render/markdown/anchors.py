"""Links within a letter: `#the-lamps` leads to the heading "The lamps", as on GitHub.

A heading that a link leads to gets an `id`; the others need none.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Container
from typing import Final
from urllib.parse import unquote

from markdown_it.token import Token

from newsletter.slugs import slug

_NO_WORD: Final = re.compile(r"[^\w]+")


class Anchors:
    """The headings of one letter by what a link may call them."""

    def __init__(self) -> None:
        self._openers: dict[str, tuple[Token, str]] = {}
        self._taken: set[str] = set()
        #: The highest numbers given behind a name, of each: those below are not looked at again.
        self._called: Counter[str] = Counter()
        self._named: Counter[str] = Counter()

    def add(self, opener: Token, text: str) -> None:
        """A heading in its order; one that repeats another is called `notes-1`, then `notes-2`."""
        words = slug(text) or f"section-{len(self._taken) + 1}"
        name = _unique(words, self._taken, self._named)
        self._taken.add(name)
        own = _unique(_key(text), self._openers, self._called) if _key(text) else name
        for called in (own, name):
            self._openers.setdefault(called, (opener, name))

    def resolve(self, href: str) -> str:
        """`href` as the mail holds it, its heading having the id; unchanged where none is meant."""
        if not href.startswith("#"):
            return href
        wanted = unquote(href[1:])
        for called in (_key(wanted), slug(wanted)):
            if called in self._openers:
                opener, name = self._openers[called]
                opener.attrSet("id", name)
                return f"#{name}"
        return href


def _key(text: str) -> str:
    """What stays the same however the words of a heading are put together."""
    return _NO_WORD.sub("-", unicodedata.normalize("NFKC", text).casefold()).strip("-")


def _unique(name: str, taken: Container[str], numbers: Counter[str]) -> str:
    unique = name
    while unique in taken:
        numbers[name] += 1
        unique = f"{name}-{numbers[name]}"
    return unique
