r"""Merge fields: the few words of a letter that differ from person to person.

Only a *declared* name, written `{{ name }}` or `{{ name | default("you") }}`, is a field. All
other braces are the author's text and reach the reader as they stand; `\{{ name }}` is literal.
While a letter is rendered each field is a token of letters and underscores, which every library
on the way leaves alone; the values are spliced in at the very end, once, never looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from newsletter.errors import InputError, Place

UNSUBSCRIBE: Final = "__NL_UNSUBSCRIBE__"
#: The page on which a reader rates the issue.
RATE: Final = "__NL_RATE__"
#: The name of its slot; no field can have it.
RATING: Final = "/rate"
CONTENT: Final = "__NL_CONTENT__"
#: Anything of ours; an author's text must not hold it.
TOKEN: Final = re.compile(r"__NL_[A-Z_]*?[A-Z]__")
#: What an author may not write, because it would be taken for one of ours.
RESERVED: Final = "__NL_"

_FIELD: Final = re.compile(
    r"\{\{\s*([A-Za-z_]\w*)\s*(?:\|\s*default\(\s*(?:\"([^\"{}]*)\"|'([^'{}]*)')\s*\)\s*)?\}\}"
)
_BRACES: Final = re.compile(r"\{\{\s*([A-Za-z_]\w*)[^{}]*\}\}")
_PIECE: Final = re.compile(r"<[^<>]*>|[^<>]+")
_IN_TEXT: Final = re.compile(r"\\\{\{|" + _FIELD.pattern)
_IN_URL: Final = re.compile(
    r"(?:\{\{|%7B%7B)((?:(?!%7D|\}|\{|%7B).)*)(?:\}\}|%7D%7D)", re.IGNORECASE
)
_TARGET: Final = re.compile(r"""\b(?:href|src)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What stands in a token's place for one person.

    Attributes:
        name: a field's name, "" for the person's unsubscribe link, or RATING for the page on which
            they rate the issue.
        fallback: what stands there when the person has no value.
        url: whether the value becomes part of a link and is percent-encoded.
    """

    name: str
    fallback: str = ""
    url: bool = False


class Fields:
    """The fields one issue uses; hands out their tokens in order of first use."""

    def __init__(
        self, declared: Mapping[str, str], links: Iterable[str] = (), *, rated: bool = False
    ) -> None:
        """Take the declared names with their fallbacks ("" is none), and those of whole links.

        Args:
            declared: names and fallbacks.
            links: names that stand for whole addresses.
            rated: whether readers are asked to rate the letter.
        """
        self._links = frozenset(links)
        self.declared = dict(declared) | dict.fromkeys(self._links, "")
        self.without_fallback: set[str] = set()
        self._slots: dict[str, Slot] = {UNSUBSCRIBE: Slot(name="")}
        if rated:
            self._slots[RATE] = Slot(name=RATING)
        self._tokens: dict[Slot, str] = {}

    @property
    def slots(self) -> Mapping[str, Slot]:
        """Every token given out so far, with the unsubscribe link's."""
        return dict(self._slots)

    def match(self, text: str, at: int = 0) -> tuple[str, int] | None:
        """The token for a field that begins at `at`, and the index just after the field."""
        found = _FIELD.match(text, at)
        if found is None or found[1] not in self.declared:
            return None
        return self._token(found, url=False), found.end()

    def in_text(self, text: str) -> str:
        r"""`text` with its fields as tokens; for subject and preheader. `\{{` becomes `{{`."""

        def one(found: re.Match[str]) -> str:
            if found[0] == r"\{{":
                return "{{"
            return self._token(found, url=False) if found[1] in self.declared else found[0]

        return _IN_TEXT.sub(one, text)

    def in_url(self, url: str) -> str:
        """A link as Markdown normalised it, with the fields inside as tokens."""
        if "{" not in url and "%" not in url:
            return url

        def one(found: re.Match[str]) -> str:
            field = _FIELD.fullmatch("{{" + unquote(found[1]) + "}}")
            if field is None or field[1] not in self.declared:
                return found[0]
            # What is an address already stands as it is.
            return self._token(field, url=field[1] not in self._links)

        return _IN_URL.sub(one, url)

    def in_html(self, html: str) -> str:
        """Author HTML with the fields of its texts and link targets as tokens."""

        def one(found: re.Match[str]) -> str:
            if not found[0].startswith("<"):
                return self.in_text(found[0])
            return _TARGET.sub(lambda target: self.in_url(target[0]), found[0])

        return _PIECE.sub(one, html)

    def near_misses(self, text: str) -> Iterator[str]:
        """Braces that look like a declared field but are not read as one."""
        known = {name.casefold() for name in self.declared}
        for found in _BRACES.finditer(text):
            exact = _FIELD.fullmatch(found[0])
            if (exact is None or exact[1] not in self.declared) and found[1].casefold() in known:
                yield found[0]

    def _token(self, found: re.Match[str], *, url: bool) -> str:
        default = next((group for group in found.groups()[1:] if group is not None), None)
        fallback = self.declared[found[1]] if default is None else default
        if not fallback and default is None:
            self.without_fallback.add(found[1])
        slot = Slot(name=found[1], fallback=fallback, url=url)
        if slot not in self._tokens:
            token = f"__NL_{'U' if url else 'F'}_{_letters(len(self._tokens))}__"
            self._tokens[slot] = token
            self._slots[token] = slot
        return self._tokens[slot]


def reserved(place: Place) -> InputError:
    """What is raised where an author's own text holds one of our tokens."""
    return InputError(
        f'"{RESERVED}" is reserved for this program', place=place, hint="write it differently"
    )


def _letters(index: int) -> str:
    """0 is A, 25 is Z, 26 is AA."""
    word = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, len(_LETTERS))
        word = _LETTERS[rest] + word
    return word
