"""Which tables a store has: made new, checked at every opening, upgraded on demand.

A new one is made whole, from `tables` and the guards. Alembic is loaded only to upgrade.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa

from newsletter.errors import InputError, NewsletterError, Place
from newsletter.project import private
from newsletter.store.database import Database
from newsletter.store.folder.backup import keep
from newsletter.store.folder.lock import alone_in
from newsletter.store.folder.place import (
    expect_new,
    expect_one_name,
    make_room,
    narrow,
    reachable,
    were_here,
)
from newsletter.store.migrations import before
from newsletter.store.signing_keys import make_first
from newsletter.store.sqlite import guards
from newsletter.store.sqlite.engine import file_of
from newsletter.store.sqlite.maintenance import rebuilding, rewrite
from newsletter.store.tables import identity, metadata

Opened = TypeVar("Opened", bound=Database)

#: The revision this program reads and writes: the newest file in migrations/versions.
HEAD: Final = "0013"

#: From here on what is deleted is overwritten.
_OVERWRITING: Final = 7

#: Alembic keeps what it works on in a global: two threads would write to each other's database.
_ONE_MIGRATION: Final = threading.Lock()

#: Alembic's own table, as it makes it.
_REVISIONS: Final = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class NoStoreError(InputError):
    """There are no records yet."""


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
    path = file_of(url)
    with reachable(path):
        if not path.exists() and (read_only or not create):
            raise _missing(path)
        expect_one_name(path)
        if read_only:
            return _checked(kind(path, read_only=True, create=False), create=False)
        if create and not path.exists():
            make_room(path)
        with alone_in(path.parent):
            if create:
                expect_new(path)
                path.touch(private.FILE)  # SQLite's other files take its mode over
            narrow(path)
            database = kind(path, read_only=False, create=create, patience=patience)
            return _checked(database, create=create)


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
    path = file_of(url)
    with reachable(path):
        if not path.exists():
            raise _missing(path)
        expect_one_name(path)
    database = Database(path, read_only=False, create=False)
    try:
        with rebuilding(database) as connection:
            found = revision(connection)
            if not found:
                database.expect_whole()
            expect_ours(found, path)
            assert found is not None
            if found != HEAD:
                keep(path, now=dt.datetime.now(dt.UTC))
                told("the tables are brought to this version")
                _migrate(connection, found)
        if int(found) < _OVERWRITING:
            told("the file is written anew, without what was deleted; a long list takes a minute")
            rewrite(database)
    finally:
        database.close()
    return found, HEAD


def _checked(database: Opened, *, create: bool) -> Opened:
    """Hand `database` on when its tables are this program's, else close it and say why."""
    try:
        with database.reading(opening=True) as connection:
            found = revision(connection)
        if found != HEAD:
            database.expect_whole()  # before it is called somebody else's, or made anew
        if found is None and create:
            with database.writing(opening=True) as connection:
                _create(connection)
        else:
            _demand_head(found, database.path)
    except BaseException:
        database.close()
        raise
    return database


def expect_ours(found: str | None, path: Path) -> None:
    """Refuse an empty database, another program's, and one that this program is too old for.

    Args:
        found: from `revision`.
        path: what to name.

    Raises:
        InputError: it is one.
    """
    if not found:
        raise _not_ours(path)
    if int(found) > int(HEAD):
        raise _too_new(path)


def _demand_head(found: str | None, path: Path) -> None:
    expect_ours(found, path)
    assert found is not None
    if int(found) < int(HEAD):
        raise InputError(
            "this store was made by an older version",
            place=Place(str(path)),
            hint="newsletter db upgrade",
        )


def revision(connection: sa.Connection) -> str | None:
    """The store's revision, four digits; None for an empty database, "" for somebody else's."""
    names = sa.inspect(connection).get_table_names()
    if not names:
        return None
    if "alembic_version" not in names or "deliveries" not in names:
        return ""
    found = connection.execute(sa.select(_REVISIONS.c.version_num)).scalar()
    return found if isinstance(found, str) and re.fullmatch(r"\d{4}", found, re.ASCII) else ""


def _create(connection: sa.Connection) -> None:
    """Make a whole store in an empty database."""
    metadata.create_all(connection)
    make_first(connection, dt.datetime.now(dt.UTC))
    connection.execute(sa.insert(identity).values(id=secrets.token_hex(16), old_tags_until=None))
    guards.create(connection)
    _REVISIONS.create(connection)
    connection.execute(sa.insert(_REVISIONS).values(version_num=HEAD))


def _migrate(connection: sa.Connection, found: str) -> None:
    """Bring a store from an older revision to this program's; the guards are made anew."""
    guards.drop(connection)
    if found in before.REVISIONS:
        before.rebuild(connection)
        connection.execute(sa.update(_REVISIONS).values(version_num=HEAD))
    else:
        _run_alembic(connection)
    guards.create(connection)


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


def _missing(path: Path) -> NoStoreError:
    if were_here(path):
        return NoStoreError(
            "there is no database here any more, and records were kept here before",
            place=Place(str(path)),
            hint="newsletter db restore FILE brings a backup back; a list that is imported anew "
            "does not know who has left",
        )
    return NoStoreError(
        "there is no database here yet",
        place=Place(str(path)),
        hint="import a list first: newsletter subscribers import FILE --consent-source TEXT",
    )


def _not_ours(path: Path) -> InputError:
    return InputError(
        "this database is not a newsletter's store",
        place=Place(str(path)),
        hint="set store.url to another file",
    )


def _too_new(path: Path) -> InputError:
    return InputError(
        "this store was made by a newer version",
        place=Place(str(path)),
        hint="update the newsletter program",
    )
