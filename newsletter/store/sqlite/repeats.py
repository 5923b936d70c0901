"""Which row of a list counts for an address, told without keeping the list in memory."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from contextlib import closing
from operator import itemgetter
from types import TracebackType
from typing import Final, Self

from newsletter.audience.roster import Met

#: Kibibytes kept in memory; the rest is in a file that has no name and goes with the process.
_CACHE: Final = 49152
#: Bits of the marks. Of a million addresses one in thirty then finds the mark of
#: another one and is looked for; with more of them that becomes slower, never wrong.
_MARKS: Final = 1 << 24
#: So many addresses go into the table together, in its order, which touches each page once.
_TOGETHER: Final = 10_000


class Repeats:
    """The addresses of one list, as hashes with a key nobody keeps.

    Nearly every address of a list is new. A mark for each tells that at once; only where it is
    there already is the table asked.
    """

    def __init__(self) -> None:
        # 64 bits, as SQLite looks them up quickest: of forty million lists of a million, one has an
        # address that is rejected for another's.
        self._keyed = hashlib.blake2b(digest_size=8, key=secrets.token_bytes(16))
        self._marks = bytearray(_MARKS // 8)
        self._latest: dict[str, tuple[int, int, int]] = {}  # those that are not in the table yet
        self._table = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
            self._table.execute(f"PRAGMA {pragma}")
        self._table.execute(
            "CREATE TABLE seen (hash INTEGER PRIMARY KEY, line INT, place INT, standing INT)"
        )
        self._table.execute("BEGIN")

    def meet(self, canonical: str, *, line: int, place: int, standing: int) -> Met | None:
        """The row that counted for this address until now; None when it is new."""
        spot = hash(canonical) % _MARKS
        byte, bit = spot >> 3, 1 << (spot & 7)
        marked = self._marks[byte] & bit
        old = self._find(canonical) if marked else None
        if old is not None and standing <= old[2]:
            return Met(line=old[0], place=old[1], yields=False)
        self._marks[byte] |= bit
        self._latest[canonical] = (line, place, standing)
        if len(self._latest) >= _TOGETHER:
            self._put_away()
        return None if old is None else Met(line=old[0], place=old[1], yields=True)

    def _find(self, canonical: str) -> tuple[int, int, int] | None:
        if latest := self._latest.get(canonical):
            return latest
        found: tuple[int, int, int] | None = self._table.execute(
            "SELECT line, place, standing FROM seen WHERE hash = ?", (self._hashed(canonical),)
        ).fetchone()
        return found

    def _put_away(self) -> None:
        rows = [(self._hashed(canonical), *row) for canonical, row in self._latest.items()]
        rows.sort(key=itemgetter(0))
        self._table.executemany("REPLACE INTO seen VALUES (?, ?, ?, ?)", rows)
        self._latest.clear()

    def _hashed(self, canonical: str) -> int:
        hashed = self._keyed.copy()
        hashed.update(canonical.encode())
        return int.from_bytes(hashed.digest(), "big", signed=True)

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
