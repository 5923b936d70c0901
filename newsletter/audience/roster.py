"""Reading a list of people: CSV as spreadsheets and other newsletter services write it.

What is wrong with one row is a Reject beside the good rows; what is wrong with the file (no
column of addresses, a quote that is never closed) is an InputError, and nothing is imported.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final, NamedTuple, Protocol

from newsletter.audience import Status, read_address
from newsletter.audience.choices import Choices
from newsletter.audience.columns import Columns, Person, RejectedError
from newsletter.audience.joined import DayOrder, day_order
from newsletter.audience.records import CsvRecords, Record, empty, sniff
from newsletter.audience.standing import may_say_gone
from newsletter.errors import InputError, Place
from newsletter.text_rules import one_line

__all__ = ["Added", "Reject", "Row", "guarded", "header", "read", "sniff", "unguarded"]

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
#: So many rows show whether the day or the month of their dates comes first.
_DATED: Final = 1000


class Row(NamedTuple):
    """One person of a list; a tuple, for a long list has a million.

    Attributes:
        line: 1-based line of the file on which the row starts.
        email: what mail is sent to.
        canonical: the key under which two spellings are one address.
        name: one line, may be empty.
        status: what the file says; active when it says nothing.
        tags: as `segment.tag_name` writes them.
        fields: further columns by field name, empty ones left out.
        suppression: why the address must never be mailed ("bounced", "complained", "blocked"),
            or "".
        joined: since when, as the file says.
        instead_of: the number of an earlier row with this address, counted from 0 over all that
            was read, which does not count any more; None where there is none.
        aside: which column says that they left that is read for something else, or "".
        undated: why a date of the row counts as none, or "".
    """

    line: int
    email: str
    canonical: str
    name: str
    status: Status
    tags: frozenset[str]
    fields: Mapping[str, str]
    suppression: str = ""
    joined: dt.datetime | None = None
    instead_of: int | None = None
    aside: str = ""
    undated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that is not imported.

    Attributes:
        line: 1-based line of the file on which the row starts.
        reason: a sentence without an address.
        word: the word of a status that nobody knows, as the file has it in lower case, or "".
    """

    line: int
    reason: str
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of the rows of a list that were not rejected; `rows` is their number.

    Attributes:
        added: people who were not known.
        updated: people about whom something was new.
        unchanged: people who were unchanged.
        kept_out: people who have left or whose address is suppressed, and who stay so.
        barred: those of them whose address is suppressed; counted there already.
        suppressed: addresses newly suppressed, because the list says that they bounced,
            complained or are blocked.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    kept_out: int = 0
    barred: int = 0
    suppressed: int = 0

    @property
    def rows(self) -> int:
        """How many rows these are."""
        return self.added + self.updated + self.unchanged + self.kept_out + self.suppressed

    def __add__(self, other: Added) -> Added:
        return Added(
            added=self.added + other.added,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            kept_out=self.kept_out + other.kept_out,
            barred=self.barred + other.barred,
            suppressed=self.suppressed + other.suppressed,
        )


@dataclass(frozen=True, slots=True)
class Met:
    """An earlier row of the list with the same address.

    Attributes:
        line, place: its line, and its number among all that was read, from 0.
        yields: whether it says less than the new one, which takes its place.
    """

    line: int
    place: int
    yields: bool


class Seen(Protocol):
    """Remembers which addresses a list has had."""

    def meet(self, canonical: str, *, line: int, place: int, standing: int) -> Met | None:
        """The row that counted for this address until now; None when it is new."""
        ...


class _Kept:
    """Addresses in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, int, int]] = {}

    def meet(self, canonical: str, *, line: int, place: int, standing: int) -> Met | None:
        old = self._rows.setdefault(canonical, (line, place, standing))
        if old == (line, place, standing):
            return None
        if yields := standing > old[2]:
            self._rows[canonical] = (line, place, standing)
        return Met(old[0], old[1], yields)


def header(lines: Iterable[str], *, file: str, choices: Choices | None = None) -> Columns:
    """Understand the first line of a list; what it leaves open the rows tell, to the last of them.

    Args:
        lines: of decoded text, line ends kept (a file opened with `newline=""`).
        file: the name for errors.
        choices: what a person knows better than the header.

    Raises:
        InputError: what breaks the whole file, with line and column.
    """
    return _columns(CsvRecords(lines, file=file), file, choices, look=True)


def read(
    lines: Iterable[str],
    *,
    file: str,
    seen: Seen | None = None,
    choices: Choices | None = None,
    before: int = 0,
) -> Iterator[Row | Reject]:
    """Read a list row by row, none of which stays in memory.

    Args:
        lines: of decoded text, line ends kept (a file opened with `newline=""`).
        file: the name for errors.
        seen: tells which addresses came before; None keeps them in memory.
        choices: what a person knows better than the header.
        before: how many rows of other files belong to the same list and were read before.

    Yields:
        a Row for every person, a Reject for every row that cannot be imported; empty rows are
        passed over. Of several rows with one address the most careful counts: a later one that
        says more names the row whose place it takes, and any other is a Reject.

    Raises:
        InputError: what breaks the whole file, with line and column.
    """
    records = CsvRecords(lines, file=file)
    columns = _columns(records, file, choices)
    seen = seen or _Kept()
    rest: Iterator[Record] = records
    if columns.dated and columns.order is DayOrder.UNKNOWN:
        sample = list(islice(records, _DATED))
        columns.order = day_order(
            record.cells[at] for record in sample for at in columns.dated if at < len(record.cells)
        )
        rest = chain(sample, records)
    heading = None
    for place, record in enumerate(rest, start=before):
        row = _row(record, columns, seen, place)
        if isinstance(row, Reject):
            heading = heading or _heading(record, columns, file)
        elif heading is not None:
            raise heading
        yield row


def _columns(
    records: CsvRecords, file: str, choices: Choices | None, *, look: bool = False
) -> Columns:
    first = next(records, None)
    if first is None:
        raise empty(file)
    if first.fault:
        raise InputError(first.fault, place=records.place(first, -1), hint="fix the first line")
    width = len(first.cells)
    rows = (one.cells for one in records if not one.fault and len(one.cells) == width)
    return Columns.read(first.cells, records.places(first), choices, rows if look else ())


def guarded(cell: str) -> str:
    """A cell as an export writes it, so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell before `guarded`: one quote goes, and only where one was put."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _row(record: Record, columns: Columns, seen: Seen, place: int) -> Row | Reject:
    line = record.line
    try:
        person = _person(record, columns)
        address = read_address(person.email)
    except RejectedError as rejected:
        return Reject(line=line, reason=str(rejected), word=rejected.word)
    except InputError as error:
        return Reject(line=line, reason=error.message)
    standing = person.standing
    met = seen.meet(address.canonical, line=line, place=place, standing=standing)
    if met is not None and not met.yields:
        return Reject(line=line, reason=f"line {met.line} has this address too")
    # By their places: with a name for each this costs twice as much.
    return Row(
        line, address.mailbox, address.canonical, person.name, standing.status, person.tags,
        person.fields, standing.suppression, person.joined, None if met is None else met.place,
        person.aside, person.undated,
    )  # fmt: skip


def _heading(record: Record, columns: Columns, file: str) -> InputError | None:
    """What is wrong once people stand below a line of words alone; None where it is no heading.

    Raises:
        InputError: it says "Unsubscribed", so that whoever stands below is not to be mailed.
    """
    filled = [at for at, cell in enumerate(record.cells) if cell.strip()]
    if len(filled) != 1 or filled[0] not in columns.about_whom:
        return None
    [at], place = filled, Place(file, record.line)
    word = one_line(record.cells[at])
    if "@" not in word and may_say_gone(word):
        raise InputError(
            f'this line says "{word}" and has no address, and those below it may have left',
            place=place, hint='delete it, and give those who left a yes in a column "left"',
        )  # fmt: skip
    if not columns.is_heading(at, word):
        return None
    return InputError(
        f'this line says "{word}" for an address, and there are people below it',
        place=place,
        hint='delete it; if those below it have left, give them a yes in a column "left"',
    )


def _person(record: Record, columns: Columns) -> Person:
    if record.fault:
        raise RejectedError(record.fault)
    cells = record.cells
    if len(cells) != len(columns.columns):
        raise RejectedError(f"the row has {len(cells)} cells, the header {len(columns.columns)}")
    for at, cell in enumerate(cells):
        if cell[:1] == "'":
            cells[at] = unguarded(cell)
    return columns.person(cells)
