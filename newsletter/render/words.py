"""The few fixed words of a mail, by language; English stands in where a language is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

from newsletter.render import ANSWERS
from newsletter.render.markdown.callouts import TITLES

_RTL: Final = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})

# issue | why | reason | unsubscribe | view_online | forwarded | subscribe | privacy
_WORDS: Final = {
    "en": "Issue | Why you get this | You joined the list of {name}. | Unsubscribe"
    " | Read it in the browser | Forwarded this? | Subscribe | What is done with your data",
    "ar": "العدد | لماذا تصلك هذه الرسالة | عنوانك مسجل في قائمة {name}. | إلغاء الاشتراك"
    " | القراءة في المتصفح | وصلتك هذه الرسالة من صديق؟ | اشترك | ماذا نفعل ببياناتك",
    "de": "Ausgabe | Warum du das bekommst | Du stehst auf der Liste von {name}. | Abmelden"
    " | Im Browser lesen | Weitergeleitet bekommen? | Abonnieren | Was mit deinen Daten geschieht",
    "es": "Número | Por qué recibes esto | Tu dirección está en la lista de {name}."
    " | Darse de baja | Leer en el navegador | ¿Te han reenviado esta carta? | Suscribirme"
    " | Qué hacemos con tus datos",
    "fr": "Numéro | Pourquoi vous recevez cette lettre"
    " | Votre adresse figure sur la liste de {name}. | Se désabonner | Lire dans le navigateur"
    " | On vous a transféré cette lettre ? | S'abonner | Ce que deviennent vos données",
    "he": "גיליון | למה קיבלת את זה | הכתובת שלך נמצאת ברשימה של {name}. | ביטול ההרשמה"
    " | קריאה בדפדפן | העבירו לך את זה? | הרשמה | מה נעשה בנתונים שלך",
    "it": "Numero | Perché ricevi questa lettera | Il tuo indirizzo è nella lista di {name}."
    " | Disiscriviti | Leggi nel browser | Ti hanno inoltrato questa lettera? | Iscriviti"
    " | Che cosa facciamo dei tuoi dati",
    "nl": "Nummer | Waarom je dit krijgt | Je staat op de lijst van {name}. | Uitschrijven"
    " | Lees in de browser | Doorgestuurd gekregen? | Inschrijven | Wat er met je gegevens gebeurt",
    "pt": "Edição | Por que você recebe isto | Seu endereço está na lista de {name}."
    " | Cancelar a inscrição | Ler no navegador | Alguém encaminhou isto para você?"
    " | Inscrever-me | O que fazemos com seus dados",
}
_KEYS: Final = (
    "issue", "why", "reason", "unsubscribe", "view_online", "forwarded", "subscribe",
    "privacy",
)  # fmt: skip

# rate | good | fine | bad
_RATING: Final = {
    "en": "How was it? | Loved it | It was fine | Not for me",
    "ar": "ما رأيك في هذا العدد؟ | أعجبني كثيرًا | لا بأس به | لا يناسبني",
    "de": "Wie war diese Ausgabe? | Sehr gern gelesen | War in Ordnung | Nichts für mich",
    "es": "¿Qué te ha parecido este número? | Me ha encantado | Está bien | No es para mí",
    "fr": "Qu'avez-vous pensé de ce numéro ? | J'ai adoré | Pas mal | Pas pour moi",
    "he": "איך היה הגיליון הזה? | אהבתי מאוד | היה בסדר | לא בשבילי",
    "it": "Com'era questo numero? | Mi è piaciuto molto | Non male | Non fa per me",
    "nl": "Hoe vond je dit nummer? | Heel goed | Ging wel | Niets voor mij",
    "pt": "O que você achou desta edição? | Adorei | Foi boa | Não é para mim",
}
_RATING_KEYS: Final = ("rate", *ANSWERS)

# In the order of the titles in English.
_CALLOUTS: Final = {
    "ar": "ملاحظة | نصيحة | مهم | تحذير | تنبيه",
    "de": "Hinweis | Tipp | Wichtig | Warnung | Vorsicht",
    "es": "Nota | Consejo | Importante | Advertencia | Precaución",
    "fr": "Remarque | Conseil | Important | Avertissement | Attention",
    "he": "הערה | טיפ | חשוב | אזהרה | זהירות",
    "it": "Nota | Consiglio | Importante | Avviso | Attenzione",
    "nl": "Opmerking | Tip | Belangrijk | Waarschuwing | Let op",
    "pt": "Nota | Dica | Importante | Aviso | Cuidado",
}
_DATES: Final = {
    "de": "{day}. {month} {year}",
    "es": "{day} de {month} de {year}",
    "he": "{day} ב{month} {year}",
    "pt": "{day} de {month} de {year}",
}
_MONTHS: Final = {
    "en": "January February March April May June July August September October November December",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "he": "ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
    "dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro "
    "dezembro",
}


def words(language: str) -> Mapping[str, str]:
    """The fixed words for a BCP 47 tag; only its first part counts."""
    primary = _primary(language)
    return {
        **_table(_KEYS, _WORDS.get(primary, _WORDS["en"])),
        **_table(_RATING_KEYS, _RATING.get(primary, _RATING["en"])),
    }


def callouts(language: str) -> Mapping[str, str]:
    """The titles of callouts by their kind."""
    titles = _CALLOUTS.get(_primary(language))
    return _table(tuple(TITLES), titles) if titles else TITLES


def direction(language: str) -> str:
    """The writing direction, "ltr" or "rtl"."""
    return "rtl" if _primary(language) in _RTL else "ltr"


def date(day: dt.date | None, language: str) -> str:
    """A date as people write it; ISO 8601 where the months' names are not known."""
    if day is None:
        return ""
    primary = _primary(language)
    if primary not in _MONTHS:
        return day.isoformat()
    month = _MONTHS[primary].split()[day.month - 1]
    form = _DATES.get(primary, "{day} {month} {year}")
    return form.format(day=day.day, month=month, year=day.year)


def _table(keys: tuple[str, ...], line: str) -> Mapping[str, str]:
    return dict(zip(keys, line.split(" | "), strict=True))


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
