"""Since when people are on a list: the dates that services and spreadsheets write."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from newsletter.audience.roles import folded
from newsletter.audience.standing import marked

#: No list of mail readers is older.
_FIRST_YEAR: Final = 1995
#: Python's last year, less one that a zone may take away.
_LAST_YEAR: Final = 9998
_MOST_MONTHS: Final = 12
#: How months begin in English, German, French, Spanish, Italian, Portuguese and Dutch.
_MONTHS: Final = {
    begin: at
    for at, begins in enumerate(
        (
            "jan ene gen", "feb fev", "mar mrz mae maa", "apr avr abr", "may mai mei mag",
            "jun juin giu", "jul juil lug", "aug aou ago", "sep set", "oct okt ott out", "nov",
            "dec dez dic",
        ),
        start=1,
    )
    for begin in begins.split()
}  # fmt: skip
_NUMBERS: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ ,T].*)?")
_MONTH_FIRST: Final = re.compile(r"([a-z]{3,})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})(?:[ ,].*)?")
_DAY_FIRST: Final = re.compile(
    r"(\d{1,2})(?:\.|er|o|st|nd|rd|th)? ?(?:de )?([a-z]{3,})\.?,? (?:del? )?(\d{4})(?:[ ,].*)?"
)
_ZONE_WORD: Final = re.compile(r" (?:UTC|GMT)$")
#: What a person may read as a date: 31.1.24, 2024-01, 1. ledna 2024, March 2024, "left 1/2/2024".
_LIKE_A_DATE: Final = re.compile(
    r"(?:[^\W\d]+[.,:]? ){0,2}(?:"
    r"\d{4}[-/.年]\s?\d{1,2}(?:[-/.月]\s?\d{1,2}.*)?"
    r"|\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?\d{2,4}.*"
    r"|\d{1,2}[-/.]\d{4}"
    r"|\d{1,2}[^\W\d]{0,2}\.?[ -](?:de )?[^\W\d]+\.?,?[ -](?:del? )?\d{2,4}(?: .*)?"
    r"|[^\W\d]+\.?(?: \d{1,2}[^\W\d]{0,2},?)? \d{4}(?:[ ,].*)?)"
    # a year, a day in eight digits or as a spreadsheet counts it, seconds since 1970
    r"|(?:19|20)\d\d(?:[01]\d[0-3]\d)?|4\d{4}|1\d{9}(?:\d{3})?"
)


class DayOrder(Enum):
    """Which of two numbers of a date is the day."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    UNKNOWN = "unknown"


def day_order(cells: Iterable[str]) -> DayOrder:
    """What the dates of a list show about themselves; one above 12 is no month."""
    day, month = False, False
    for cell in cells:
        if found := _NUMBERS.fullmatch(cell.strip()):
            day = day or int(found[1]) > _MOST_MONTHS
            month = month or int(found[2]) > _MOST_MONTHS
    if day == month:
        return DayOrder.UNKNOWN
    return DayOrder.DAY_FIRST if day else DayOrder.MONTH_FIRST


def joined(cell: str, order: DayOrder) -> dt.datetime | None:
    """A date in ISO 8601, as 31.1.2024 or 1/31/2024, or as 31. Januar 2024; in UTC without a zone.

    None where the cell is empty, no such date, before 1995, or one of two days.
    """
    cell = cell.strip()
    if not cell:
        return None
    try:
        found = _read(cell, order)
    except (ValueError, OverflowError):
        return None
    if found is None:
        return None
    found = found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found
    return found if _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def is_like_a_date(cell: str) -> bool:
    """Whether a person may read a cell as a date, also one that `joined` cannot read."""
    return any(map(str.isdigit, cell)) and _LIKE_A_DATE.fullmatch(cell) is not None


def unread(cell: str, order: DayOrder) -> str:
    """Why a cell for which `joined` finds no date counts as none, with the way on; "" if empty."""
    cell = cell.strip()
    if not marked(cell.lower()):
        return ""
    if order is DayOrder.UNKNOWN and _NUMBERS.fullmatch(cell):
        return "the day or the month may come first; --dates day-first or --dates month-first"
    return "not understood, or before 1995; write them as 2024-01-31"


def _read(cell: str, order: DayOrder) -> dt.datetime | None:
    if cell[:4].isdigit():
        return dt.datetime.fromisoformat(_ZONE_WORD.sub("+00:00", cell))
    if found := _NUMBERS.fullmatch(cell):
        return _of_numbers(int(found[1]), int(found[2]), int(found[3]), order)
    cell = folded(cell)
    if found := _MONTH_FIRST.fullmatch(cell):
        month, day = found[1], found[2]
    elif found := _DAY_FIRST.fullmatch(cell):
        day, month = found[1], found[2]
    else:
        return None
    number = _MONTHS.get(month[:4]) or _MONTHS.get(month[:3])
    return dt.datetime(int(found[3]), number, int(day), tzinfo=dt.UTC) if number else None


def _of_numbers(first: int, second: int, year: int, order: DayOrder) -> dt.datetime | None:
    if first == second:
        order = DayOrder.DAY_FIRST
    if order is DayOrder.UNKNOWN:
        return None
    day, month = (first, second) if order is DayOrder.DAY_FIRST else (second, first)
    return dt.datetime(year, month, day, tzinfo=dt.UTC)
