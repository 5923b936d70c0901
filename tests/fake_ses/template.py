"""SES's templates as far as bulk sending uses them: `{{camelCase}}`, put in as it is."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

from .answers import bad_request

#: What an escaped opening makes text of: as far as the next opening, escaped or not.
_LITERAL = re.compile(r".{2,}?(?=\\{0,2}\{\{|\Z)", re.DOTALL)
_INLINE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_STORED_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

PARTS = ("Subject", "Text", "Html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template read: text and names alternate in each part.

    Attributes:
        pieces: Per part of PARTS, text at even and variable names at odd places; () when absent.
        names: Every variable of the three parts.
    """

    pieces: tuple[tuple[str, ...], ...]
    names: frozenset[str]

    def missing(self, data: dict[str, Any]) -> list[str]:
        """The variables that `data` does not give."""
        return sorted(self.names - data.keys())

    def rendered(self, data: dict[str, Any]) -> tuple[str | None, ...]:
        """Subject, text and HTML with the values in place; None for an absent part."""
        return tuple(
            "".join(piece if not i % 2 else _shown(data[piece]) for i, piece in enumerate(pieces))
            if pieces
            else None
            for pieces in self.pieces
        )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@functools.lru_cache(maxsize=64)
def read(subject: str | None, text: str | None, html: str | None, *, inline: bool) -> Template:
    """Read the three parts of a template.

    Raises:
        RefusedError: It says more than simple substitution, or a name may not stand inline.
    """
    pieces = tuple(_pieces(part, inline=inline) for part in (subject, text, html))
    names = frozenset(name for part in pieces for name in part[1::2])
    return Template(pieces=pieces, names=names)


def _pieces(source: str | None, *, inline: bool) -> tuple[str, ...]:
    """Text at even and names at odd places, as Handlebars' lexer cuts them.

    A backslash before an opening makes it text, and goes; of two one goes, and the name is read.
    """
    if not source:
        return ()
    pieces, text, at = [], "", 0
    while (opening := source.find("{{", at)) >= 0:
        text += source[at:opening]
        if text.endswith("\\") and not text.endswith("\\\\"):
            literal = _LITERAL.match(source, opening)
            assert literal
            text, at = text[:-1] + literal[0], literal.end()
            continue
        if text.endswith("\\\\"):
            text = text[:-1]
        name, at = _name(source, opening, inline=inline)
        pieces += [text, name]
        text = ""
    return (*pieces, text + source[at:])


def _name(source: str, opening: int, *, inline: bool) -> tuple[str, int]:
    """The name that is opened there, and where it is closed."""
    closing = source.find("}}", opening)
    if closing < 0:
        raise bad_request("Template content has an opening '{{' without its '}}'.")
    name = source[opening + 2 : closing].strip()
    # "{{{" opens and "}}}" closes what is not escaped; one without the other is an error.
    stray = source.startswith("}}}", closing)
    if stray or not (_INLINE_NAME if inline else _STORED_NAME).fullmatch(name):
        raise bad_request(
            f"Template content supports only simple substitution: '{{{{{name}}}}}' is not one."
        )
    return name, closing + 2


def read_data(text: str | None) -> dict[str, Any]:
    """TemplateData as a dict; empty when absent.

    Raises:
        RefusedError: It is not a JSON object.
    """
    if not text:
        return {}
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise bad_request("Invalid value for template data: it is not a JSON object.")
    return data
