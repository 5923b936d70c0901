"""What tells one history of a server from another, in statements that any user may run."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from newsletter.store.histories import (
    PresentHistory,
    SameHistory,
    SettledHistory,
    SettlesIn,
)

#: Seconds after a server has begun in which every worker looks whether its last commits are there.
LOOKED: Final = 25

#: The cluster, and its timeline, which a promotion changes.
_SERVER: Final = (
    "(SELECT system_identifier FROM pg_control_system()) || '/' || "
    "left(pg_walfile_name(pg_current_wal_lsn()), 8)"
)
#: And the database, which a copy of it (`createdb --template`) is not, and the table, which a dump
#: makes anew.
_DATABASE: Final = "(SELECT oid FROM pg_database WHERE datname = current_database())"
_TABLE: Final = "'runs'::regclass::oid"
_HISTORY: Final = f"{_SERVER} || '/' || {_DATABASE} || '/' || {_TABLE}"
#: As an earlier version wrote it down, whose runs still go on.
_EARLIER: Final = f"{_SERVER} || '/' || {_TABLE}"
#: When it has begun.
SINCE: Final = "extract(epoch FROM pg_postmaster_start_time())::text"
#: A standby has no history of its own, and is only read.
_SAME: Final = (
    f"CASE WHEN pg_is_in_recovery() THEN true "
    f"ELSE split_part({{column}}, ' ', 1) IN ({_HISTORY}, {_EARLIER}) END"
)


#: Fails where the user may not ask that; a standby has no history of its own, and cannot be asked.
ASKED: Final = f"CASE WHEN pg_is_in_recovery() THEN '' ELSE {_SERVER} || {SINCE} END"
#: What the user needs for it, and has where nobody took it away from everybody.
FUNCTIONS: Final = (
    "pg_control_system()",
    "pg_current_wal_lsn()",
    "pg_walfile_name(pg_lsn)",
    "pg_is_in_recovery()",
    "pg_postmaster_start_time()",
)


@compiles(PresentHistory, "postgresql")
def _present(_element: PresentHistory, _compiler: SQLCompiler, **_: object) -> str:
    return f"({_HISTORY} || ' ' || {SINCE})"


@compiles(SameHistory, "postgresql")
def _same(element: SameHistory, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401
    return f"({_SAME.format(column=compiler.process(element.clauses, **more))})"


@compiles(SettledHistory, "postgresql")
def _settled(element: SettledHistory, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401
    column = compiler.process(element.clauses, **more)
    return (
        f"({_SAME.format(column=column)} AND (split_part({column}, ' ', 2) = {SINCE} "
        f"OR pg_postmaster_start_time() < clock_timestamp() - interval '{LOOKED} seconds'))"
    )


@compiles(SettlesIn, "postgresql")
def _settles_in(element: SettlesIn, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401
    column = compiler.process(element.clauses, **more)
    return (
        f"(CASE WHEN split_part({column}, ' ', 2) = {SINCE} THEN 0 ELSE greatest(0, {LOOKED} - "
        "extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())) END::float8)"
    )
