"""Options that cannot be read or do not go together, in the program's words and with its hints."""

from __future__ import annotations

import re
from typing import Any, Final

from newsletter.errors import InputError

#: What pydantic, which reads values for Typer, says, and what is said instead.
_SAID: Final = (
    ("Value error, ", ""),
    ("Input should be a valid integer, unable to parse string as an integer", "not a whole number"),
    ("Input should be greater than or equal to", "it should be at least"),
    ("Input should be less than or equal to", "it should be at most"),
    ("Input should be", "it should be"),
)
_EXTRA: Final = re.compile(r"Got unexpected extra argument\S* \((?:\S*/)?(\d{1,6})(?:-\S*)?\)")


def usage_error(words: str, context: Any) -> InputError:  # noqa: ANN401  # Typer hides its type
    """The fault of a command line that cannot be read.

    Args:
        words: Typer's, on one line.
        context: Typer's, of the command that was meant; None where it met none.
    """
    for said, ours in _SAID:
        words = words.replace(said, ours)
    help_ = f"{getattr(context, 'command_path', 'newsletter')} --help"
    return InputError(words.rstrip("."), hint=_number_meant(words, context) or help_)


def refuse_together(*groups: list[tuple[str, object]]) -> None:
    """Refuse options of which only one could be followed.

    Args:
        groups: each the names of such options, and whether they are given.

    Raises:
        InputError: two of a group are.
    """
    for group in groups:
        given = [name for name, value in group if value]
        if len(given) > 1:
            raise InputError(
                f"{given[0]} and {given[1]} do not go together", hint="choose one of them"
            )


def _number_meant(words: str, context: Any) -> str:  # noqa: ANN401  # as above
    """A hint where the number or the file of an issue stands alone, "" where none does."""
    found = _EXTRA.match(words)
    params = getattr(getattr(context, "command", None), "params", ())
    if found and any("--issue" in param.opts for param in params):
        return f"did you mean --issue {int(found[1])}?"
    return ""
