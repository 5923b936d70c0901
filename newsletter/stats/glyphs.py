"""Bars and sparklines for a terminal; neither stands anywhere without its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_LEVELS: Final = "▁▂▃▄▅▆▇█"
#: For terminals that have no blocks.
_PLAIN_LEVELS: Final = ".:-=+*#%@"


def bar(number: float, most: float, width: int, *, plain: bool) -> str:
    """A bar of at most `width` characters; what is more than nothing can be seen."""
    if number <= 0 or most <= 0:
        return ""
    if plain:
        return "#" * max(1, round(number / most * width))
    eighths = max(1, round(number / most * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def spark(numbers: Sequence[float | None], *, plain: bool, low: float | None = None) -> str:
    """One character for each number, a blank where nothing is known.

    Args:
        numbers: in their order; the largest has the highest level.
        plain: do without block characters.
        low: what has the lowest level, the smallest number unless it is given.
    """
    levels = _PLAIN_LEVELS if plain else _LEVELS
    known = [one for one in numbers if one is not None]
    if not known:
        return ""
    high = max(known)
    low = min(known) if low is None else low
    step = (high - low) / (len(levels) - 1) or 1.0
    return "".join(" " if one is None else levels[round((one - low) / step)] for one in numbers)
