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


def is_slip(typed: str, meant: str) -> bool:
    """Whether `typed` is `meant` with one slip: a letter too many, too few, another, or swapped."""
    if abs(len(typed) - len(meant)) > 1 or typed == meant:
        return False
    a, b = _differing(typed, meant)
    return max(len(a), len(b)) <= 1 or (len(a) == len(b) == len("ab") and a == b[::-1])


def distance(a: str, b: str) -> int:
    """How many slips lie between two short words, each as `is_slip` takes one."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, start=1):
        older, before, row = before, row, [i]
        for j, other in enumerate(b, start=1):
            steps = [before[j] + 1, row[j - 1] + 1, before[j - 1] + (one != other)]
            if i > 1 and j > 1 and (one, a[i - 2]) == (b[j - 2], other):
                steps.append(older[j - 2] + 1)
            row.append(min(steps))
    return row[-1]


def _differing(a: str, b: str) -> tuple[str, str]:
    """What is left of two texts without their common beginning and end."""
    shorter = min(len(a), len(b))
    first = next((n for n in range(shorter) if a[n] != b[n]), shorter)
    a, b = a[first:], b[first:]
    shorter = min(len(a), len(b))
    last = next((n for n in range(shorter) if a[-1 - n] != b[-1 - n]), shorter)
    return a[: len(a) - last], b[: len(b) - last]
