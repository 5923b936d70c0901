"""Numbers, lengths of time and names nobody knows, as people say them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 3600


def plural(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 mail", "25 mails", "1,000 mails"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """A length of time: "1 second", "40 seconds", "7 minutes", "2 h 05 min"."""
    whole = max(1, round(seconds))
    if whole < _MINUTE:
        return plural(whole, "second")
    minutes = round(whole / _MINUTE)
    if minutes < _MINUTE:
        return plural(minutes, "minute")
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02} min"


def nearest(name: str, known: Iterable[str], otherwise: str = "look for a typing error") -> str:
    """The hint for a name nobody knows: what was probably meant, else `otherwise`."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f'did you mean "{close[0]}"?' if close else otherwise
