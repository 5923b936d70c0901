"""What the page says on which a reader rates an issue, by language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "rate": "How was it?",
        "rate_legend": "Your answer",
        "rate_words": "Anything to add? (optional)",
        "rate_button": "Send",
        "rate_note": "Whoever writes {name} sees how many chose each answer, and what was written, "
        "without names.",
        "rated": "Thank you",
        "rated_note": "This is noted. You can change it as often as you like.",
        "rate_change": "Change it",
        "no_rating": "There is nothing to rate here",
        "no_rating_note": "The link was cut short on its way, or it stands in a test mail. Nothing "
        "was noted.",
    },
    "nl": {
        "rate": "Hoe vond je het?",
        "rate_legend": "Je antwoord",
        "rate_words": "Wil je er iets bij zeggen? (hoeft niet)",
        "rate_button": "Versturen",
        "rate_note": "Wie {name} schrijft ziet hoe vaak elk antwoord gekozen is en wat erbij is "
        "geschreven, zonder namen.",
        "rated": "Dank je wel",
        "rated_note": "Dit is genoteerd. Je kunt het zo vaak wijzigen als je wilt.",
        "rate_change": "Wijzigen",
        "no_rating": "Hier valt niets te beoordelen",
        "no_rating_note": "De link is onderweg afgebroken, of hij is van een testmail. Er is niets "
        "genoteerd.",
    },
}
