"""Long lists on their way in: staged whole, then applied, both step by step.

Only a list that was read to its end is applied, so a fault of the file imports nobody. When the
process dies while it applies, what had been applied stays; the same list again goes on there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from itertools import chain, islice
from typing import Any, Final, Literal

import sqlalchemy as sa

from newsletter.audience import Status, canonical_of
from newsletter.audience.roster import Added, Reject, Row
from newsletter.audience.tokens import Key
from newsletter.errors import NewsletterError
from newsletter.store import people
from newsletter.store.database import Database
from newsletter.store.lock import locked
from newsletter.store.steps import FIRST, Steps
from newsletter.store.tables import Stage, staged_imports, staged_rows

#: What is done to a row of a long list, one after the other.
Step = Literal["read", "in the records"]

_REJECTS: Final = 256
_PLACE: Final = (staged_rows.c.slice, staged_rows.c.position)


@dataclass(slots=True, kw_only=True)
class Import:
    """One list.

    Attributes:
        source: where its people's consent comes from, for the consent log.
        now: with a time zone.
        file_name: noted with its hash when it is not "".
        file_hash: SHA-256 in hex of the file; with it and `source` an import that was interrupted
            is known again.
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
    added: Added = field(default_factory=Added)
    rejected: int = 0
    resumed: bool = False
    told: Callable[[Step, int], None] = field(default=lambda _step, _rows: None, repr=False)

    def write(
        self,
        database: Database,
        rows: Iterable[Row | Reject],
        told: Callable[[Iterable[Reject]], None],
    ) -> None:
        """Import a list: a short one in one transaction, a long one in many.

        Args:
            database: where.
            rows: read as they are needed; hardly any when an interrupted import goes on.
            told: gets the rejected rows, when all others are in the records.

        Raises:
            LockedError: a long list, and another import is going on.
            NewsletterError: whatever the database complains about; what `added` counts stays.
        """
        with database.reading() as connection:
            key = people.keys(connection, "addresses").popitem()[1]
        rest = iter(rows)
        first = list(islice(rest, FIRST))
        if len(first) < FIRST:
            told(self._at_once(database, first, key))
            return
        with alone(database):
            steps = Steps(database)
            this = self._interrupted(database)
            if this is None:
                abandon(database)
                this = self._stage(database, steps, key, chain(first, rest))
            self._apply(database, steps, this, key)
            told(_rejects(database, this))
            _forget(database, steps, this)

    def _at_once(self, database: Database, rows: list[Row | Reject], key: Key) -> list[Reject]:
        good = [row for row in rows if isinstance(row, Row)]
        bad = [row for row in rows if isinstance(row, Reject)]
        with database.writing() as connection:
            added = people.add(connection, good, key=key, source=self.source, now=self.now)
            self._note(connection, added)
        self.added, self.rejected = added, len(bad)
        return bad

    def _note(self, connection: sa.Connection, added: Added) -> None:
        if self.file_name:
            people.record_import(
                connection, added, file_name=self.file_name, file_hash=self.file_hash,
                source=self.source, now=self.now,
            )  # fmt: skip

    def _interrupted(self, database: Database) -> int | None:
        """The same list, where it was being applied when its process died."""
        query = sa.select(staged_imports).where(
            staged_imports.c.file_hash == self.file_hash,
            staged_imports.c.file_hash != "",
            staged_imports.c.file_name == self.file_name,
            staged_imports.c.consent_source == self.source,
            staged_imports.c.state == Stage.APPLYING,
        )
        with database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        self.added, self.resumed = Added(**json.loads(row.counts)), True
        return int(row.id)

    def _stage(
        self,
        database: Database,
        steps: Steps,
        key: Key,
        rows: Iterator[Row | Reject],
    ) -> int:
        values: dict[str, object] = {
            "file_name": self.file_name, "file_hash": self.file_hash,
            "consent_source": self.source, "state": Stage.STAGING, "counts": _dumped(Added()),
            "at": self.now,
        }  # fmt: skip
        with database.writing() as connection:
            made = sa.insert(staged_imports).values(values).returning(staged_imports.c.id)
            this = int(connection.execute(made).scalar_one())
        numbered = enumerate(rows)
        try:
            while batch := [
                _staged(this, _slice(row, key), position, row)
                for position, row in islice(numbered, steps.rows)
            ]:
                with steps.writing() as connection:
                    connection.execute(sa.insert(staged_rows), batch)
                self.told("read", len(batch))
        except BaseException:
            # What stopped the reading is what to tell; leftovers go with the next import.
            with contextlib.suppress(NewsletterError):
                _forget(database, steps, this)
            raise
        with database.writing() as connection:
            _set(connection, this, state=Stage.APPLYING)
        return this

    def _apply(self, database: Database, steps: Steps, this: int, key: Key) -> None:
        """Take rows from the stage into the records, until none is left."""
        good = sa.and_(staged_rows.c.import_id == this, staged_rows.c.slice < _REJECTS)
        query = sa.select(staged_rows).where(good).order_by(*_PLACE)
        while True:
            with database.reading() as connection:
                rows = connection.execute(query.limit(steps.rows)).all()
            if not rows:
                break
            people_of = [_row(row) for row in rows]
            done = sa.tuple_(*_PLACE) <= sa.tuple_(rows[-1].slice, rows[-1].position)
            with steps.writing() as connection:
                added = self.added + people.add(
                    connection, people_of, key=key, source=self.source, now=self.now
                )
                connection.execute(sa.delete(staged_rows).where(good, done))
                _set(connection, this, counts=_dumped(added))
            self.added = added
            self.told("in the records", len(rows))
        with database.writing() as connection:
            self._note(connection, self.added)
            _set(connection, this, state=Stage.APPLIED)
            rejected = sa.select(sa.func.count()).where(staged_rows.c.import_id == this)
            self.rejected = connection.execute(rejected).scalar_one()


def alone(database: Database) -> AbstractContextManager[None]:
    """Hold the lock for importing; what is on the stage then, a process has left that died.

    Raises:
        LockedError: an import is going on.
    """
    path = database.path
    return locked(path.with_name(f"{path.name}.importing.lock"), "importing into")


def unfinished(database: Database) -> tuple[str, int] | None:
    """The name of a list of which only a part is in the records, and how many rows are not yet."""
    rows = sa.select(sa.func.count()).where(
        staged_rows.c.import_id == staged_imports.c.id, staged_rows.c.fault == ""
    )
    query = sa.select(staged_imports.c.file_name, rows.scalar_subquery()).where(
        staged_imports.c.state == Stage.APPLYING
    )
    with database.reading() as connection:
        found = connection.execute(query).first()
    return (found[0], found[1]) if found and found[1] else None


def abandon(database: Database) -> None:
    """Take away what imports have left on the stage; the caller holds the lock for importing."""
    with database.reading() as connection:
        left = connection.execute(sa.select(staged_imports.c.id)).scalars().all()
    for this in left:
        _forget(database, Steps(database), this)


def _forget(database: Database, steps: Steps, this: int) -> None:
    mine = staged_rows.c.import_id == this
    places = sa.select(staged_rows.c.slice, staged_rows.c.position).where(mine).order_by(*_PLACE)
    while True:
        with database.reading() as connection:
            found = connection.execute(places.limit(steps.rows)).all()
        if not found:
            break
        with steps.writing() as connection:
            connection.execute(
                sa.delete(staged_rows).where(mine, sa.tuple_(*_PLACE) <= sa.tuple_(*found[-1]))
            )
    with database.writing() as connection:
        connection.execute(sa.delete(staged_imports).where(staged_imports.c.id == this))


def _set(connection: sa.Connection, this: int, **values: object) -> None:
    connection.execute(
        sa.update(staged_imports).where(staged_imports.c.id == this).values(**values)
    )


def _rejects(database: Database, this: int) -> Iterator[Reject]:
    query = (
        sa.select(staged_rows.c.line, staged_rows.c.fault)
        .where(staged_rows.c.import_id == this)
        .order_by(*_PLACE)
        .execution_options(yield_per=1000)
    )
    with database.reading() as connection:
        for row in connection.execute(query):
            yield Reject(line=row.line, reason=row.fault)


def _slice(row: Row | Reject, key: Key) -> int:
    """By the first byte of the hash; rejected rows have the last one for themselves."""
    if isinstance(row, Reject):
        return _REJECTS
    return int(people.address_hash(row.canonical, key)[:2], 16)


def _staged(this: int, part: int, position: int, row: Row | Reject) -> dict[str, Any]:
    place = {"import_id": this, "slice": part, "position": position, "line": row.line}
    if isinstance(row, Reject):
        nothing = dict.fromkeys(("email", "name", "status", "suppression", "tags", "fields"), "")
        return place | nothing | {"fault": row.reason}
    return place | {
        "fault": "",
        "email": row.email,
        "name": row.name,
        "status": row.status,
        "suppression": row.suppression,
        "tags": json.dumps(sorted(row.tags), ensure_ascii=False) if row.tags else "",
        "fields": json.dumps(dict(row.fields), ensure_ascii=False) if row.fields else "",
    }


def _row(row: sa.Row[Any]) -> Row:
    return Row(
        line=row.line,
        email=row.email,
        canonical=canonical_of(row.email),
        name=row.name,
        status=Status(row.status),
        suppression=row.suppression,
        tags=frozenset(json.loads(row.tags)) if row.tags else frozenset(),
        fields=json.loads(row.fields) if row.fields else {},
    )


def _dumped(added: Added) -> str:
    return json.dumps({one.name: getattr(added, one.name) for one in fields(added)})
