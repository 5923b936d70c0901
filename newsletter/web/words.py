"""What the page for leaving says, by language; English stands in where one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "somebody": "this newsletter",
        "ask": "Unsubscribe from {name}?",
        "ask_note": "Press the button and you will get no more mails. One press is enough.",
        "button": "Unsubscribe",
        "left": "You have unsubscribed",
        "left_note": "You will get no more mails from {name}. One that is on its way already may "
        "still arrive.",
        "unknown": "This link does not work",
        "unknown_note": "It may have been cut short on its way. Use the link in the newest mail, "
        "or answer that mail and ask to be taken off the list.",
        "busy": "That did not work just now",
        "busy_note": "Nothing was changed. Please try again in a minute.",
    },
    "nl": {
        "somebody": "deze nieuwsbrief",
        "ask": "Uitschrijven voor {name}?",
        "ask_note": "Druk op de knop en je krijgt geen mail meer. Eén keer is genoeg.",
        "button": "Uitschrijven",
        "left": "Je bent uitgeschreven",
        "left_note": "Je krijgt geen mail meer van {name}. Een mail die al onderweg is, kan nog "
        "aankomen.",
        "unknown": "Deze link werkt niet",
        "unknown_note": "Misschien is hij onderweg afgebroken. Gebruik de link in de nieuwste "
        "mail, of beantwoord die mail en vraag om van de lijst te gaan.",
        "busy": "Dat lukte nu even niet",
        "busy_note": "Er is niets veranderd. Probeer het over een minuut opnieuw.",
    },
}


def words(language: str, name: str) -> dict[str, str]:
    """The words of the page.

    Args:
        language: a BCP 47 tag; only its first part counts.
        name: the newsletter's, may be empty.

    Returns:
        The words by their names; "language" is the one they are in.
    """
    primary = language.partition("-")[0].lower()
    chosen = primary if primary in _WORDS else "en"
    found = _WORDS[chosen]
    whole = {key: text.format(name=name or found["somebody"]) for key, text in found.items()}
    return {**whole, "language": chosen}
