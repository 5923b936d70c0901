"""The few fixed words of a mail, by language; English stands in where one is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

_RTL: Final = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "issue": "Issue",
        "why": "Why you get this",
        "reason": "You joined the list of {name}.",
        "unsubscribe": "Unsubscribe",
        "view_online": "Read it in the browser",
    },
    "nl": {
        "issue": "Nummer",
        "why": "Waarom je dit krijgt",
        "reason": "Je staat op de lijst van {name}.",
        "unsubscribe": "Uitschrijven",
        "view_online": "Lees in de browser",
    },
}
_MONTHS: Final[Mapping[str, str]] = {
    "en": "January February March April May June July August September October November December",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}


def words(language: str) -> Mapping[str, str]:
    """The fixed words for a BCP 47 tag; only its first part counts."""
    return _WORDS.get(_primary(language), _WORDS["en"])


def direction(language: str) -> str:
    """The writing direction, "ltr" or "rtl"."""
    return "rtl" if _primary(language) in _RTL else "ltr"


def date(day: dt.date | None, language: str) -> str:
    """A date as people write it; ISO 8601 where the months' names are not known."""
    if day is None:
        return ""
    months = _MONTHS.get(_primary(language))
    return f"{day.day} {months.split()[day.month - 1]} {day.year}" if months else day.isoformat()


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
