"""What goes to stdout, what to stderr, and how.

stdout is the result and nothing else: a path, a table, JSON. Messages, prompts, progress and
errors go to stderr. Colour never carries meaning alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TextIO

import typer

from newsletter.errors import NewsletterError


class Colour(StrEnum):
    """When to use colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(slots=True)
class Voice:
    """How loud and how colourful; set once by the global options."""

    colour: Colour = Colour.AUTO
    verbosity: int = 0
    debug: bool = False
    json: bool = False


VOICE = Voice()


def say(text: str = "", *, quiet_at: int = 0) -> None:
    """A message for people, on stderr; left out when less than `quiet_at` is asked for.

    A log on a full disk, or a terminal that is gone, stops nothing.
    """
    if VOICE.verbosity >= quiet_at:
        with contextlib.suppress(OSError):
            _print_line(text, sys.stderr)


class Console:
    """Prints what a `Reporter` hears."""

    def say(self, text: str) -> None:
        """A plain line on stderr."""
        say(text)

    def warn(self, text: str) -> None:
        """The same, marked as a warning."""
        say(f"warning: {text}")


def result(text: str) -> None:
    """The result of a command, on stdout."""
    _print_line(text, sys.stdout)


def _print_line(text: str, stream: TextIO) -> None:
    # With its end in one piece: what another thread says meanwhile stands before it or after it.
    stream.write(f"{text}\n")
    stream.flush()


def result_json(values: Mapping[str, Any]) -> None:
    """The result as one JSON object that names its schema."""
    result(json.dumps({"schema": 1, **values}, ensure_ascii=False, indent=2, default=str))


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """`text` in a colour, where the reader of `stream` (stderr) wants and can see it."""
    return typer.style(text, fg=colour, bold=True) if _colourful(stream or sys.stderr) else text


def _colourful(stream: TextIO) -> bool:
    if VOICE.colour is not Colour.AUTO:
        return VOICE.colour is Colour.ALWAYS
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def error(fault: NewsletterError) -> None:
    """Print an expected fault: what, why, and the way out."""
    if VOICE.json:
        body = {"code": fault.code, "message": str(fault), "hint": fault.hint or ""}
        result(json.dumps({"schema": 1, "error": body}, ensure_ascii=False))
    say(f"{paint('error:', 'red')} {fault}", quiet_at=-9)
    if fault.cause:
        say(f"{paint('cause:', 'yellow')} {fault.cause}", quiet_at=-9)
    if fault.hint:
        say(f"{paint('hint:', 'cyan')} {fault.hint}", quiet_at=-9)


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Plain columns, two blanks apart; the columns in `right` are set flush right."""
    sizes = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.rjust(size) if i in right else cell.ljust(size)
            for i, (cell, size) in enumerate(zip(row, sizes, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
