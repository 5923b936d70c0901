"""A list as bytes becomes text, and text becomes records, each knowing where it stands."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from newsletter.errors import InputError, Place

#: How files begin that gzip, bzip2, xz, 7-Zip and RAR have packed.
_PACKED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a")
_DELIMITERS: Final = ",;\t"
_NAMED_DELIMITER: Final = re.compile(r"\s*\"?sep=([,;\t])\"?\s*", re.IGNORECASE)
_QUOTED: Final = re.compile(r' *"[^"]*(?:""[^"]*)*"?')


# --- bytes to text ---------------------------------------------------------------------------


def sniff(blocks: Iterable[bytes], *, file: str) -> str:
    """The encoding of a list: "utf-8-sig", "utf-16" or "cp1252".

    A byte-order mark decides; without one it is UTF-8 when all of it is, else Windows-1252.
    Every block is looked at, so that decoding the same bytes afterwards cannot fail.

    Raises:
        InputError: empty, a spreadsheet's own format, binary, or in no encoding of these.
    """
    rest = iter(blocks)
    first = next(rest, b"")
    if not first:
        raise empty(file)
    if first.startswith(b"PK\x03\x04"):
        raise InputError(
            "this is a spreadsheet or a zip archive",
            place=Place(file),
            hint="save it as CSV in the spreadsheet program, or unpack the archive",
        )
    if first.startswith(_PACKED):
        raise InputError(
            "this is a packed file", place=Place(file), hint="unpack it, and import the list"
        )
    utf16 = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    fitting = [_Candidate(name) for name in (("utf-16",) if utf16 else ("utf-8-sig", "cp1252"))]
    for block in chain((first,), rest, (b"",)):
        fitting = [candidate for candidate in fitting if candidate.fits(block)]
        if not fitting:
            raise InputError(
                "this list is not text in a known encoding",
                place=Place(file),
                hint="save it as CSV in UTF-8",
            )
    return fitting[0].name


class _Candidate:
    """An encoding that has fitted so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._decoder = codecs.getincrementaldecoder(name)()

    def fits(self, block: bytes) -> bool:
        """Whether `block` goes on in this encoding; b"" is the end of the file."""
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            return False
        return "\0" not in text


def empty(file: str) -> InputError:
    """The error of a list with nothing in it."""
    return InputError("this list is empty", place=Place(file), hint='begin it with "email,name"')


# --- text to records -------------------------------------------------------------------------


class Record(NamedTuple):
    """One record of the file; a tuple, for a long list has a million.

    Attributes:
        line: 1-based line on which it starts.
        cells: as they stand, without their quotes.
        fault: why the cells could not be read, or "".
    """

    line: int
    cells: list[str]
    fault: str = ""


class CsvRecords:
    """The records of a CSV that are not empty; the delimiter is told from the first line.

    Iterating raises InputError where a quote swallows more than its own line: what follows would
    be lost without a word.
    """

    def __init__(self, lines: Iterable[str], *, file: str) -> None:
        self._file = file
        self._parts: list[str] = []  # the lines of the record being read
        self._lines = iter(lines)
        self._number = 0
        first = next((line for line in self._noted() if line.strip("\ufeff \t\r\n")), "")
        first = first.removeprefix("\ufeff")
        named = _NAMED_DELIMITER.fullmatch(first)
        self._delimiter = named[1] if named else _most_frequent(first)
        if not named and first:
            self._number -= 1
            self._lines = chain((first,), self._lines)
        self._reader = csv.reader(
            self._noted(), delimiter=self._delimiter, strict=True, skipinitialspace=True
        )

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        while True:
            self._parts.clear()
            line = self._number + 1
            try:
                cells, fault = next(self._reader), ""
            except csv.Error as error:
                cells, fault = [], self._fault(line, str(error))
            if fault or any(map(str.strip, cells)):
                return Record(line, cells, fault)

    def place(self, record: Record, cell: int) -> Place:
        """Where a cell of the record that was read last stands."""
        return self.places(record)(cell)

    def places(self, record: Record) -> Callable[[int], Place]:
        """Where its cells stand, to be asked for when more records were read."""
        parts = tuple(self._parts)

        def place(cell: int) -> Place:
            offset = _starts("".join(parts), self._delimiter)[cell]
            line = record.line
            for part in parts[:-1]:
                if offset < len(part):
                    break
                offset -= len(part)
                line += 1
            return Place(self._file, line, offset + 1)

        return place

    def _noted(self) -> Iterator[str]:
        for line in self._lines:
            self._number += 1
            self._parts.append(line)
            yield line

    def _fault(self, line: int, words: str) -> str:
        """The sentence for a row, or an InputError when the fault goes beyond it."""
        if len(self._parts) == 1 and "unexpected end" not in words:
            if "field larger" in words:
                return f"a cell is longer than {csv.field_size_limit():,} characters"
            return "a quote stands inside a cell"
        raise InputError(
            "a quote is opened here and not closed in its row",
            place=self.place(Record(line, []), -1),
            hint='close it, or write a quote that belongs to the text twice: ""',
        )


def _most_frequent(line: str) -> str:
    bare = re.sub(r'"[^"]*"', "", line)
    return max(_DELIMITERS, key=bare.count)


def _starts(text: str, delimiter: str) -> list[int]:
    """Where each cell of a record starts, up to the first whose quotes are wrong."""
    starts = [0]
    while True:
        quoted = _QUOTED.match(text, starts[-1])
        end = quoted.end() if quoted else text.find(delimiter, starts[-1])
        if end < 0 or text[end : end + 1] != delimiter:
            return starts
        starts.append(end + 1)
