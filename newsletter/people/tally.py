"""What the rows of a list say, counted as they pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from newsletter.audience import Status
from newsletter.audience.roles import folded
from newsletter.audience.roster import Reject, Row
from newsletter.audience.standing import DOUBTFUL, LONGEST_REMARK, gone_in_name, may_say_gone
from newsletter.audience.telling import has_remarks
from newsletter.text_rules import one_line, stands_in_header

#: So many rejected rows are told one by one; the file beside the list has them all.
_SHOWN: Final = 5
#: So many words of a status are counted; a column with more is none.
_WORDS: Final = 20
_LONGEST_WORD: Final = 40
#: What spreadsheets put before a text, or take for the begin of a formula.
_MARKS: Final = frozenset("'=+-")


@dataclass(slots=True, kw_only=True)
class Odd:
    """How many rows are odd in one way, and the line of the first of them."""

    line: int
    number: int = 0


@dataclass(slots=True)
class RowTally:
    """What is wrong or odd about the rows of a list, counted as they pass.

    Attributes:
        rejected: rows that cannot be imported.
        first: a few of those.
        odd_names: people whose name no header of a mail can carry.
        marked: addresses that begin as a spreadsheet marks a text or a formula.
        said: how many rows say what of their person: "active", "pending", "unsubscribed",
            "bounced", "complained", "blocked".
        words: words of a status that nobody knows, with how many rows have them.
        aside: by which column rows count as unsubscribed that is read for something else, with the
            first of their lines.
        undated: why dates count as none, in the same way.
        doubted: such columns with words that may mean it; these rows count as active.
        remarks: such columns with short remarks that may say it, and the first of them.
        fields: the columns that are read as fields, see `OpenList.unjudged`.
        tagged: the column that is read as tags in the same way, or "".
    """

    rejected: int = 0
    first: list[Reject] = field(default_factory=list)
    odd_names: int = 0
    marked: int = 0
    said: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    aside: dict[str, Odd] = field(default_factory=dict)
    undated: dict[str, Odd] = field(default_factory=dict)
    doubted: dict[tuple[str, str], Odd] = field(default_factory=dict)
    remarks: dict[str, tuple[str, Odd]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    tagged: str = ""

    def looked_at(self, rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
        """The same rows, counted by what they say."""
        said, usual = self.said, Status.ACTIVE
        for row in rows:
            if isinstance(row, Row):
                # Of a million rows most are active, and a status' own word takes its time.
                status = "active" if row.status is usual else row.status.value
                said[row.suppression or status] += 1
                if row.name and not stands_in_header(row.name):
                    self.odd_names += 1
                if row.undated:
                    self.undated.setdefault(row.undated, Odd(line=row.line)).number += 1
                if row.email[0] in _MARKS:
                    self.marked += 1
                if status == "active":
                    self._doubt(row)
                elif row.aside:
                    self.aside.setdefault(row.aside, Odd(line=row.line)).number += 1
            elif row.word:
                self._count(row.word)
            yield row

    def _doubt(self, row: Row) -> None:
        """Count words of a status where nobody has said what the column is, or in a name."""
        if word := gone_in_name(row.name):
            self._note_doubt("name", word, row.line)
        if self.tagged and not row.tags.isdisjoint(DOUBTFUL):
            self._note_doubt(self.tagged, min(row.tags & DOUBTFUL), row.line)
        for name, value in row.fields.items():
            if len(value) > LONGEST_REMARK or name not in self.fields:
                continue
            if folded(value) in DOUBTFUL:
                self._note_doubt(self.fields[name], value, row.line)
            elif has_remarks(name) and may_say_gone(value):
                _, odd = self.remarks.setdefault(self.fields[name], (value, Odd(line=row.line)))
                odd.number += 1

    def _note_doubt(self, column: str, word: str, line: int) -> None:
        self.doubted.setdefault((column, word.lower()), Odd(line=line)).number += 1

    def _count(self, word: str) -> None:
        """A word of a status is short, and no address; a column with very many words has none."""
        few = word in self.words or len(self.words) < _WORDS
        if few and len(word) <= _LONGEST_WORD and "@" not in word:
            self.words[one_line(word)] += 1

    def noted(self, rejects: Iterable[Reject]) -> Iterator[Reject]:
        """The same rejected rows, noted."""
        for reject in rejects:
            self.note(reject)
            yield reject

    def note(self, reject: Reject) -> None:
        """Keep a rejected row in mind."""
        self.rejected += 1
        if self.rejected <= _SHOWN:
            self.first.append(reject)
