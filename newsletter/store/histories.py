"""Which server a run is on, and whether that one can have forgotten what has left.

A standby that takes over may lack the last commits, and whoever claimed them is another machine
than the one that asks. So a run is written down with its server's history, and nothing is claimed
of it in another one: that is part of the claim's own statement. What a file holds has no history,
but where it is a backup of a server's records: many machines may have sent some since it was made.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

#: Before the history of a run, in a backup: no server has that one, and no file.
_BACKUP: Final = "backup "


def as_backup(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The history of a run as a backup has it, until a person lets it go on."""
    return sa.literal(_BACKUP) + column


def is_backup(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a column has a history from a backup."""
    return sa.func.substr(column, 1, len(_BACKUP)) == _BACKUP


class PresentHistory(FunctionElement[str]):
    """The history of the server that is asked, and since when it has run; "" for a file."""

    name = "present_history"
    type = sa.Text()
    inherit_cache = True


class SameHistory(FunctionElement[bool]):
    """Whether the server has the history that a column tells of."""

    name = "same_history"
    type = sa.Boolean()
    inherit_cache = True


class SettledHistory(FunctionElement[bool]):
    """Whether it has, and every worker has had the time to miss its own last commits.

    One that was begun anew from an older copy of its disk has the same history, and only those
    whose commits it lacks can tell.
    """

    name = "settled_history"
    type = sa.Boolean()
    inherit_cache = True


class SettlesIn(FunctionElement[float]):
    """The seconds until that time is over, 0 where it is."""

    name = "settles_in"
    type = sa.Double()
    inherit_cache = True


@compiles(PresentHistory)
def _no_history(_element: PresentHistory, _compiler: SQLCompiler, **_: object) -> str:
    return "''"


@compiles(SameHistory)
@compiles(SettledHistory)
def _no_backup(element: FunctionElement[bool], compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401
    column = compiler.process(element.clauses, **more)
    return f"(substr({column}, 1, {len(_BACKUP)}) <> '{_BACKUP}')"


@compiles(SettlesIn)
def _at_once(_element: SettlesIn, _compiler: SQLCompiler, **_: object) -> str:
    return "0.0"
