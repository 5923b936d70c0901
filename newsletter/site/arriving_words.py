"""What the pages of arriving say, by language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "subscribe": "Subscribe to {name}",
        "subscribe_note": "You get a mail with a link; you are on the list when you press the "
        "button on the page behind it.",
        "your_address": "Your mail address",
        "subscribe_button": "Subscribe",
        "leave_empty": "Leave this empty",
        "privacy": "What is done with your data",
        "once_more": "One more press",
        "once_more_note": "Is the address right? Then press the button once more.",
        "mailbox": "Look into your mailbox",
        "mailbox_note": "A mail with the next step is on its way. Is there none in ten minutes, "
        "look among your junk mail. An address gets at most one such mail a day.",
        "rehearsal": "This is a rehearsal: no mail leaves. It lies in a folder on the machine that "
        "serves this page.",
        "no_address": "This is not a mail address",
        "no_address_note": "Write it like name@example.org.",
        "no_mail": "No mail arrives there",
        "no_mail_note": "What stands behind the @ takes no mail. Is it spelled right?",
        "meant": "Did you mean this?",
        "too_many": "Too many sign-ups from your network",
        "too_many_note": "Please try again in an hour.",
        "no_signup": "Nobody can subscribe here",
        "no_signup_note": "Ask whoever writes {name} how to get it.",
        "confirm": "Get {name} at this address?",
        "confirm_note": "Press the first button, and the mails come to the address at which you "
        "found the link to this page.",
        "yes_button": "Yes, send it to me",
        "no_button": "That was not me",
        "confirmed": "You are on the list",
        "confirmed_note": "The mails from {name} come to you from the next one on.",
        "refused": "We will not write to you again",
        "refused_note": "Your address is kept off the list of {name}.",
        "expired": "This link has expired",
        "expired_note": "It worked for some days. Nothing was changed.",
        "once_again": "Subscribe once more to get a new one",
    },
    "nl": {
        "subscribe": "Schrijf je in voor {name}",
        "subscribe_note": "Je krijgt een mail met een link; je staat op de lijst zodra je op de "
        "pagina daarachter op de knop drukt.",
        "your_address": "Je mailadres",
        "subscribe_button": "Inschrijven",
        "leave_empty": "Laat dit leeg",
        "privacy": "Wat er met je gegevens gebeurt",
        "once_more": "Nog één keer drukken",
        "once_more_note": "Klopt het adres? Druk dan nog één keer op de knop.",
        "mailbox": "Kijk in je mailbox",
        "mailbox_note": "Er is een mail met de volgende stap onderweg. Is hij er na tien minuten "
        "niet, kijk dan bij je ongewenste mail. Een adres krijgt hoogstens één zo'n mail per dag.",
        "rehearsal": "Dit is een repetitie: er gaat geen mail uit. Hij ligt in een map op de "
        "machine die deze pagina toont.",
        "no_address": "Dit is geen mailadres",
        "no_address_note": "Schrijf het zoals naam@example.org.",
        "no_mail": "Daar komt geen mail aan",
        "no_mail_note": "Wat achter de @ staat neemt geen mail aan. Is het goed gespeld?",
        "meant": "Bedoelde je dit?",
        "too_many": "Te veel inschrijvingen vanaf jouw netwerk",
        "too_many_note": "Probeer het over een uur opnieuw.",
        "no_signup": "Hier kan niemand zich inschrijven",
        "no_signup_note": "Vraag wie {name} schrijft hoe je het krijgt.",
        "confirm": "{name} op dit adres krijgen?",
        "confirm_note": "Druk op de eerste knop, en de mails komen op het adres waar je de link "
        "naar deze pagina vond.",
        "yes_button": "Ja, stuur het mij",
        "no_button": "Dat was ik niet",
        "confirmed": "Je staat op de lijst",
        "confirmed_note": "Je krijgt de mails van {name} vanaf de volgende.",
        "refused": "We schrijven je niet meer",
        "refused_note": "Je adres blijft van de lijst van {name}.",
        "expired": "Deze link is verlopen",
        "expired_note": "Hij werkte enkele dagen. Er is niets veranderd.",
        "once_again": "Schrijf je opnieuw in voor een nieuwe",
    },
}
