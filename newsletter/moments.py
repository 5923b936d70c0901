"""Days and moments as people write them, read in one place and within one range.

Python knows the years 1 to 9999, and what converts or counts near their ends fails. Nothing a
newsletter has to do with lies outside 1970 to 2200.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2200


class OutOfRangeError(ValueError):
    """A day that exists, before 1970 or after 2200."""

    def __init__(self) -> None:
        super().__init__(f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}")


def moment(text: str) -> dt.datetime:
    """An ISO 8601 date or moment, naive where the text names no offset.

    Raises:
        OutOfRangeError: its year is before 1970 or after 2200.
        ValueError: it is no such text, or names a day or time that does not exist.
    """
    found = dt.datetime.fromisoformat(text)
    expect_in_range(found)
    return found


def day(text: str) -> dt.date:
    """An ISO 8601 date.

    Raises:
        OutOfRangeError: its year is before 1970 or after 2200.
        ValueError: it is no such text, or names a day that does not exist.
    """
    found = dt.date.fromisoformat(text)
    expect_in_range(found)
    return found


def is_no_day(text: str) -> bool:
    """Whether a text has the form of a date, and there is no such day: 2026-02-30."""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", text):
        return False
    try:
        dt.date.fromisoformat(text[:10])
    except ValueError:
        return True
    return False


def expect_in_range(found: dt.date) -> None:
    """Refuse a day or moment that another program has read, such as a TOML parser.

    Raises:
        OutOfRangeError: its year is before 1970 or after 2200.
    """
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise OutOfRangeError
