"""The few words of the archive's pages, by language; English stands in where one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_KEYS: Final = (
    "skip", "issue", "newer", "older", "all", "minutes", "corrected", "missing", "missing_note",
    "moved", "feed", "empty", "past", "read", "page",
)  # fmt: skip
# In the order of the keys.
_WORDS: Final = {
    "en": "Skip to the text | Issue | Newer | Older | All issues | {n} min read | Corrected on"
    " {date} | Page not found | There is no such page. The issues are all listed on the front page."
    " | This page has moved | Subscribe by feed | The first issue has yet to be sent."
    " | Past issues | Read issue {n} | Page {n}",
    "ar": "انتقل إلى النص | العدد | الأحدث | الأقدم | كل الأعداد | {n} دقيقة قراءة | صُحح في {date}"
    " | الصفحة غير موجودة | لا توجد صفحة كهذه. كل الأعداد مذكورة في الصفحة الأولى."
    " | انتقلت هذه الصفحة | تابع عبر الخلاصة | لم يُرسل العدد الأول بعد. | الأعداد السابقة"
    " | اقرأ العدد {n} | صفحة {n}",
    "de": "Zum Text | Ausgabe | Neuer | Älter | Alle Ausgaben | {n} Min. Lesezeit | Berichtigt am"
    " {date} | Seite nicht gefunden | Diese Seite gibt es nicht. Alle Ausgaben stehen auf der"
    " Startseite. | Diese Seite ist umgezogen | Als Feed abonnieren | Die erste Ausgabe ist noch"
    " nicht verschickt. | Frühere Ausgaben | Ausgabe {n} lesen | Seite {n}",
    "es": "Ir al texto | Número | Más reciente | Más antiguo | Todos los números | {n} min de"
    " lectura | Corregido el {date} | Página no encontrada | Esta página no existe. Todos los"
    " números están en la portada. | Esta página se ha movido | Suscribirse por feed | El primer"
    " número aún no se ha enviado. | Números anteriores | Leer el número {n} | Página {n}",
    "fr": "Aller au texte | Numéro | Plus récent | Plus ancien | Tous les numéros | {n} min de"
    " lecture | Corrigé le {date} | Page introuvable | Cette page n'existe pas. Tous les numéros"
    " sont sur la page d'accueil. | Cette page a changé d'adresse | S'abonner par flux | Le premier"
    " numéro n'est pas encore envoyé. | Numéros précédents | Lire le numéro {n} | Page {n}",
    "he": "דילוג לטקסט | גיליון | חדש יותר | ישן יותר | כל הגיליונות | {n} דקות קריאה |"
    " תוקן ב־{date} | הדף לא נמצא | אין דף כזה. כל הגיליונות מופיעים בדף הראשי. | הדף הזה עבר"
    " | הרשמה לפיד | הגיליון הראשון עוד לא נשלח. | גיליונות קודמים | לקריאת גיליון {n} | עמוד {n}",
    "it": "Vai al testo | Numero | Più recente | Meno recente | Tutti i numeri | {n} min di lettura"
    " | Corretto il {date} | Pagina non trovata | Questa pagina non esiste. Tutti i numeri sono"
    " nella pagina iniziale. | Questa pagina è stata spostata | Abbonati al feed | Il primo numero"
    " non è ancora stato inviato. | Numeri precedenti | Leggi il numero {n} | Pagina {n}",
    "nl": "Naar de tekst | Nummer | Nieuwer | Ouder | Alle nummers | {n} min lezen | Verbeterd op"
    " {date} | Pagina niet gevonden | Deze pagina bestaat niet. Alle nummers staan op de"
    " voorpagina. | Deze pagina is verhuisd | Volg via feed | Het eerste nummer is nog niet"
    " verstuurd. | Eerdere nummers | Lees nummer {n} | Pagina {n}",
    "pt": "Ir para o texto | Edição | Mais recente | Mais antiga | Todas as edições | {n} min de"
    " leitura | Corrigida em {date} | Página não encontrada | Esta página não existe. Todas as"
    " edições estão na página inicial. | Esta página mudou de endereço | Assinar por feed"
    " | A primeira edição ainda não foi enviada. | Edições anteriores | Ler a edição {n}"
    " | Página {n}",
}  # fmt: skip


def archive_words(language: str) -> Mapping[str, str]:
    """The words for a BCP 47 tag; "language" is the one they are in."""
    primary = language.partition("-")[0].lower()
    found = primary if primary in _WORDS else "en"
    texts = dict(zip(_KEYS, _WORDS[found].split(" | "), strict=True))
    return {**texts, "language": found}
