"""Whether a PostgreSQL server has room for us and agrees about the time; nothing is changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from newsletter import clocks
from newsletter.store.database import Database

#: Connections of the last kind are kept for superusers.
_STATE: Final = (
    "SELECT current_setting('server_version') AS version, clock_timestamp() AS now, "
    "NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off' "
    "AS writable, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser, "
    "current_setting('max_connections')::int "
    "- current_setting('superuser_reserved_connections')::int "
    "- (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS left"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInspection:
    """What was seen of a server.

    Attributes:
        version: as the server calls it.
        left: how many more connections it takes.
        ahead: how far our clock is before its.
        superuser: whether we may do anything there.
        writable: whether it is no standby, and our user may write to it.
    """

    version: str
    left: int
    ahead: dt.timedelta
    superuser: bool
    writable: bool


def inspect(database: Database) -> ServerInspection:
    """Ask the server.

    Raises:
        NewsletterError: whatever it complains about, translated.
    """
    with database.reading() as connection:
        row = connection.exec_driver_sql(_STATE).one()
        ahead = clocks.now() - row.now
    return ServerInspection(
        version=row.version.partition(" ")[0], left=row.left, ahead=ahead,
        superuser=row.superuser, writable=row.writable,
    )  # fmt: skip
