"""Segments: a small grammar over tags, such as `tag:beta and not tag:paused`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from newsletter.audience import And, Expression, HasTag, Not, Or
from newsletter.errors import InputError, Place

_TOKEN: Final = re.compile(r"\s*(?:(\(|\)|and\b|or\b|not\b)|tag:([\w.+-]+)|(\S))", re.IGNORECASE)
# Databases refuse conditions that are nested deeply (SQLite about 30 brackets) or chained a
# thousand times.
_MAX_DEPTH: Final = 20
_MAX_TOKENS: Final = 500


def tag_name(text: str) -> str:
    """A tag as segments can name it: "VIP Customer" becomes "vip-customer"; may become ""."""
    words = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    return re.sub(r"[^\w.+-]+", "-", words).strip("-")


def parse_segment(text: str, *, place: Place, begins: Place | None = None) -> Expression | None:
    """Read a segment such as `tag:beta and not tag:paused`; empty text is no segment.

    `not` binds closer than `and`, `and` closer than `or`; parentheses group; tags match without
    regard to case.

    Args:
        text: the segment.
        place: what to name in errors.
        begins: where its first character stands, if it stands in the file as it is.

    Raises:
        InputError: at the very column where that is known, else at `place`, the sentence naming
            the character inside the segment.
    """
    plain, text = text, unicodedata.normalize("NFC", text)
    begins = begins if text == plain else None
    tokens = []
    for match in _TOKEN.finditer(text):
        word, tag, stray = match[1] or "", match[2] or "", match[3]
        tokens.append((word, tag, match.end() - len(stray or word or f"tag:{tag}")))
    if not tokens:
        return None
    if len(tokens) > _MAX_TOKENS:
        raise InputError("the segment is too long", place=place, hint="give its people one tag")
    return _Segment(tokens, len(text), place, begins).whole()


def tags_of(segment: Expression) -> frozenset[str]:
    """The tags that a segment names."""
    match segment:
        case HasTag(tag):
            return frozenset({tag})
        case Not(term):
            return tags_of(term)
        case And(left, right) | Or(left, right):
            return tags_of(left) | tags_of(right)
        case _:
            return frozenset()


class _Segment:
    """Recursive descent over the tokens of one segment."""

    def __init__(
        self, tokens: list[tuple[str, str, int]], end: int, place: Place, begins: Place | None
    ) -> None:
        self._tokens = tokens
        self._end = end
        self._place = place
        self._begins = begins
        self._at = 0

    def whole(self) -> Expression:
        expression = self._either(0)
        if self._at < len(self._tokens):
            raise self._error("a segment goes on where it should end", "join terms with and, or")
        return expression

    def _either(self, depth: int) -> Expression:
        left = self._both(depth)
        while self._take("or"):
            left = Or(left, self._both(depth))
        return left

    def _both(self, depth: int) -> Expression:
        left = self._one(depth)
        while self._take("and"):
            left = And(left, self._one(depth))
        return left

    def _one(self, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise self._error("a segment is nested too deeply", "use fewer parentheses")
        if self._take("not"):
            return Not(self._one(depth + 1))
        if self._take("("):
            inner = self._either(depth + 1)
            if not self._take(")"):
                raise self._error("a parenthesis of the segment is not closed", 'add ")"')
            return inner
        if self._at < len(self._tokens) and (tag := self._tokens[self._at][1]):
            self._at += 1
            return HasTag(tag_name(tag))
        raise self._error(
            "the segment cannot be read here", "write tags as tag:name, joined by and, or, not"
        )

    def _take(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][0].lower() == word:
            self._at += 1
            return True
        return False

    def _error(self, message: str, hint: str) -> InputError:
        at = self._tokens[self._at][2] if self._at < len(self._tokens) else self._end
        if self._begins and self._begins.column:
            place = self._begins._replace(column=self._begins.column + at)
            return InputError(message, place=place, hint=hint)
        place = self._place
        return InputError(f"{message} (character {at + 1} of the segment)", place=place, hint=hint)
