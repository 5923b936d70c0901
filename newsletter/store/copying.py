"""Records moved whole into an empty database of the other kind.

They take no writes any more afterwards: whoever left there would be mailed from the other place.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from newsletter.delivery import RunState
from newsletter.errors import InputError, NewsletterError, Place, RefusedError
from newsletter.project import private
from newsletter.project.disk import flush_path, unwritten
from newsletter.store import Store
from newsletter.store.abandoning import alone
from newsletter.store.copies import copy, copy_to_file
from newsletter.store.database import Backend, Database
from newsletter.store.every_table import metadata
from newsletter.store.folder.departures import lines_in, list_name
from newsletter.store.folder.place import make_room
from newsletter.store.histories import is_backup
from newsletter.store.postgres.address import ServerAddress, is_server
from newsletter.store.revisions import revision
from newsletter.store.runs import find_moved, moved
from newsletter.store.signing_keys import address_key
from newsletter.store.sqlite import files
from newsletter.store.sqlite.engine import file_of
from newsletter.store.tables import runs

#: Runs that the records may know only in part, which others have to hear of.
_IN_PART: Final = sa.and_(runs.c.rehearsal.is_(False), runs.c.state != RunState.FINISHED, moved())


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
    with Store.open(source, create=False) as store, store.lock(), alone(store):
        _expect_known(store)
        there = _to_server if is_server(target) else _to_file
        with _moving(store, _written(target), now), store.writing() as connection:
            return there(connection, store.backend, target)


def _written(url: str) -> str:
    """A place as it may be written as `store.url`; without a password."""
    return str(ServerAddress.parse(url).place) if is_server(url) else f"sqlite:///{file_of(url)}"


def _expect_known(store: Store) -> None:
    """Refuse records that may lack mails, where their copy could not tell that any more.

    That of a backup can, and only on a server do machines tell what left from there. What a person
    has cancelled need not be sent before: the copy is a backup for it.

    Raises:
        RefusedError: another server has taken them over in the middle of a run.
    """
    found = [run for run in find_moved(store) if run.state is not RunState.CANCELLED]
    if store.backend.on_server and found:
        number = found[0].content.issue
        raise RefusedError(
            f"another server took these records over while issue {number} was under way, so mails "
            "may have left that they do not know of",
            place=store.backend.place,
            hint=f"newsletter send --issue {number} says how it goes on; copy them then",
        )


@contextlib.contextmanager
def _moving(store: Store, place: str, now: dt.datetime) -> Iterator[None]:
    """Let nobody begin to write meanwhile; afterwards nobody writes for good.

    Args:
        store: what is moved.
        place: where to, see `_written`.
        now: with a time zone.
    """
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

    backend = PostgresBackend(ServerAddress.parse(url))
    try:
        backend.expect_safe()
        with Database(backend, read_only=False).writing(opening=True) as write:
            if revision(write, backend.schema) is not None:
                raise _not_empty(
                    backend.place, "name an empty database, or another schema in it (?schema=NAME)"
                )
            backend.make_folder()
            told = copy(read, source, write, backend)
            # What a run had written down of the server it was on is no server's here; one that is
            # from a backup is still to be asked about.
            whole = sa.update(runs).where(~is_backup(runs.c.server))
            write.execute(whole.values(server=""))
            # What the source has learnt from this machine's list, the copy knows.
            backend.count(write, lines_in(backend.departures_file(list_name(address_key(read)))))
            return told
    finally:
        backend.close()


def _to_file(read: sa.Connection, source: Backend, url: str) -> dict[str, int]:
    path = file_of(url)
    if path.exists():
        raise _not_empty(Place(str(path)), "name a new file")
    beside = path.with_name(f"left-{list_name(address_key(read))}.log")
    try:
        make_room(path)
        with private.drafting(path) as draft:
            draft.touch(private.FILE)
            known = lines_in(beside)
            if found := copy_to_file(read, source, draft, known=known, in_part=_IN_PART):
                raise NewsletterError("the copy is damaged", place=Place(str(path)), cause=found)
            files.give_log(draft)
            flush_path(draft)
            draft.replace(path)
            flush_path(path.parent)
    except OSError as error:
        hint = "name a file in a folder that this user can write"
        raise unwritten(path, error, "the copy cannot be written", hint=hint) from error
    return {table.name: _count(read, table) for table in metadata.sorted_tables}


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _not_empty(place: Place, hint: str) -> InputError:
    return InputError("there is a database in this place already", place=place, hint=hint)
