"""Which tables a store has: made new, checked at every opening, upgraded on demand.

A new one is made whole, from `tables` and the guards. Alembic is loaded only to upgrade.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa

from newsletter.errors import InputError, LockedError, NewsletterError, Place, RefusedError
from newsletter.humanize import plural
from newsletter.project import private
from newsletter.store.database import SENDING_LOCK, Backend, Database
from newsletter.store.folder.backup import keep
from newsletter.store.folder.lock import SENDING, alone_in
from newsletter.store.folder.place import (
    expect_new,
    expect_one_name,
    make_room,
    narrow,
    reachable,
    were_here,
)
from newsletter.store.migrations import before
from newsletter.store.postgres.address import ServerAddress, is_server
from newsletter.store.revisions import HEAD, finish, revision, revisions
from newsletter.store.signing_keys import make_first
from newsletter.store.sqlite.backend import SqliteBackend
from newsletter.store.sqlite.engine import file_of
from newsletter.store.sqlite.maintenance import rebuilding, rewrite
from newsletter.store.tables import identity

if TYPE_CHECKING:
    from newsletter.store.postgres.backend import PostgresBackend

Opened = TypeVar("Opened", bound=Database)

#: From here on what is deleted is overwritten.
_OVERWRITING: Final = 7

#: What makes new records.
_BEGIN: Final = (
    "begin with a list, newsletter subscribers import FILE --consent-source TEXT, "
    "or with yourself, newsletter subscribers add ADDRESS --consent-source TEXT"
)
#: Alembic keeps what it works on in a global: two threads would write to each other's database.
_ONE_MIGRATION: Final = threading.Lock()


class NoStoreError(InputError):
    """There are no records yet."""


class LostStoreError(NoStoreError):
    """There are no records any more.

    Args:
        message: what tells that there were some.
        place: where that is.
    """

    def __init__(self, message: str, *, place: Place) -> None:
        hint = (
            "newsletter db restore FILE brings a backup back; a list that is imported anew "
            "does not know who has left"
        )
        super().__init__(message, place=place, hint=hint)


def open_database(
    kind: type[Opened],
    url: str,
    *,
    create: bool,
    read_only: bool,
    patience: float | None = None,
) -> Opened:
    """Open the database at `url`, made new when it is missing and `create` allows it.

    Raises:
        InputError: see `Store.open`.
    """
    if is_server(url):
        return _open_on_server(kind, url, create=create, read_only=read_only, patience=patience)
    path = file_of(url)
    hurried = patience is not None
    with reachable(path):
        if not path.exists() and (read_only or not create):
            raise _missing(Place(str(path)), path)
        expect_one_name(path)
        if read_only:
            backend = SqliteBackend(path, read_only=True, create=False)
            return _checked(kind(backend, read_only=True), create=False)
        if create and not path.exists():
            make_room(path)
        with alone_in(path.parent):
            if create:
                expect_new(path)
                path.touch(private.FILE)  # SQLite's other files take its mode over
            narrow(path)
            backend = SqliteBackend(path, read_only=False, create=create, patience=patience)
            return _checked(kind(backend, read_only=False, hurried=hurried), create=create)


def _open_on_server(
    kind: type[Opened], url: str, *, create: bool, read_only: bool, patience: float | None
) -> Opened:
    backend = _server(url, read_only=read_only, patience=patience)
    database = kind(backend, read_only=read_only, hurried=patience is not None)
    try:
        if not read_only:
            backend.expect_safe()
            with reachable(backend.path):
                backend.make_folder()
    except BaseException:
        database.close()
        raise
    return _checked(database, create=create and not read_only)


def _server(url: str, *, read_only: bool = False, patience: float | None = None) -> PostgresBackend:
    """The backend of a URL of a server; what only it needs is loaded here."""
    from newsletter.store.postgres.backend import PostgresBackend  # noqa: PLC0415  # one of two

    return PostgresBackend(ServerAddress.parse(url), read_only=read_only, patience=patience)


def path_of(url: str) -> Path:
    """What files of this machine that belong to the records are called after; SQLite's is one.

    Raises:
        InputError: the URL names no database.
    """
    return ServerAddress.parse(url).path if is_server(url) else file_of(url)


def upgrade(url: str, *, told: Callable[[str], None] = lambda _: None) -> tuple[str, str]:
    """Bring the store at `url` to this program's tables; nobody else can write meanwhile.

    Args:
        url: where it is.
        told: hears what takes a while, in words.

    A store that is not up to date is backed up first, beside itself.

    Returns:
        the revisions before and after; equal when there was nothing to do.

    Raises:
        InputError: the file is missing, damaged, or made by a newer program.
        PausedError: the disk is too full for the backup; nothing was changed.
    """
    if is_server(url):
        return _upgrade_on_server(url, told)
    path = file_of(url)
    with reachable(path):
        if not path.exists():
            raise _missing(Place(str(path)), path)
        expect_one_name(path)
    backend = SqliteBackend(path, read_only=False, create=False)
    database = Database(backend, read_only=False)
    try:
        with rebuilding(database) as connection:
            found = revision(connection)
            if not found:
                backend.expect_whole()
            expect_ours(found, backend.place)
            assert found is not None
            if found != HEAD:
                keep(database, now=dt.datetime.now(dt.UTC))
                told("the tables are brought to this version")
                _migrate(connection, backend, found)
        if int(found) < _OVERWRITING:
            told("the file is written anew, without what was deleted; a long list takes a minute")
            rewrite(database)
    finally:
        database.close()
    return found, HEAD


def _upgrade_on_server(url: str, told: Callable[[str], None]) -> tuple[str, str]:
    """One transaction, which nobody else writes beside; the tables are changed with it or not."""
    backend = _server(url)
    database = Database(backend, read_only=False)
    try:
        with database.reading(opening=True) as connection:
            if revision(connection, backend.schema) is None:
                raise _empty(backend)
        with backend.lock(SENDING_LOCK, SENDING), database.writing(opening=True) as connection:
            found = revision(connection, backend.schema)
            expect_ours(found, backend.place)
            assert found is not None
            if found != HEAD:
                _expect_no_workers(backend.workers(connection), backend.place)
                told("the tables are brought to this version")
                _migrate(connection, backend, found)
    finally:
        database.close()
    return found, HEAD


def _expect_no_workers(there: Mapping[str, str], place: Place) -> None:
    """Refuse to change the tables under programs that know the old ones, and would say nothing."""
    if there:
        raise LockedError(
            f"{plural(len(there), 'worker is', 'workers are')} at work: "
            + ", ".join(sorted(there.values())),
            place=place,
            hint="end all workers, upgrade, and start them with this version; nothing was changed",
        )


def _checked(database: Opened, *, create: bool) -> Opened:
    """Hand `database` on when its tables are this program's, else close it and say why."""
    backend = database.backend
    try:
        with database.reading(opening=True) as connection:
            found = revision(connection, backend.schema)
        if found != HEAD:
            backend.expect_whole()  # before it is called somebody else's, or made anew
        if found is None and create:
            with database.writing(opening=True) as connection:
                # Another machine may have been quicker.
                if revision(connection, backend.schema) is None:
                    _create(connection, backend)
        else:
            _demand_head(found, backend)
            if not database.read_only:
                _expect_here(database)
    except BaseException:
        database.close()
        raise
    return database


def moved_away(database: Database) -> RefusedError | None:
    """Why nothing is written to records that were moved: what counts is elsewhere."""
    with database.reading(opening=True) as connection:
        moved = database.backend.moved(connection)
    return refusal(database.backend, moved)


def refusal(backend: Backend, moved: str) -> RefusedError | None:
    """Why nothing is written to a place from which the records were moved.

    Args:
        backend: the place.
        moved: what it says of that, "" for nothing.
    """
    if not moved:
        return None
    return RefusedError(
        f"these records {moved}",
        place=backend.place,
        hint=f"set store.url to that place; or, where they shall count again, {backend.unmark}",
    )


def _expect_here(database: Database) -> None:
    if fault := moved_away(database):
        raise fault


def expect_ours(found: str | None, place: Place) -> None:
    """Refuse an empty database, another program's, and one that this program is too old for.

    Args:
        found: from `revision`.
        place: what to name.

    Raises:
        InputError: it is one.
    """
    if not found:
        raise _not_ours(place)
    if int(found) > int(HEAD):
        raise _too_new(place)


def _demand_head(found: str | None, backend: Backend) -> None:
    place = backend.place
    if found is None and backend.on_server:
        raise _empty(backend)
    expect_ours(found, place)
    assert found is not None
    if int(found) < int(HEAD):
        raise InputError(
            "this store was made by an older version",
            place=place,
            hint="newsletter db upgrade",
        )


def _create(connection: sa.Connection, backend: Backend) -> None:
    """Make a whole store in an empty database."""
    backend.create(connection)
    make_first(connection, dt.datetime.now(dt.UTC))
    connection.execute(sa.insert(identity).values(id=secrets.token_hex(16), old_tags_until=None))
    finish(connection, backend)


def _migrate(connection: sa.Connection, backend: Backend, found: str) -> None:
    """Bring a store from an older revision to this program's; the guards are made anew."""
    backend.drop_guards(connection)
    if found in before.REVISIONS:
        before.rebuild(connection)
        connection.execute(sa.update(revisions).values(version_num=HEAD))
    else:
        _run_alembic(connection)
    backend.reshape(connection)
    backend.create_guards(connection)


def _run_alembic(connection: sa.Connection) -> None:
    from alembic import command  # noqa: PLC0415  # heavy, and rarely needed
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    folder = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    try:
        with _ONE_MIGRATION:
            command.upgrade(config, "head")
    except CommandError as error:
        raise NewsletterError(
            "the store cannot be brought to the tables of this version",
            cause=str(error),
            hint="nothing was changed; restore a backup, or report this",
        ) from error


def _missing(place: Place, path: Path) -> NoStoreError:
    if were_here(path):
        return LostStoreError(
            "there is no database here any more, and records were kept here before",
            place=place,
        )
    return NoStoreError("there is no database here yet", place=place, hint=_BEGIN)


def _empty(backend: Backend) -> NoStoreError:
    """On a server the database itself is there: a person made it."""
    return NoStoreError(
        f'the schema "{backend.schema}" has no tables in this database yet',
        place=backend.place,
        hint=f"{_BEGIN}; that makes them",
    )


def _not_ours(place: Place) -> InputError:
    return InputError(
        "this database is not a newsletter's store",
        place=place,
        hint="set store.url to another file",
    )


def _too_new(place: Place) -> InputError:
    return InputError(
        "this store was made by a newer version",
        place=place,
        hint="update the newsletter program",
    )
