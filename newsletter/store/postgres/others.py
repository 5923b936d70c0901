"""Who else has the records open, as far as their server can tell."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from newsletter.errors import InputError, LockedError, Place

_OTHERS: Final = (
    "SELECT pg_backend_pid(), count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name <> %s AND starts_with(application_name, %s)"
)


def expect_no_others(connection: sa.Connection, called: str, place: Place) -> None:
    """Refuse to go on while another process is connected to these records.

    A pooler shows the server who used a connection last, whether or not they are still there.

    Args:
        connection: inside a transaction.
        called: what the server's own lists show of this process.
        place: the database.

    Raises:
        LockedError: one is.
        InputError: there is a pooler, so that nobody can tell.
    """
    names = called, called.partition("@")[0]
    process, others = connection.exec_driver_sql(_OTHERS, names).one()
    held: Any = connection.connection.dbapi_connection
    # What a pooler tells its client of a process is a number of its own.
    if held.info.backend_pid != process:
        raise InputError(
            "behind a pooler nobody can tell who has these records open",
            place=place,
            hint="end what uses them, such as newsletter serve, and name the server itself for "
            "this command in NEWSLETTER_STORE__URL; nothing was changed",
        )
    if others:
        raise LockedError(
            "another program has these records open",
            place=place,
            hint="end what uses them, such as newsletter serve; nothing was changed",
        )
