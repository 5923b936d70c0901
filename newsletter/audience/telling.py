"""Columns whose names say nothing that is known, and whose cells may tell who has left.

No list of words has every language: a column of dates that some rows have and others do not, of
yes and no, or of two words is asked about whatever its name, and never read as a field unasked.
So are those beside the columns of a service that tell, where they tell one row from another.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from newsletter.audience.joined import is_like_a_date
from newsletter.audience.roles import folded
from newsletter.audience.standing import BLANK, DOUBTFUL, NO, WORDS, YES, says_gone

#: A column with more words than these is no status.
_FEW: Final = 2
_LONGEST: Final = 40
#: In how many rows so many kinds of cell are a choice, nothing among them; in fewer any column has
#: no more.
_ENOUGH: Final = {2: 4, 3: 10}
#: Dates that stand for none: the first day of a computer, or one that nobody will see.
_NEVER: Final = re.compile(
    r"1970-01-01.*|1900-01-0[01].*|0?1[./-]0?1[./-]19[07]0|.*(?:20[5-9]\d|2[1-9]\d\d|9999)(?!\d).*"
)

#: What is about the person in any list, and tells nothing about where they stand.
_ORDINARY: Final = frozenset(
    """
    city town ort stadt wohnort ville ciudad citta cidade plaats woonplaats stad mesto miasto varos
    kaupunki country land pais pays paese kraj orszag maa region province provincia bundesland
    canton kanton county company firma organisation organization entreprise empresa azienda bedrijf
    societe verein club street strasse rue calle via address adresse direccion indirizzo endereco
    adres utca zip plz postcode postleitzahl cp cap phone tel telefon telephone telefono telefoon
    mobile handy cell fax birthday birthdate birth geburtstag geburtsdatum dob naissance
    anniversaire cumpleanos nacimiento compleanno nascita verjaardag geboortedatum narozeni
    urodzenia fodselsdag syntymaaika language lang locale sprache langue idioma lingua taal jezyk
    jazyk nyelv kieli gender sex geschlecht genre sexo sesso geslacht salutation anrede title titel
    titulo civilite aanhef plan tier paket tarif source quelle origine origen bron referrer utm note
    notes notiz notizen bemerkung bemerkungen kommentar ip comment comments remark remarks opmerking
    website url web job position beruf department abteilung timezone age alter kundennummer
    category kategorie categorie categoria id nr nummer number
    vip premium customer kunde client cliente klant employee mitarbeiter school schule child
    children kinder kids enfants team kurs course class klasse event interests interessen
    score points punkte stars rating donation donations spende spenden don dons
    amount quantity anzahl menge spend betrag montant importe revenue umsatz price preis
    currency year jahr annee anno mobil
    open opens opened click clicks clicked sent seen visit visits visited login logins activity
    purchase purchases order orders contacted modified updated changed geandert format page form
    size grosse taille talla lead campaign medium term content referral referring ansprache
    """.split()
)
#: Where people write what they have no column for.
_NOTES: Final = frozenset(
    "note notes notiz notizen bemerkung bemerkungen kommentar comment comments remark remarks "
    "opmerking category kategorie categorie categoria".split()
)
#: What may stand beside such a word.
_BESIDE: Final = frozenset(
    "name code no date datum day of de du di da der des home work 1 2 3 is has at on time last "
    "first rate count total avg preferred sign up signup site gmt utc email emails became "
    "a recent sales".split()
)


def is_ordinary(name: str) -> bool:
    """Whether the plain name of a column says that it is about something else than standing."""
    words = frozenset(name.split("_"))
    return not words.isdisjoint(_ORDINARY) and words <= _ORDINARY | _BESIDE


@functools.cache
def has_remarks(name: str) -> bool:
    """Whether the plain name of a column leaves room for remarks: notes, or nothing known."""
    return not is_ordinary(name) or not _NOTES.isdisjoint(name.split("_"))


def telling(
    rows: Iterable[Sequence[str]],
    columns: Iterable[int],
    *,
    beside: bool = False,
    joined: Container[int] = (),
    nameless: Container[int] = (),
) -> list[int]:
    """Which of some columns may tell who left by their cells.

    Args:
        rows: the cells of each row; read until nothing is open any more.
        columns: the places of those that nobody knows by their names.
        beside: whether others tell already; then one that says the same of everybody does not.
        joined: those of them that tell since when by their names; one date shows that they do.
        nameless: those without a name, in which any word beside some rows may tell.
    """
    seen = {at: _Cells(joined=at in joined, nameless=at in nameless) for at in columns}
    for cells in rows if seen else ():
        for at in [at for at, one in seen.items() if not one.goes_on(cells[at])]:
            del seen[at]
        if not seen:
            break
    return [at for at, one in seen.items() if one.tell() and not (beside and one.is_even())]


@dataclass(slots=True)
class _Cells:
    """What the cells of a column have been so far; `joined` where dates are what it should have."""

    joined: bool = False
    nameless: bool = False
    rows: int = 0
    blank: bool = False
    dated: bool = False
    answers: set[bool] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    _met: set[str] = field(default_factory=set)

    def goes_on(self, cell: str) -> bool:
        """Take one more cell; whether the column may still tell who left."""
        self.rows += 1
        if cell in self._met:
            return True
        word = folded(cell.strip().lstrip("'"))
        if word in BLANK:
            self.blank = True
        elif word in YES or word in NO:
            self.answers.add(word in YES)
        elif is_like_a_date(word):
            if _NEVER.fullmatch(word):
                self.blank = True
            else:
                self.dated = True
            return not self.joined  # there may be as many of them as rows
        else:
            if self.nameless and len(self.words) > _FEW:
                return True
            self.words.add(word)
            few = len(self.words) <= _FEW or self.words <= WORDS.keys()
            if not self.nameless and (not few or len(word) > _LONGEST or "@" in word):
                return False
        self._met.add(cell)
        return True

    def is_even(self) -> bool:
        """Whether they say one and the same of everybody."""
        return len(self._met) == 1 and not self.dated

    def tell(self) -> bool:
        """Whether all of them together may tell who left."""
        if not self.words:
            return bool(self.answers) or (self.dated and self.blank)
        if self.dated or not self.words.isdisjoint(DOUBTFUL):
            return True
        if self.nameless and self.blank and not all(map(str.isdecimal, self.words)):
            return not all(map(says_gone, self.words))
        if any(map(says_gone, self.words)):
            return False  # each row with such a word counts as unsubscribed
        values = len(self.words) + len(self.answers)
        enough = _ENOUGH.get(values + self.blank, 0)
        return 0 < enough <= self.rows and values <= _FEW
