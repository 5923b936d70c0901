"""What an erased person's row may have left in a database's file."""

from __future__ import annotations

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

    @property
    def pairs(self) -> tuple[tuple[bytes, bytes], ...]:
        """What to look for: bytes, and those right behind them, in whatever case."""
        return ((self.handle, self.canonical), *([(self.rest, b"")] if self.rest else ()))
