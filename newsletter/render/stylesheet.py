"""A style sheet taken apart without changing a byte: who says what, where, and under which @rule.

Enough for the theme's lint and for contrast; what is copied onto the elements is premailer's
business.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# A comment, a text in quotes, an address or an escape hides what would end a declaration.
_TOKEN: Final = re.compile(
    r"/\*.*?(?:\*/|\Z)|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|url\([^)\"']*\)?|\\.|[{};]",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_BLANK: Final = re.compile(r"\s+|/\*.*?\*/", re.DOTALL)
_IMPORTANT: Final = re.compile(r"!\s*important\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One `name: value` of a style sheet or a `style` attribute.

    Attributes:
        around: the @rules it stands in, outermost first, such as `@media print`.
        selector: of its rule; "" in a `style` attribute and for an @rule that ends in ";".
        name: in lower case; for an @rule that ends in ";" the whole rule.
        value: without `!important`.
        important: whether it says so.
        index: where it begins in the text.
    """

    around: tuple[str, ...]
    selector: str
    name: str
    value: str
    important: bool
    index: int

    @property
    def in_media(self) -> bool:
        """Whether it counts in some windows or by night only."""
        return any(rule.lower().startswith("@media") for rule in self.around)


def everywhere(css: str) -> str:
    """The rules that hold in every window: the text without its @rules."""
    kept, depth, start, at = [], 0, 0, None
    for token in _TOKEN.finditer(css):
        sign = token[0]
        if sign not in {"{", "}", ";"}:
            continue
        if depth == 0 and at is None and _plain(css[start : token.start()]).startswith("@"):
            at = start
        depth = max(0, depth + {"{": 1, "}": -1, ";": 0}[sign])
        if depth == 0 and sign != "{":
            kept.append("" if at is not None else css[start : token.end()])
            start, at = token.end(), None
    return "".join([*kept, css[start:]])


@functools.lru_cache(maxsize=512)
def declarations(css: str) -> tuple[Declaration, ...]:
    """Every declaration in the order of the text; never raises."""
    return tuple(_declarations(css))


def _declarations(css: str) -> Iterator[Declaration]:
    blocks: list[str] = []
    start = 0
    for token in _TOKEN.finditer(css):
        sign = token[0]
        if sign not in {"{", "}", ";"}:
            continue
        if sign == "{":
            blocks.append(_plain(css[start : token.start()]))
        else:
            yield from _declared(css, start, token.start(), blocks)
            if sign == "}" and blocks:
                blocks.pop()
        start = token.end()
    yield from _declared(css, start, len(css), blocks)


def _plain(text: str) -> str:
    return " ".join(_COMMENT.sub(" ", text).split())


def _declared(css: str, start: int, end: int, blocks: list[str]) -> Iterator[Declaration]:
    while blank := _BLANK.match(css, start, end):
        start = blank.end()
    text = _plain(css[start:end])
    if not text:
        return
    name, colon, value = text.partition(":")
    important = _IMPORTANT.search(value)
    yield Declaration(
        around=tuple(block for block in blocks if block.startswith("@")),
        selector=blocks[-1] if blocks and not blocks[-1].startswith("@") else "",
        name=name.strip().lower() if colon and not text.startswith("@") else text,
        value=(value[: important.start()] if important else value).strip(),
        important=important is not None,
        index=start,
    )
