"""Long lists on their way in: staged whole, then applied, both step by step.

Only a list that was read to its end is applied, so a fault of the file imports nobody. When the
process dies while it applies, what had been applied stays; the same list again goes on there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain, islice
from typing import Final, Literal

import sqlalchemy as sa

from newsletter.audience.roster import Added, Reject, Row
from newsletter.audience.tokens import Key
from newsletter.errors import NewsletterError
from newsletter.store.abandoning import PLACE, abandon, alone, forget, stretch
from newsletter.store.batches import FIRST, Batches
from newsletter.store.database import Database
from newsletter.store.intake import take_in
from newsletter.store.signing_keys import address_hash, address_key
from newsletter.store.staging import REJECTS, put_on_stage, slice_of
from newsletter.store.tables import Stage, imports, staged_imports, staged_rows
from newsletter.store.upsert import foresee as foresee_batch
from newsletter.store.upsert import upsert

#: Handles lie in the order of no list: in a long one nearly every row changes a page of its own in
#: their index, and the more rows a transaction has, the more of them share one. Others wait for it
#: so long at most, and half a second nowhere.
_SECONDS: Final = 0.25
_MOST: Final = 20_000

#: What is done to a row of a long list, one after the other.
Step = Literal["read", "in the records"]


@dataclass(slots=True, kw_only=True)
class Import:
    """One list.

    Attributes:
        source: where its people's consent comes from, for the consent log.
        now: with a time zone.
        file_name: noted with its hash when it is not "".
        file_hash: SHA-256 in hex of the file; with it, `source` and `choices` an import that was
            interrupted is known again.
        choices: how the file is read, where a person chose that; the same for the same choices.
        added: what became of the rows that were applied so far, those of an interrupted import too.
        rejected: how many rows cannot be imported.
        resumed: whether an interrupted import goes on.
        told: hears how many rows of a long list were read, or are in the records, since the last
            time.
    """

    source: str
    now: dt.datetime
    file_name: str = ""
    file_hash: str = ""
    choices: str = ""
    added: Added = field(default_factory=Added)
    rejected: int = 0
    resumed: bool = False
    told: Callable[[Step, int], None] = field(default=lambda _step, _rows: None, repr=False)

    def write(
        self,
        store: Database,
        rows: Iterable[Row | Reject],
        told: Callable[[Iterable[Reject]], None] = lambda _: None,
    ) -> None:
        """Add people, or update those who are known; when reading `rows` raises, nobody.

        A known person keeps what the row leaves empty; their tags grow. Whoever has
        unsubscribed or is suppressed stays so, and is counted as kept out. A row that says its
        person has left is believed. A short list is one transaction, a long one takes many; what
        stops it in the middle leaves what `added` counts, and the same list goes on there.

        Args:
            store: where.
            rows: read as they are needed; hardly any when an interrupted import goes on.
            told: gets the rejected rows, when all others are in the records.

        Raises:
            LockedError: a long list, and another import is going on.
            NewsletterError: whatever the database complains about; what `added` counts stays.
        """
        with store.reading() as connection:
            key = address_key(connection)
        rest = iter(rows)
        first = list(islice(rest, FIRST))
        if len(first) < FIRST:
            told(self._at_once(store, first, key))
            return
        with alone(store):
            store.backend.expect_many_rows()
            batches = Batches(store)
            this = self._interrupted(store)
            if this is None:
                abandon(store)
                this = self._stage(store, batches, key, chain(first, rest))
            self._apply(store, this, key)
            told(_rejects(store, this))
            forget(store, batches, this)

    def _at_once(self, store: Database, rows: list[Row | Reject], key: Key) -> list[Reject]:
        rows = _settled(rows)
        good = [row for row in rows if isinstance(row, Row)]
        bad = [row for row in rows if isinstance(row, Reject)]
        with store.writing() as connection:
            added = upsert(connection, good, key=key, source=self.source, now=self.now)
            self._note(connection, added)
        self.added, self.rejected = added, len(bad)
        return bad

    def _note(self, connection: sa.Connection, added: Added) -> None:
        if self.file_name:
            _record(
                connection, added, file_name=self.file_name, file_hash=self.file_hash,
                source=self.source, now=self.now,
            )  # fmt: skip

    def _staged_hash(self) -> str:
        """Of the file and how it is read; "" where no file has it."""
        if not (self.file_hash and self.choices):
            return self.file_hash
        return hashlib.sha256(f"{self.file_hash}\n{self.choices}".encode()).hexdigest()

    def _interrupted(self, store: Database) -> int | None:
        """The same list, where it was being applied when its process died."""
        query = sa.select(staged_imports).where(
            staged_imports.c.file_hash == self._staged_hash(),
            staged_imports.c.file_hash != "",
            staged_imports.c.file_name == self.file_name,
            staged_imports.c.consent_source == self.source,
            staged_imports.c.state == Stage.APPLYING,
        )
        with store.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        self.added, self.resumed = Added(**json.loads(row.counts)), True
        return int(row.id)

    def _stage(
        self,
        store: Database,
        batches: Batches,
        key: Key,
        rows: Iterator[Row | Reject],
    ) -> int:
        values: dict[str, object] = {
            "file_name": self.file_name, "file_hash": self._staged_hash(),
            "consent_source": self.source, "state": Stage.STAGING, "counts": _dumped(Added()),
            "at": self.now,
        }  # fmt: skip
        with store.writing() as connection:
            made = sa.insert(staged_imports).values(values).returning(staged_imports.c.id)
            this = int(connection.execute(made).scalar_one())
        numbered = enumerate(rows)
        try:
            while batch := list(islice(numbered, batches.rows)):
                with batches.writing() as connection:
                    put_on_stage(connection, this, batch, key)
                    for _, row in batch:
                        if isinstance(row, Row) and row.instead_of is not None:
                            _outdo(connection, this, row, key)
                self.told("read", len(batch))
        except BaseException:
            # What stopped the reading is what to tell; leftovers go with the next import.
            with contextlib.suppress(NewsletterError):
                forget(store, batches, this)
            raise
        with store.writing() as connection:
            _set(connection, this, state=Stage.APPLYING)
        return this

    def _apply(self, store: Database, this: int, key: Key) -> None:
        """Take rows from the stage into the records, until none is left."""
        # Small at first: how long a step takes depends on how many of these people are known.
        batches = Batches(store, seconds=_SECONDS, most=_MOST)
        mine = staged_rows.c.import_id == this
        good = sa.and_(mine, staged_rows.c.slice < REJECTS)
        places = sa.select(*PLACE).where(good).order_by(*PLACE)
        backwards = places.order_by(None).order_by(*(place.desc() for place in PLACE))
        begin: Sequence[int] = (0, -1)
        while True:
            with store.reading() as connection:
                rest = places.where(sa.tuple_(*PLACE) > sa.tuple_(*begin))
                last = connection.execute(rest.offset(batches.rows - 1).limit(1)).first()
                last = last or connection.execute(backwards.limit(1)).first()
            if last is None:
                break
            these = stretch(this, begin, last)
            begin = last
            with batches.writing() as connection:
                added = self.added + take_in(
                    connection, these, key=key, source=self.source, now=self.now
                )
                _set(connection, this, counts=_dumped(added))
            self.told("in the records", added.rows - self.added.rows)
            self.added = added
        with store.writing() as connection:
            self._note(connection, self.added)
            _set(connection, this, state=Stage.APPLIED)
            rejected = sa.select(sa.func.count()).where(staged_rows.c.import_id == this)
            self.rejected = connection.execute(rejected).scalar_one()


def foresee(store: Database, rows: Iterable[Row], *, now: dt.datetime) -> Added:
    """What would become of people whose addresses differ; nothing is written."""
    total, rest = Added(), iter(rows)
    with store.reading() as connection:
        key = address_key(connection)
    while batch := list(islice(rest, FIRST)):
        with store.reading() as connection:
            total = total + foresee_batch(connection, batch, key=key, now=now)
    return total


def add(
    store: Database,
    rows: Iterable[Row | Reject],
    *,
    source: str,
    now: dt.datetime,
    file_name: str = "",
    file_hash: str = "",
) -> Added:
    """Add people, or update those who are known, as `Import.write` does; what became of them."""
    job = Import(source=source, now=now, file_name=file_name, file_hash=file_hash)
    job.write(store, rows)
    return job.added


def unfinished(store: Database) -> tuple[str, int] | None:
    """The name of a list of which only a part is in the records, and how many rows are not yet."""
    rows = sa.select(sa.func.count()).where(
        staged_rows.c.import_id == staged_imports.c.id, staged_rows.c.fault == ""
    )
    query = sa.select(staged_imports.c.file_name, rows.scalar_subquery()).where(
        staged_imports.c.state == Stage.APPLYING
    )
    with store.reading() as connection:
        found = connection.execute(query).first()
    return (found[0], found[1]) if found and found[1] else None


def _set(connection: sa.Connection, this: int, **values: object) -> None:
    connection.execute(
        sa.update(staged_imports).where(staged_imports.c.id == this).values(**values)
    )


def _rejects(store: Database, this: int) -> Iterator[Reject]:
    query = (
        sa.select(staged_rows.c.line, staged_rows.c.fault)
        .where(staged_rows.c.import_id == this)
        .order_by(*PLACE)
        .execution_options(yield_per=1000)
    )
    with store.reading() as connection:
        for row in connection.execute(query):
            yield Reject(line=row.line, reason=row.fault)


def _settled(rows: list[Row | Reject]) -> list[Row | Reject]:
    """The same rows; those whose place others take are rejected."""
    settled = list(rows)
    for row in rows:
        if isinstance(row, Row) and row.instead_of is not None:
            settled[row.instead_of] = _outdone(rows[row.instead_of].line, row)
    return settled


def _outdo(connection: sa.Connection, this: int, row: Row, key: Key) -> None:
    """Reject the row whose place this one takes."""
    old = sa.and_(
        staged_rows.c.import_id == this,
        staged_rows.c.slice == slice_of(connection, address_hash(row.canonical, key)),
        staged_rows.c.position == row.instead_of,
    )
    line = connection.execute(sa.delete(staged_rows).where(old).returning(staged_rows.c.line))
    reject = _outdone(line.scalar_one(), row)
    put_on_stage(connection, this, [(row.instead_of or 0, reject)], key)


def _outdone(line: int, row: Row) -> Reject:
    return Reject(line=line, reason=f"line {row.line} has this address too, and says more")


def _dumped(added: Added) -> str:
    return json.dumps({one.name: getattr(added, one.name) for one in fields(added)})


def _record(
    connection: sa.Connection,
    added: Added,
    *,
    file_name: str,
    file_hash: str,
    source: str,
    now: dt.datetime,
) -> None:
    """Note which file was imported, and with what result."""
    numbers = {name: getattr(added, name) for name in Added.__slots__}
    connection.execute(
        sa.insert(imports).values(
            file_name=file_name,
            file_hash=file_hash,
            consent_source=source,
            counts=json.dumps(numbers),
            at=now,
        )
    )
