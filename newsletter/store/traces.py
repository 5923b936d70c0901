"""What an erased person's row may have left in a database's file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import sqlalchemy as sa


class Traces(NamedTuple):
    """What a row of `subscribers` leaves in a page: its columns stand there side by side.

    Attributes:
        handle: right before the address, which alone would be found in longer ones, too.
        canonical: the address, in lower case.
        rest: the hash of the address with the name behind it, b"" where nobody was known or had a
            name: hash and status alone name nobody, and stand in the log of consent as well.
    """

    handle: bytes
    canonical: bytes
    rest: bytes = b""

    @classmethod
    def of(cls, row: sa.Row[Any], canonical: str) -> Self:
        """Of a row that is about to be deleted."""
        rest = f"{row.address_hash}{row.name}{row.status}" if row.name else ""
        return cls(row.handle.encode(), canonical.encode(), rest.encode())

    def places(self, data: bytes | mmap.mmap) -> Iterator[int]:
        """Where they stand."""
        for at in _found(data, self.handle):
            begin = at + len(self.handle)
            if data[begin : begin + len(self.canonical)].lower() == self.canonical:
                yield at
        if self.rest:
            yield from _found(data, self.rest)


def _found(data: bytes | mmap.mmap, piece: bytes) -> Iterator[int]:
    at = data.find(piece)
    while at >= 0:
        yield at
        at = data.find(piece, at + 1)
