"""After erasing: no byte of the person is left in the database's file, nor in its log.

SQLite overwrites what is deleted (`secure_delete`). But where it rearranges the rows of a page, the
room between them can keep a copy of a row that has moved to another page, and nothing wipes that
copy when the row is deleted later. Such rests are looked for in the file itself, and overwritten by
making a neighbour as long as the room is, and short again. So nobody waits, as they would while the
whole file is written anew.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, Self

import sqlalchemy as sa

from newsletter.store.database import Database
from newsletter.store.sqlite.maintenance import empty_log
from newsletter.store.tables import subscribers
from newsletter.store.traces import Traces

#: Others write meanwhile, so a page can have changed before it is put right.
_TRIES: Final = 5
#: A leaf page of a table begins so (sqlite.org/fileformat2.html, section 1.6).
_LEAF: Final = 0x0D
#: A byte with this bit is followed by another of its number.
_MORE: Final = 0x80
#: Bytes of free room that are left when a row is made longer: its lengths may take more digits.
_SPARE: Final = 12


def scrub(database: Database, traces: Traces) -> bool:
    """Empty the log, and overwrite what is left in the file.

    Returns:
        false when another program kept the log for reading, or a rest could not be reached.

    Raises:
        NewsletterError: whatever the database complains about, translated.
    """
    for _ in range(_TRIES):
        if not empty_log(database):
            return False
        pages = list(_pages(database.path, traces))
        if not pages:
            return True
        for page in pages:
            _wash(database, page)
    return False


class _Page(NamedTuple):
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


def _pages(path: Path, traces: Traces) -> Iterator[_Page]:
    """The pages of a file in which something is left."""
    with (
        path.open("rb") as stream,
        closing(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)) as data,
    ):
        size = _two(data, 16)
        size = 65536 if size == 1 else size
        for number in sorted({at // size for at in traces.places(data)}):
            begin = number * size
            page = data[begin : begin + size]
            yield _Page.read(page, first=not number, reserved=data[20]) or _Page((), 0, 0)


def _wash(database: Database, page: _Page) -> None:
    """Make one of a page's rows as long as the page has room, and short again."""
    with database.writing() as connection:
        query = sa.select(subscribers).where(subscribers.c.id.in_(page.rows)).limit(1)
        row = connection.execute(query).first()
        if row is None:
            return
        length = sum(len(str(value).encode()) for value in row)
        more = min(page.free - _SPARE, page.longest - length - _SPARE)
        this = sa.update(subscribers).where(subscribers.c.id == row.id)
        connection.execute(this.values(fields=row.fields + " " * max(0, more)))
        connection.execute(this.values(fields=row.fields))


def _two(data: bytes | mmap.mmap, at: int) -> int:
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
