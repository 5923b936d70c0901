"""All rows of one database in another, every table compared by a hash of them before it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from newsletter.errors import NewsletterError
from newsletter.store.database import Backend, Database
from newsletter.store.every_table import metadata
from newsletter.store.histories import as_backup
from newsletter.store.revisions import finish
from newsletter.store.rows import plain
from newsletter.store.sqlite import files
from newsletter.store.sqlite.backend import SqliteBackend
from newsletter.store.tables import runs

#: Rows in memory at a time.
_PART: Final = 5000


def copy_to_file(
    read: sa.Connection,
    source: Backend,
    path: Path,
    *,
    known: int = 0,
    in_part: sa.ColumnElement[bool],
) -> str:
    """Make a SQLite database in an empty file of what a transaction sees in another one.

    Args:
        read: the transaction.
        source: its database.
        path: the file.
        known: how many lines of the list of departures it counts.
        in_part: of which runs mails may have left, or leave yet, that are not in the file.

    Returns:
        what is wrong with the file, "" when nothing is.

    Raises:
        NewsletterError: the copy differs, which is a bug; or what `Database.writing` raises.
    """
    backend = SqliteBackend(path, read_only=False, create=True)
    try:
        with Database(backend, read_only=False).writing(opening=True) as write:
            copy(read, source, write, backend)
            backend.count(write, known)
            rows = read.execute(sa.select(runs.c.id).where(in_part)).scalars().all()
            these = sa.update(runs).where(runs.c.id.in_(rows))
            write.execute(these.values(server=as_backup(runs.c.server)))
    finally:
        backend.close()
    return files.make_whole(path)


def copy(
    read: sa.Connection, source: Backend, write: sa.Connection, target: Backend
) -> dict[str, int]:
    """Make a whole store; how many rows each table has."""
    target.create(write)
    hashes, told = {}, {}
    for table in metadata.sorted_tables:
        digest, told[table.name] = hashlib.sha256(), 0
        for rows in _parts(read, table):
            write.execute(sa.insert(plain(table)), [row._asdict() for row in rows])
            told[table.name] += len(rows)
            _feed(digest, rows)
        hashes[table.name] = digest.digest()
        if table.autoincrement_column is not None:
            target.number_from(write, table, source.highest(read, table))
    # Who left was told by what is copied; their rows must not be taken for new departures.
    target.departed(write, lambda *_: None)
    for table in metadata.sorted_tables:
        digest = hashlib.sha256()
        for rows in _parts(write, table):
            _feed(digest, rows)
        if digest.digest() != hashes[table.name]:
            raise NewsletterError(
                f"the copy of the table {table.name} differs, so it was undone",
                place=target.place,
                hint="this is a bug; please report it",
            )
    finish(write, target)
    return told


def _parts(connection: sa.Connection, table: sa.Table) -> Iterator[list[Any]]:
    """All rows, in the order of their keys, as both databases hold them."""
    raw = plain(table)
    query = sa.select(raw).order_by(*(raw.c[one.name] for one in table.primary_key))
    result = connection.execute(query, execution_options={"yield_per": _PART})
    yield from map(list, result.partitions())


def _feed(digest: Any, rows: list[Any]) -> None:  # noqa: ANN401  # hashlib's
    for row in rows:
        digest.update(f"{tuple(row)!r}\n".encode("utf-8", "surrogatepass"))
