"""Records copied whole into an empty database: for a backup of a server's, and to move for good.

Every table is compared by a hash of all its rows before anything counts. Records that have moved
take no writes any more: whoever left there would be mailed from the other place.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from newsletter.errors import InputError, NewsletterError, Place
from newsletter.project import private
from newsletter.project.disk import flush_path, unwritten
from newsletter.store import Store, imports
from newsletter.store.backend import Backend
from newsletter.store.database import Database
from newsletter.store.folder.departures import lines_in, list_name
from newsletter.store.folder.place import make_room
from newsletter.store.postgres.address import Address, is_server
from newsletter.store.rows import plain
from newsletter.store.schema import finish, revision
from newsletter.store.signing_keys import address_key
from newsletter.store.sqlite import files
from newsletter.store.sqlite.backend import SqliteBackend
from newsletter.store.sqlite.engine import file_of
from newsletter.store.tables import metadata

#: Rows in memory at a time.
_PART: Final = 5000


def move(source: str, target: str, *, now: dt.datetime) -> dict[str, int]:
    """Copy a store to an empty database of the other kind, and have it refuse writes afterwards.

    Args:
        source: its URL.
        target: that of the other one.
        now: with a time zone.

    Returns:
        how many rows each table has.

    Raises:
        InputError: both are of one kind, or the other one is not empty or cannot be made.
        LockedError: a run, an import, or another program uses the records; nothing was changed.
        RefusedError: they were moved before.
        PausedError: the disk is full, or the server went away; nothing was changed.
    """
    if is_server(source) == is_server(target):
        kind = "in a database on a server" if is_server(source) else "SQLite files"
        raise InputError(
            f"both places are {kind}",
            hint="copy one with pg_dump" if is_server(source) else "newsletter db backup FILE",
        )
    with Store.open(source, create=False) as store, store.lock(), imports.alone(store):
        there = _to_server if is_server(target) else _to_file
        place = Address.parse(target).place if is_server(target) else Place(str(file_of(target)))
        with _moving(store, str(place), now), store.writing() as connection:
            return there(connection, store.backend, target)


def copy_to_file(read: sa.Connection, source: Backend, path: Path, *, known: int = 0) -> str:
    """Make a SQLite database in an empty file of what a transaction sees in another one.

    Args:
        read: the transaction.
        source: its database.
        path: the file.
        known: how many lines of the list of departures it counts.

    Returns:
        what is wrong with the file, "" when nothing is.

    Raises:
        NewsletterError: the copy differs, which is a bug; or what `Database.writing` raises.
    """
    backend = SqliteBackend(path, read_only=False, create=True)
    try:
        with Database(backend, read_only=False).writing(opening=True) as write:
            _copy(read, source, write, backend)
            backend.count(write, known)
    finally:
        backend.close()
    return files.make_whole(path)


@contextlib.contextmanager
def _moving(store: Store, place: str, now: dt.datetime) -> Iterator[None]:
    """Let nobody begin to write meanwhile; afterwards nobody writes for good."""
    at = f"{now.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    store.backend.mark(f"are being moved to {place}, begun {at}")
    try:
        store.backend.expect_alone()
        yield
    except BaseException:
        store.backend.mark("")
        raise
    store.backend.mark(f"were moved to {place} on {at}")


def _to_server(read: sa.Connection, source: Backend, url: str) -> dict[str, int]:
    from newsletter.store.postgres.backend import PostgresBackend  # noqa: PLC0415  # an extra

    backend = PostgresBackend(Address.parse(url))
    try:
        backend.expect_safe()
        with Database(backend, read_only=False).writing(opening=True) as write:
            if revision(write, backend.schema) is not None:
                raise _not_empty(backend.place)
            backend.make_folder()
            told = _copy(read, source, write, backend)
            # What the source has learnt from this machine's list, the copy knows.
            backend.count(write, lines_in(backend.departures_file(list_name(address_key(read)))))
            return told
    finally:
        backend.close()


def _to_file(read: sa.Connection, source: Backend, url: str) -> dict[str, int]:
    path = file_of(url)
    if path.exists():
        raise _not_empty(Place(str(path)))
    beside = path.with_name(f"left-{list_name(address_key(read))}.log")
    draft: Path | None = None
    try:
        make_room(path)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".copied-{path.name}.", delete=False
        ) as made:
            draft = Path(made.name)
        draft.chmod(private.FILE)
        if found := copy_to_file(read, source, draft, known=lines_in(beside)):
            raise NewsletterError("the copy is damaged", place=Place(str(path)), cause=found)
        flush_path(draft)
        draft.replace(path)
        flush_path(path.parent)
    except OSError as error:
        hint = "name a file in a folder that this user can write"
        raise unwritten(path, error, "the copy cannot be written", hint=hint) from error
    finally:
        for end in ("", *files.BESIDE, files.JOURNAL):
            if draft is not None:
                draft.with_name(draft.name + end).unlink(missing_ok=True)
    return {table.name: _count(read, table) for table in metadata.sorted_tables}


def _copy(
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


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _not_empty(place: Place) -> InputError:
    return InputError(
        "there is a database in this place already",
        place=place,
        hint="name a new file, or an empty database or another schema",
    )
