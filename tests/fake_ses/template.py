"""SES's templates as far as bulk sending uses them: `{{camelCase}}`, put in as it is."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

from .answers import bad_request

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
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
    if not source:
        return ()
    pieces = _TAG.split(source)
    allowed = _INLINE_NAME if inline else _STORED_NAME
    for index, piece in enumerate(pieces):
        if not index % 2:
            if "{{" in piece:
                raise bad_request("Template content has an opening '{{' without its '}}'.")
            continue
        pieces[index] = name = piece.strip()
        if not allowed.fullmatch(name):
            raise bad_request(
                f"Template content supports only simple substitution: '{{{{{name}}}}}' is not one."
            )
    return tuple(pieces)


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
