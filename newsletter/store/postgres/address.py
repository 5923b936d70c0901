"""The URL of a database on a PostgreSQL server, read; the driver is not needed for that."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import unquote

import sqlalchemy as sa

from newsletter.errors import InputError, Place

_SCHEME: Final = "postgresql"
_HERE: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})
#: How long a connection may be without any sign of the other end: nothing is acknowledged, or no
#: answer comes when asked in between (tcp(7)). Packets that are swallowed are no error else.
_UNHEARD: Final = {
    "tcp_user_timeout": "30000",
    "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "4",
}  # fmt: skip
#: Between user and host, as SQLAlchemy reads it.
_PASSWORD: Final = re.compile(r"^(\w+://[^:/]*):[^@]*@")
#: Options that are not shown: two are secret, and the program itself adds the folder.
_UNSHOWN: Final = frozenset({"password", "sslpassword", "folder"})
#: What files of this machine that belong to the records are called after.
_NAME: Final = "postgresql"


class ServerAddress(NamedTuple):
    """Where a database is.

    Attributes:
        url: for SQLAlchemy.
        schema: of the tables.
        path: what files of this machine that belong to it are called after.
        place: how messages name it: what may be written as `store.url`, so without a password.
    """

    url: sa.URL
    schema: str
    path: Path
    place: Place

    @property
    def user(self) -> str:
        """Who connects, as SQL names them; "NAME" where the driver finds one."""
        name = self.url.username
        return self.url.get_dialect()().identifier_preparer.quote(name) if name else "NAME"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL as `project.records.store_url` writes it.

        Raises:
            InputError: it is none; it is not repeated, for it may hold a password.
        """
        hint = "write postgresql://user@host/database"
        try:
            read = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):
            raise InputError("store.url is not the URL of a database", hint=hint) from None
        if read.drivername != _SCHEME or not read.database:
            raise InputError("store.url names no database", hint=hint)
        query = {key: value for key, value in read.query.items() if isinstance(value, str)}
        schema, folder = query.pop("schema", "newsletter"), query.pop("folder", ".")
        password = query.pop("password", read.password)
        host = read.host or query.get("host", "")
        # The mails' addresses must not cross a network in the clear; who wants that says so.
        if host not in _HERE and not host.startswith("/") and "PGSSLMODE" not in os.environ:
            query.setdefault("sslmode", "require")
        query |= _UNHEARD
        return cls(
            url=read.set(drivername=f"{_SCHEME}+psycopg", password=password, query=query),
            schema=schema,
            path=Path(folder).absolute() / _NAME,
            place=Place(_shown(url)),
        )


def _shown(url: str) -> str:
    """A URL as its author wrote it, without secrets: port, user and options tell places apart."""
    address, _, options = url.partition("?")
    kept = [one for one in options.split("&") if unquote(one.partition("=")[0]) not in _UNSHOWN]
    address = _PASSWORD.sub(r"\1@", address)
    return f"{address}?{'&'.join(kept)}" if any(kept) else address


def is_server(url: str) -> bool:
    """Whether a URL is PostgreSQL's, whatever else is in it."""
    return url.startswith(("postgresql:", "postgresql+", "postgres:"))
