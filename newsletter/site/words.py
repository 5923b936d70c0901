"""What the public pages say, by language; English stands in where one is missing.

A newsletter may bring words of its own, for a language that is not shipped or over one that is, in
`templates/pages/<language>.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from newsletter.site import arriving_words, rating_words

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        **arriving_words.WORDS["en"],
        **rating_words.WORDS["en"],
        "somebody": "this newsletter",
        "ask": "Unsubscribe from {name}?",
        "ask_note": "Press the button and you will get no more mails. One press is enough.",
        "button": "Unsubscribe",
        "ask_link": "Change what you get instead",
        "left_link": "That was a mistake? Come back, or change what you get",
        "left": "You have unsubscribed",
        "left_note": "You will get no more mails from {name}. One that is on its way already may "
        "still arrive.",
        "unknown": "This link does not work",
        "unknown_note": "It may have been cut short on its way. Use the link in the newest mail, "
        "or answer that mail and ask to be taken off the list.",
        "test": "This is the link of a test mail",
        "test_note": "It leads here and changes nothing. The same link in a reader's mail opens "
        "the reader's own page.",
        "busy": "That did not work just now",
        "busy_note": "Nothing was changed. Please try again in a minute.",
        "choose": "What you get from {name}",
        "choose_note": "Change what you like, and press the button.",
        "your_name": "Your name",
        "topics": "I want to get",
        "save": "Save",
        "saved": "Saved",
        "saved_note": "This counts from the next mail on.",
        "odd_name": "That name cannot be used",
        "odd_name_note": "It is too long, or holds a character that no mail can carry. Nothing was "
        "changed.",
        "away_note": "At the moment no mails from {name} come to this address. Press the button if "
        "you want to get them here again.",
        "away_button": "Subscribe again",
        "back": "Welcome back",
        "back_note": "You get the mails from {name} again, from the next one on.",
    },
    "nl": {
        **arriving_words.WORDS["nl"],
        **rating_words.WORDS["nl"],
        "somebody": "deze nieuwsbrief",
        "ask": "Uitschrijven voor {name}?",
        "ask_note": "Druk op de knop en je krijgt geen mail meer. Eén keer is genoeg.",
        "button": "Uitschrijven",
        "ask_link": "Liever wijzigen wat je krijgt",
        "left_link": "Vergissing? Kom terug, of wijzig wat je krijgt",
        "left": "Je bent uitgeschreven",
        "left_note": "Je krijgt geen mail meer van {name}. Een mail die al onderweg is, kan nog "
        "aankomen.",
        "unknown": "Deze link werkt niet",
        "unknown_note": "Misschien is hij onderweg afgebroken. Gebruik de link in de nieuwste "
        "mail, of beantwoord die mail en vraag om van de lijst te gaan.",
        "test": "Dit is de link van een testmail",
        "test_note": "Hij leidt hierheen en verandert niets. Dezelfde link in de mail van een "
        "lezer opent diens eigen pagina.",
        "busy": "Dat lukte nu even niet",
        "busy_note": "Er is niets veranderd. Probeer het over een minuut opnieuw.",
        "choose": "Wat je krijgt van {name}",
        "choose_note": "Wijzig wat je wilt en druk op de knop.",
        "your_name": "Je naam",
        "topics": "Ik wil graag",
        "save": "Opslaan",
        "saved": "Opgeslagen",
        "saved_note": "Dit geldt vanaf de volgende mail.",
        "odd_name": "Die naam kan niet",
        "odd_name_note": "Hij is te lang, of bevat een teken dat niet in een mail past. Er is "
        "niets veranderd.",
        "away_note": "Op dit adres krijg je nu geen mail van {name}. Druk op de knop als je die "
        "hier weer wilt krijgen.",
        "away_button": "Opnieuw inschrijven",
        "back": "Welkom terug",
        "back_note": "Je krijgt weer mail van {name}, vanaf de volgende.",
    },
}


#: Every phrase there is.
NAMES: Final = frozenset(_WORDS["en"])


def words(language: str, name: str, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """The words of the pages.

    Args:
        language: a BCP 47 tag; only its first part counts.
        name: the newsletter's, may be empty.
        own: the author's phrases, over those that are shipped; see `fault` and `missing`.

    Returns:
        The words by their names; "language" is the one they are in.
    """
    primary = language.partition("-")[0].lower()
    chosen = primary if primary in _WORDS or own else "en"
    found = {**_WORDS["en"], **_WORDS.get(chosen, {}), **(own or {})}
    whole = {key: text.format(name=name or found["somebody"]) for key, text in found.items()}
    return {**whole, "language": chosen}


def fault(own: Mapping[str, str]) -> tuple[str, str]:
    """What is wrong with phrases of the author's own: the phrase's name, and the problem.

    Returns:
        ("", "") where nothing is.
    """
    for key, text in own.items():
        if key not in NAMES:
            return key, "is no phrase of the pages"
        try:
            text.format(name="x")
        except (KeyError, IndexError, ValueError):
            return key, "has another placeholder than {name}"
    return "", ""


def missing(language: str, own: Mapping[str, str]) -> list[str]:
    """Phrases that a language is without, and English stands in for."""
    return [] if language in _WORDS else sorted(NAMES - set(own))
