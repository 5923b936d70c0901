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
        "gone": "You are not on the list",
        "gone_note": "This link was used before, and at the moment no mails from {name} come to "
        "this address. To get them again, subscribe once more. If no mail follows, answer one "
        "that you have, and ask.",
        "refused": "We will not write to you again",
        "refused_note": "Your address is kept off the list of {name}.",
        "expired": "This link has expired",
        "expired_note": "It works for some days, or until another one is used. Nothing was "
        "changed.",
        "once_again": "Subscribe once more to get a new one",
        "pause": "Take a break",
        "pause_none": "No break: I want every issue",
        "pause_1": "Skip the next issue",
        "pause_2": "Skip the next two issues",
        "pause_3": "Skip the next three issues",
        "new_address": "Another mail address",
        "move_button": "Send the mails there",
        "record_button": "Show what is on record about me",
        "record": "What is on record about you",
        "record_note": "The newsletter keeps this, which of its mails went to you, and what "
        "you said of them.",
        "record_tags": "What you get, and how you are sorted",
        "record_since": "On record since",
        "record_rows": "Every row, as it is kept",
        "record_rows_note": "Long rows of letters and digits stand for your address.",
        "choices_link": "Back to what you get",
        "erase_button": "Erase everything about me",
        "erase_ask": "Erase everything about you?",
        "erase_ask_note": "Your address, your name and your choices are deleted for good, and you "
        "get no more mails.",
        "erase_yes": "Yes, erase it",
        "erased": "Everything about you is erased",
        "erased_note": "A code stays that nobody can turn back into your address, so that no list "
        "adds it again.",
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
        "gone": "Je staat niet op de lijst",
        "gone_note": "Deze link is al gebruikt, en op dit moment komen er geen mails van {name} op "
        "dit adres. Wil je ze weer krijgen, schrijf je dan opnieuw in. Komt er geen mail, "
        "beantwoord dan een mail die je hebt en vraag erom.",
        "refused": "We schrijven je niet meer",
        "refused_note": "Je adres blijft van de lijst van {name}.",
        "expired": "Deze link is verlopen",
        "expired_note": "Hij werkt enkele dagen, of tot een andere is gebruikt. Er is niets "
        "veranderd.",
        "once_again": "Schrijf je opnieuw in voor een nieuwe",
        "pause": "Neem een pauze",
        "pause_none": "Geen pauze: ik wil elk nummer",
        "pause_1": "Sla het volgende nummer over",
        "pause_2": "Sla de volgende twee nummers over",
        "pause_3": "Sla de volgende drie nummers over",
        "new_address": "Een ander mailadres",
        "move_button": "Stuur de mails daarheen",
        "record_button": "Toon wat er over mij is vastgelegd",
        "record": "Wat er over je is vastgelegd",
        "record_note": "De nieuwsbrief bewaart dit, welke van haar mails naar je toe gingen, en "
        "wat je ervan vond.",
        "record_tags": "Wat je krijgt en hoe je bent ingedeeld",
        "record_since": "Vastgelegd sinds",
        "record_rows": "Elke regel, zoals hij wordt bewaard",
        "record_rows_note": "Lange rijen letters en cijfers staan voor je adres.",
        "choices_link": "Terug naar wat je krijgt",
        "erase_button": "Wis alles over mij",
        "erase_ask": "Alles over je wissen?",
        "erase_ask_note": "Je adres, je naam en je keuzes worden voorgoed gewist, en je krijgt "
        "geen mail meer.",
        "erase_yes": "Ja, wis het",
        "erased": "Alles over je is gewist",
        "erased_note": "Er blijft een code die niemand in je adres kan terugveranderen, zodat geen "
        "lijst het weer toevoegt.",
    },
}
