"""Reading a list of people: CSV as spreadsheets and other newsletter services write it.

What is wrong with one row is a Reject beside the good rows; what is wrong with the file (no
column of addresses, a quote that is never closed) is an InputError, and nothing is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from newsletter.audience import Status, read_address
from newsletter.audience.columns import Columns, RejectedError
from newsletter.audience.records import Record, Records, empty, sniff
from newsletter.errors import InputError

__all__ = ["Added", "Reject", "Row", "guarded", "read", "sniff", "unguarded"]

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One person of a list.

    Attributes:
        line: 1-based line of the file on which the row starts.
        email: what mail is sent to.
        canonical: the key under which two spellings are one address.
        name: one line, may be empty.
        status: what the file says; active when it says nothing.
        suppression: why the address must never be mailed ("bounced", "complained", "blocked"),
            or "".
        tags: as `segment.tag_name` writes them.
        fields: further columns by field name, empty ones left out.
    """

    line: int
    email: str
    canonical: str
    name: str
    status: Status
    suppression: str = ""
    tags: frozenset[str]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that is not imported; `reason` holds no address."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of the rows of a list; the numbers add up to the rows that were read.

    Attributes:
        added: people who were not known.
        updated: people about whom something was new.
        unchanged: people who were unchanged.
        kept_out: people who have left or whose address is suppressed, and who stay so.
        suppressed: addresses newly suppressed, because the list says that they bounced,
            complained or are blocked.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    kept_out: int = 0
    suppressed: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(
            added=self.added + other.added,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            kept_out=self.kept_out + other.kept_out,
            suppressed=self.suppressed + other.suppressed,
        )


class Seen(Protocol):
    """Remembers which addresses a list has had."""

    def first(self, canonical: str, line: int) -> int:
        """The first line that had this address; `line` itself when it is new."""
        ...


class _Kept:
    """Addresses in memory."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def first(self, canonical: str, line: int) -> int:
        return self._lines.setdefault(canonical, line)


def read(lines: Iterable[str], *, file: str, seen: Seen | None = None) -> Iterator[Row | Reject]:
    """Read a list row by row, none of which stays in memory.

    Args:
        lines: of decoded text, line ends kept (a file opened with `newline=""`).
        file: the name for errors.
        seen: tells which addresses came before; None keeps them in memory.

    Yields:
        a Row for every person, a Reject for every row that cannot be imported; empty rows are
        passed over.

    Raises:
        InputError: what breaks the whole file, with line and column.
    """
    records = Records(lines, file=file)
    header = next(records, None)
    if header is None:
        raise empty(file)
    if header.fault:
        raise InputError(header.fault, place=records.place(header, -1), hint="fix the first line")
    columns = Columns.read(header.cells, lambda cell: records.place(header, cell))
    seen = seen or _Kept()
    for record in records:
        yield _row(record, columns, seen)


def guarded(cell: str) -> str:
    """A cell as an export writes it, so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell before `guarded`: one quote goes, and only where one was put."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _row(record: Record, columns: Columns, seen: Seen) -> Row | Reject:
    try:
        row = _read(record, columns)
    except RejectedError as rejected:
        return Reject(line=record.line, reason=str(rejected))
    except InputError as error:
        return Reject(line=record.line, reason=error.message)
    if (first := seen.first(row.canonical, row.line)) != row.line:
        return Reject(line=row.line, reason=f"line {first} has this address too")
    return row


def _read(record: Record, columns: Columns) -> Row:
    if record.fault:
        raise RejectedError(record.fault)
    if len(record.cells) != len(columns.names):
        raise RejectedError(
            f"the row has {len(record.cells)} cells, the header {len(columns.names)}"
        )
    person = columns.person([unguarded(cell) for cell in record.cells])
    address = read_address(person.email)
    return Row(
        line=record.line,
        email=address.mailbox,
        canonical=address.canonical,
        name=person.name,
        status=person.status,
        suppression=person.suppression,
        tags=person.tags,
        fields=person.fields,
    )
