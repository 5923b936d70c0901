"""Which letters one person is sent about the list itself, and how far each is."""

from __future__ import annotations

from enum import StrEnum

from newsletter.errors import InputError


class LetterKind(StrEnum):
    """Which letter; its value is the name of the file in `letters/`."""

    CONFIRM = "confirm"  # to somebody who has asked for the newsletter
    ALREADY = "already"  # to somebody who has asked and is on the list
    WELCOME = "welcome"  # to somebody who has confirmed
    MOVE = "move"  # to the new address of a subscriber
    MOVED = "moved"  # to the address that they had


def letter_named(name: str) -> LetterKind:
    """The letter of this name.

    Raises:
        InputError: there is none.
    """
    try:
        return LetterKind(name)
    except ValueError as error:
        raise InputError(f'"{name}" is no letter', hint=", ".join(LetterKind)) from error


class LetterState(StrEnum):
    """How far a letter is."""

    QUEUED = "queued"  # to be sent
    CLAIMED = "claimed"  # durably taken; a request may be on the wire
    ACCEPTED = "accepted"  # the transport took it
    REFUSED = "refused"  # proven not accepted, and not tried again
    UNKNOWN = "unknown"  # it may have arrived; never sent again by itself
    DROPPED = "dropped"  # it had waited too long, or nobody is there to get it
