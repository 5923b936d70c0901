"""Columns whose names say nothing that is known, and whose cells may tell who has left.

No list of words has every language: a column of dates that some rows have and others do not, of
yes and no, or of two words is asked about whatever its name, and never read as a field unasked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from newsletter.audience.joined import is_like_a_date
from newsletter.audience.roles import folded
from newsletter.audience.standing import BLANK, DOUBTFUL, NO, WORDS, YES, says_gone

#: A column with more words than these is no status.
_FEW: Final = 2
_LONGEST: Final = 40
#: In so many rows two words are a choice; in fewer any column has no more.
_MANY_ROWS: Final = 10

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
    notes notiz notizen bemerkung bemerkungen kommentar comment comments remark remarks opmerking
    website url web job position beruf department abteilung timezone age alter kundennummer
    category kategorie categorie categoria id nr nummer number
    """.split()
)
#: What may stand beside such a word.
_BESIDE: Final = frozenset(
    "name code no date datum day of de du di da der des home work 1 2 3".split()
)


def is_ordinary(name: str) -> bool:
    """Whether the plain name of a column says that it is about something else than standing."""
    words = frozenset(name.split("_"))
    return not words.isdisjoint(_ORDINARY) and words <= _ORDINARY | _BESIDE


def telling(rows: Iterable[Sequence[str]], columns: Iterable[int]) -> list[int]:
    """Which of some columns may tell who left by their cells.

    Args:
        rows: the cells of each row; read until nothing is open any more.
        columns: the places of those that nobody knows by their names.
    """
    seen = {at: _Cells() for at in columns}
    for cells in rows if seen else ():
        for at in [at for at, one in seen.items() if not one.goes_on(cells[at])]:
            del seen[at]
        if not seen:
            break
    return [at for at, one in seen.items() if one.tell()]


@dataclass(slots=True)
class _Cells:
    """What the cells of a column have been so far."""

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
            self.dated = True
            return True  # there may be as many of them as rows
        else:
            self.words.add(word)
            few = len(self.words) <= _FEW or self.words <= WORDS.keys()
            if not few or len(word) > _LONGEST or "@" in word:
                return False
        self._met.add(cell)
        return True

    def tell(self) -> bool:
        """Whether all of them together may tell who left."""
        if not self.words:
            return bool(self.answers) or (self.dated and self.blank)
        if self.dated or not self.words.isdisjoint(DOUBTFUL):
            return True
        if any(map(says_gone, self.words)):
            return False  # each row with such a word counts as unsubscribed
        values = len(self.words) + len(self.answers)
        return values <= _FEW <= values + self.blank and self.rows >= _MANY_ROWS
