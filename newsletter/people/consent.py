"""How people agreed: nobody is taken onto the list without it."""

from __future__ import annotations

from newsletter.errors import InputError
from newsletter.text_rules import one_line


def consent_source(text: str, *, example: str) -> str:
    """The source of consent as the consent log keeps it: one line, never empty.

    Args:
        text: as it was typed.
        example: one for the hint.

    Raises:
        InputError: it is missing.
    """
    if source := one_line(text):
        return source
    raise InputError("nothing says how these people agreed", hint=f'--consent-source "{example}"')
