"""The bytes of a database's file, read past SQLite: what of somebody still stands in its pages.

A process that opens a file and closes it again loses all locks that it has on it, those of SQLite
as well (sqlite.org/howtocorrupt.html, section 2.2). The next command then takes itself for the last
one, and removes the log under a `serve` that goes on writing into it: what readers are told is on
record is gone. So nothing here, and nothing else in a process that has records open, closes their
file: it is opened once, and stays so until the process ends. (`mmap` would not do: it keeps a
handle of its own, and closes it.)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

#: A leaf page of a table begins so (sqlite.org/fileformat2.html, section 1.6).
_LEAF: Final = 0x0D
#: A byte with this bit is followed by another of its number.
_MORE: Final = 0x80
#: Of the file's head, with the size of its pages and the room that each leaves free.
_HEAD: Final = 100
#: Pages that are read at a time.
_MANY: Final = 256

#: What was opened, by device and inode, which no other file gets as long as this one is open.
_OPENED: Final[dict[tuple[int, int], int]] = {}


class Page(NamedTuple):
    """A leaf of a table.

    Attributes:
        rows: their numbers.
        free: bytes that no row takes.
        longest: bytes that the payload of a row may have before it goes to other pages.
    """

    rows: tuple[int, ...]
    free: int
    longest: int

    @classmethod
    def read(cls, data: bytes, *, first: bool, reserved: int) -> Self | None:
        """Read a page; None for one of another kind."""
        head = 100 if first else 0
        if data[head] != _LEAF:
            return None
        cells = _two(data, head + 3)
        content = _two(data, head + 5) or 65536
        free = data[head + 7] + content - (head + 8 + 2 * cells)
        block = _two(data, head + 1)
        while block:
            free += _two(data, block + 2)
            block = _two(data, block)
        rows = tuple(
            _varint(data, _varint(data, _two(data, at))[1])[0]
            for at in range(head + 8, head + 8 + 2 * cells, 2)
        )
        return cls(rows=rows, free=free, longest=len(data) - reserved - 35)


def with_traces(path: Path, traces: Sequence[tuple[bytes, bytes]]) -> list[Page]:
    """The pages of a database's file in which one of some traces stands.

    Args:
        path: of the database.
        traces: pairs of bytes that stand side by side, the second in whatever case.

    Raises:
        OSError: the file cannot be read.
    """
    handle = _opened(path)
    head = os.pread(handle, _HEAD, 0)
    size = 65536 if _two(head, 16) == 1 else _two(head, 16)
    found, begin = [], 0
    while read := os.pread(handle, _MANY * size, begin):
        for at in sorted({at // size for pair in traces for at in _places(read, *pair)}):
            page = read[at * size : (at + 1) * size]
            first = not begin and not at
            found.append(Page.read(page, first=first, reserved=head[20]) or Page((), 0, 0))
        begin += len(read)
    return found


def _opened(path: Path) -> int:
    handle = _OPENED.get(_file(path.stat()))
    if handle is None:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        _OPENED[_file(os.fstat(handle))] = handle
    return handle


def _file(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _places(data: bytes, piece: bytes, behind: bytes) -> Iterator[int]:
    at = data.find(piece)
    while at >= 0:
        begin = at + len(piece)
        if data[begin : begin + len(behind)].lower() == behind:
            yield at
        at = data.find(piece, at + 1)


def _two(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of the file format, and where the next begins."""
    number = 0
    for count in range(8):
        byte = data[at + count]
        number = number << 7 | byte & 0x7F
        if byte < _MORE:
            return number, at + count + 1
    return number << 8 | data[at + 8], at + 9
