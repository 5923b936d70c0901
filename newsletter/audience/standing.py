"""What a list says of a person's standing: the words of every service, yes and no, and dates."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from newsletter.audience import Status
from newsletter.audience.roles import folded, plain, speaks_of_leaving


class ReaderStanding(IntEnum):
    """Where a list says that a person stands; of two, the greater is the more careful."""

    ACTIVE = 0
    PENDING = 1
    LEFT = 2
    BOUNCED = 3
    COMPLAINED = 4
    BLOCKED = 5

    @property
    def status(self) -> Status:
        """The person's status; one whose address is suppressed has left, too."""
        if self is ReaderStanding.ACTIVE:
            return Status.ACTIVE
        return Status.PENDING if self is ReaderStanding.PENDING else Status.UNSUBSCRIBED

    @property
    def suppression(self) -> str:
        """Why the address must never be mailed, or ""."""
        return "" if self < ReaderStanding.BOUNCED else self.name.lower()


_WORDS: Final[Mapping[str, ReaderStanding]] = {
    **dict.fromkeys(
        (
            "active subscribed enabled confirmed regular premium gifted trialed churning free "
            "paid aktiv actif activo attivo ativo actief abonniert angemeldet abonné abonnée "
            "inscrit inscrite suscrito suscrita iscritto inscrito"
        ).split(),
        ReaderStanding.ACTIVE,
    ),
    **dict.fromkeys(
        ("pending", "unconfirmed", "unactivated", "not confirmed", "waiting", "ausstehend"),
        ReaderStanding.PENDING,
    ),
    # Some of these only never agreed to mail; mailing them would be the worse mistake.
    **dict.fromkeys(
        (
            "unsubscribed removed disabled inactive deleted archived paused transactional "
            "non-subscribed nonsubscribed cancelled canceled left suspended deactivated abgemeldet "
            "abbestellt ausgetreten ausgetragen gekündigt gekuendigt inaktiv deaktiviert gelöscht "
            "geloescht désabonné désabonnée désinscrit désinscrite résilié inactif "
            "désactivé supprimé baja desuscrito "
            "inactivo desactivado eliminado cancelado disiscritto uitgeschreven afgemeld"
        ).split(),
        ReaderStanding.LEFT,
    ),
    **dict.fromkeys(
        ("opted out", "opted-out", "opt-out", "dado de baja", "de baja"), ReaderStanding.LEFT
    ),
    **dict.fromkeys(
        (
            "cleaned",
            "bounced",
            "undeliverable",
            "unreachable",
            "hard bounce",
            "hard bounced",
            "unzustellbar",
            "rebotado",
        ),
        ReaderStanding.BOUNCED,
    ),
    **dict.fromkeys(
        ("complained", "complaint", "spam", "spammy", "marked as spam", "reported", "junk"),
        ReaderStanding.COMPLAINED,
    ),
    **dict.fromkeys(
        (
            "blocked blocklisted blacklisted suppressed banned gesperrt blockiert bloqué bloqueado"
        ).split(),
        ReaderStanding.BLOCKED,
    ),
}
#: Words that mean the same wherever they stand; a service's own stand in its row of `services`.
#: An accent may be missing.
WORDS: Final[Mapping[str, ReaderStanding]] = {
    **_WORDS,
    **{folded(word): meant for word, meant in _WORDS.items()},
}
#: What can only mean that a person left, or cannot be mailed, in whatever column.
_GONE: Final = (
    "unsubscribed unsubscribe unsub non-subscribed nonsubscribed opted-out opt-out abgemeldet "
    "désabonné désabonnée désinscrit désinscrite desuscrito disiscritto "
    "uitgeschreven afgemeld bounced hard-bounce hard-bounced undeliverable complained "
    "marked-as-spam blocklisted blacklisted do-not-contact do-not-email"
).split()
GONE: Final = frozenset(map(folded, _GONE)) | {folded(word).replace("-", " ") for word in _GONE}
#: Longer cells are sentences, in which such a word may be about anything.
LONGEST_REMARK: Final = 40
#: Most cells of a list say again what others have said.
_KEPT: Final = 4096
_SIGNS: Final = "()[]*.,;:!"
_SIGN: Final = re.compile(f"[{re.escape(_SIGNS)}]")
_IN_BRACKETS: Final = re.compile(r"[(\[]([^()\[\]]+)[)\]]")
#: What may mean that a person is not to be mailed, or anything else: "left", "paused".
_MAYBE: Final = (
    "former ex ex-member ex-subscriber gone quit out dead deceased expired lapsed churned "
    "ehemalig ehemalige ehemaliger ehemaliges ehem. ex-mitglied raus weg verstorben "
    "storno storniert ancien ancienne sorti parti décédé décédée fallecido ex-miembro "
    "died rip stop tot gestorben mort morte overleden deceduto muerto"
).split()
#: A "no" and, a word or two behind it, what it is about; or that a person, or their address, is
#: not there any more: "kein Interesse mehr", "ne plus contacter", "email dead".
_NO_MORE: Final = re.compile(
    r"(?:^|_)(?:no|not|never|stop|kein|keine|keinen|nicht|nichts|nie|non|ne|pas|plus|geen|niet|nooit"
    r"|sin|sem|nao|inte|ikke|ingen|ei|brak)(?:_[a-z]+){0,2}?"
    r"_(?:(?:any_?)?more|longer|wants?|send(?:ing)?|write|writing|mehr|anschreiben|schicken|meer"
    r"|mas|mais|piu|enaa|quier[eo]|quer|chce|news_?letters?|(?:e_?)?mail(?:s|ing)?|letters?|post"
    r"|contact\w*|kontakt\w*|\w*interes\w*|intress\w*)(?:_|$)"
    r"|(?:^|_)(?:wants_out|moved_away|weggezogen|verzogen|kommt_zurue?ck)(?:_|$)"
    r"|(?:^|_)(?:e?_?mail|add?r\w*)_(?:is_|ist_)?(?:invalid|ungue?ltig|wrong|falsch|dead|tot)(?:_|$)"
    r"|(?:^|_)(?:invalid|ungue?ltig|wrong|falsche|dead|tote|old|alte)_e?_?(?:mail|add?r\w*)(?:_|$)"
)
DOUBTFUL: Final = (
    frozenset(folded(word) for word, meant in WORDS.items() if meant) | {*map(folded, _MAYBE)}
) - GONE
_SAYS_YES: Final = (
    "true yes 1 1.0 1,0 t y on x checked ja oui si sí sim wahr vrai verdadero vero waar ano áno "
    "tak igen kyllä da evet да так はい 是 예 네 כן نعم ✓ ✔ ☑ ✅"
).split()
_SAYS_NO: Final = (
    "false no 0 0.0 0,0 f n off unchecked nein non nee não nao falsch faux falso onwaar nej nei "
    "ne nie nem ei nu hay\u0131r нет ні いいえ 否 아니요 לא لا ✗ ✘ ☐ ❌"
).split()
YES: Final = frozenset((*_SAYS_YES, *map(folded, _SAYS_YES)))
NO: Final = frozenset((*_SAYS_NO, *map(folded, _SAYS_NO)))
#: What says nothing at all.
BLANK: Final = frozenset(
    {
        "", "null", "none", "nil", "nan", "n/a", "-", "\u2013", "\u2014", "never", "0000-00-00",
        "0000-00-00 00:00:00", "00.00.0000", "00/00/0000", "1900-01-00", "nat", "<na>", "\\n",
        "#n/a", "#nv", "(null)", "<null>", "[null]", "(none)", "undefined", "--", "[]", "{}",
    }
)  # fmt: skip
_NO_DATE: Final = NO | BLANK


@functools.lru_cache(_KEPT)
def says_gone(cell: str) -> bool:
    """Whether a folded cell is such a word, or a short remark that begins with one."""
    return cell in GONE or (len(cell) <= LONGEST_REMARK and _first_word(cell) in GONE)


@functools.lru_cache(_KEPT)
def may_say_gone(cell: str) -> bool:
    """Whether a short remark may say that somebody left: "please remove", "ex-member since May"."""
    cell = folded(cell)
    if len(cell) > LONGEST_REMARK:
        return False
    first = _first_word(cell)
    if first in DOUBTFUL or first in GONE:
        return True
    words = plain(cell)
    return speaks_of_leaving(words) or _NO_MORE.search(words) is not None


@functools.lru_cache(_KEPT)
def gone_in_name(name: str) -> str:
    """What stands beside or instead of a name and says that its bearer left; or ""."""
    cell = folded(name)
    if cell in GONE:
        return cell
    if GONE.isdisjoint(cell.split()) and not _SIGN.search(cell):
        return ""  # as nearly all are
    found = (word.strip(_SIGNS) for word in cell.split())
    word = next((word for word in found if word in GONE), "")
    if not word and (remark := _IN_BRACKETS.search(cell)) and may_say_gone(remark[1]):
        return remark[1]
    return word


def _first_word(cell: str) -> str:
    return cell.partition(" ")[0].strip(_SIGNS)


def marked(cell: str) -> bool:
    """Whether a cell says that something happened: a yes, a date, or any other word than no."""
    return cell not in _NO_DATE


def yes_or_no(cell: str) -> bool | None:
    """What a cell says; None where it is neither."""
    return True if cell in YES else False if cell in NO else None


def confirmed(cell: str) -> bool | None:
    """Whether a person confirmed: yes, or the date they did; None where the cell says neither."""
    if cell in _NO_DATE:
        return False
    return True if cell in YES or cell[:1].isdigit() else None
