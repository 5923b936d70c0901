"""Which line of a list had an address first, told without keeping the list in memory."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from contextlib import closing
from types import TracebackType
from typing import Final, Self

#: Kibibytes kept in memory; the rest is in a file that has no name and goes with the process.
_CACHE: Final = 16384


class Repeats:
    """The addresses of one list, as hashes with a key nobody keeps."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._table = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
            self._table.execute(f"PRAGMA {pragma}")
        self._table.execute("CREATE TABLE seen (hash BLOB PRIMARY KEY, line INT) WITHOUT ROWID")
        self._table.execute("BEGIN")

    def first(self, canonical: str, line: int) -> int:
        """The first line that had this address; `line` itself when it is new."""
        # 120 bits, so that no two people ever share one.
        hashed = hashlib.blake2b(canonical.encode(), digest_size=15, key=self._key).digest()
        added = self._table.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (hashed, line))
        if added.rowcount:
            return line
        [(first,)] = self._table.execute("SELECT line FROM seen WHERE hash = ?", (hashed,))
        return int(first)

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
