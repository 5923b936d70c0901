"""Which row of a list counts for an address, told without keeping the list in memory."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from contextlib import closing
from types import TracebackType
from typing import Final, Self

from newsletter.audience.roster import Met

#: Kibibytes kept in memory; the rest is in a file that has no name and goes with the process.
_CACHE: Final = 49152


class Repeats:
    """The addresses of one list, as hashes with a key nobody keeps."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._table = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
            self._table.execute(f"PRAGMA {pragma}")
        self._table.execute(
            "CREATE TABLE seen (hash BLOB PRIMARY KEY, line INT, place INT, standing INT) "
            "WITHOUT ROWID"
        )
        self._table.execute("BEGIN")

    def meet(self, canonical: str, *, line: int, place: int, standing: int) -> Met | None:
        """The row that counted for this address until now; None when it is new."""
        # 120 bits, so that no two people ever share one.
        hashed = hashlib.blake2b(canonical.encode(), digest_size=15, key=self._key).digest()
        row = (hashed, line, place, standing)
        if self._table.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)", row).rowcount:
            return None
        [(first, at, less)] = self._table.execute(
            "SELECT line, place, standing FROM seen WHERE hash = ?", (hashed,)
        )
        if yields := standing > less:
            self._table.execute("REPLACE INTO seen VALUES (?, ?, ?, ?)", row)
        return Met(line=int(first), place=int(at), yields=yields)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with closing(self._table):
            pass
