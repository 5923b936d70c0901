"""The one question that a command asks before it does what cannot be taken back."""

from __future__ import annotations

import sys

from newsletter.cli.context import CONTEXT
from newsletter.cli.show import say
from newsletter.errors import CancelledError, InputError


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return not CONTEXT.no_input and sys.stdin.isatty()


def confirm(word: str, *, to: str, subject: str, hint: str, unchanged: str) -> None:
    """Have a word typed: whoever types it has read what it is about.

    Args:
        word: what is to be typed.
        to: what typing it does, such as "to send it".
        subject: what needs the confirmation, such as "sending".
        hint: the flag that answers beforehand.
        unchanged: what is true where anything else was typed, such as "nothing was sent".

    Raises:
        InputError: no one is there to ask.
        CancelledError: something else was typed.
    """
    if not can_ask():
        raise InputError(
            f"{subject} needs a confirmation, and there is no terminal to ask on",
            hint=f"add {hint}",
        )
    say(f"Type {word} {to}, anything else cancels: ", quiet_at=-9)
    if sys.stdin.readline().strip() != word:
        raise CancelledError(f"cancelled; {unchanged}")
