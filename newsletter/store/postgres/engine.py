"""How SQLAlchemy reaches a server: a few connections that are tried before they are used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from newsletter.errors import InputError
from newsletter.store.postgres.address import ServerAddress
from newsletter.store.postgres.schema import count_in_whole_numbers
from newsletter.store.postgres.silence import ANSWERED, Silence

#: How long one of this process's connections is waited for, and a new one; seconds.
BUSY: Final = 30
_CONNECT: Final = 10
#: Both tell of broken connections on their own, in words for programmers; the fault tells it, too.
_TALKERS: Final = ("psycopg", "psycopg.pool", "sqlalchemy.pool")


def open_engine(
    address: ServerAddress,
    connections: int,
    *,
    called: str,
    begin: Callable[[sa.Connection], None],
    silence: Silence,
) -> sa.Engine:
    """Make connections as they are needed.

    Args:
        address: where to.
        connections: how many at most.
        called: what the server's own lists show.
        begin: begins each transaction.
        silence: hears whether the server answers.

    Raises:
        InputError: the driver is not installed.
    """
    try:
        from newsletter.store.postgres.connections import connect  # noqa: PLC0415  # the driver
    except ModuleNotFoundError as error:
        raise InputError(
            "the driver for PostgreSQL is not installed",
            hint="pip install 'psycopg[binary]', or pipx inject gitletter 'psycopg[binary]'; "
            "docs/postgresql.md has the way of uv",
        ) from error
    for name in _TALKERS:
        if not (talker := logging.getLogger(name)).handlers:
            talker.addHandler(logging.NullHandler())
    engine = sa.create_engine(
        address.url,
        hide_parameters=True,  # they are people's addresses
        pool_size=connections, max_overflow=0, pool_timeout=BUSY,
        pool_pre_ping=True, isolation_level="READ COMMITTED",  # whatever the role has
        # A pooler between us and the server keeps no prepared statement.
        connect_args={
            "prepare_threshold": None, "connect_timeout": _CONNECT,
            "application_name": called, "client_encoding": "UTF8",
        },
    )  # fmt: skip
    event.listen(engine, "do_connect", lambda _, __, args, named: connect(silence, args, named))
    event.listen(engine, "connect", count_in_whole_numbers)
    event.listen(engine, "checkin", _tried_at_once)
    event.listen(engine, "begin", begin)
    return engine


def allow(connection: sa.Connection, seconds: float | None) -> None:
    """From now on each answer may take so long; None for any time, while the server answers."""
    held: Any = connection.connection.dbapi_connection
    held.patience = seconds


def _tried_at_once(held: Any, _record: object) -> None:  # noqa: ANN401  # None where it broke
    """Whoever takes it next tries first whether it answers."""
    if held is not None:
        held.patience = ANSWERED
