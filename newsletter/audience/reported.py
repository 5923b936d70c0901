"""Addresses that came back, as people note them: one a line, or a column of a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from newsletter.audience import Address, read_address
from newsletter.audience.roster import Reject
from newsletter.errors import InputError

_COLUMNS: Final = frozenset(
    ("email", "e mail", "mail", "address", "email address", "e mail address", "recipient",
     "final recipient", "bounced address")
)  # fmt: skip
_SEPARATORS: Final = ",;\t"


def read_reported(lines: Iterable[str]) -> Iterator[Address | Reject]:
    """Read the addresses of a file; what holds none, or several, is left out with its line.

    A first row without an address names the columns. Without a column of addresses among them each
    row must hold one address alone: of a sender and a recipient nobody knows which came back.
    """
    rows = iter(lines)
    first = next(rows, "")
    separator = max(_SEPARATORS, key=first.count)
    column: int | None = None
    reader = csv.reader(_again(first, rows), delimiter=separator)
    for row in reader:
        cells = [cell.strip() for cell in row]
        if reader.line_num == 1 and not any("@" in cell for cell in cells):
            column = _column(cells)
        elif any(cells):
            yield _read(cells, column, reader.line_num)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first.removeprefix("\ufeff")
    yield from rest


def _column(names: Sequence[str]) -> int | None:
    plain = [re.sub(r"[\W_]+", " ", name.lower()).strip() for name in names]
    return next((n for n, name in enumerate(plain) if name in _COLUMNS), None)


def _read(cells: Sequence[str], column: int | None, line: int) -> Address | Reject:
    if column is None:
        found = [cell for cell in cells if "@" in cell]
    else:
        found = [cells[column]] if column < len(cells) else []
    if len(found) != 1:
        what = "several addresses" if found else "no address"
        return Reject(line=line, reason=f"{what} in this row")
    try:
        return read_address(found[0].removeprefix("mailto:").strip("<>"))
    except InputError as error:
        return Reject(line=line, reason=str(error))
