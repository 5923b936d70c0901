"""One import at a time; what one that died has left on the stage is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

import sqlalchemy as sa

from newsletter.store.batches import Batches
from newsletter.store.database import Database
from newsletter.store.tables import staged_imports, staged_rows

#: Where a row stands on the stage.
PLACE: Final = (staged_rows.c.slice, staged_rows.c.position)


def stretch(this: int, begin: Sequence[int], last: Sequence[int]) -> sa.ColumnElement[bool]:
    """The rows of an import behind a place, up to another one and with it.

    None is left before; but a server still knows them by its statistics and by what its index keeps
    until it is swept, and without the lower bound goes through all that was ever staged. Over two
    slices the bound is no place: of two places SQLite takes the wider.
    """
    of, position = PLACE
    mine = staged_rows.c.import_id == this
    if begin[0] == last[0]:
        return sa.and_(mine, of == last[0], position > begin[1], position <= last[1])
    return sa.and_(mine, of >= begin[0], sa.tuple_(*PLACE) <= sa.tuple_(*last))


def alone(store: Database) -> AbstractContextManager[object]:
    """Hold the lock for importing; what is on the stage then, a process has left that died.

    Raises:
        LockedError: an import is going on.
    """
    return store.backend.lock("importing", "importing into")


def abandon(store: Database) -> None:
    """Take away what imports have left on the stage; the caller holds the lock for importing."""
    with store.reading() as connection:
        left = connection.execute(sa.select(staged_imports.c.id)).scalars().all()
    for this in left:
        forget(store, Batches(store), this)


def forget(store: Database, batches: Batches, this: int) -> None:
    """Take one import off the stage, its rows first, in steps."""
    mine = staged_rows.c.import_id == this
    places = sa.select(*PLACE).where(mine).order_by(*PLACE)
    while True:
        with store.reading() as connection:
            found = connection.execute(places.limit(batches.rows)).all()
        if not found:
            break
        first = found[0]
        these = stretch(this, (first.slice, first.position - 1), found[-1])
        with batches.writing() as connection:
            connection.execute(sa.delete(staged_rows).where(these))
    with store.writing() as connection:
        connection.execute(sa.delete(staged_imports).where(staged_imports.c.id == this))
