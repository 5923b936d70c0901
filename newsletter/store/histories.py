"""Which server a run is on, and whether that one can have forgotten what has left.

A standby that takes over may lack the last commits, and whoever claimed them is another machine
than the one that asks. So a run is written down with its server's history, and nothing is claimed
of it in another one: that is part of the claim's own statement. What a file holds has no history.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


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
def _always(_element: FunctionElement[bool], _compiler: SQLCompiler, **_: object) -> str:
    return "1 = 1"


@compiles(SettlesIn)
def _at_once(_element: SettlesIn, _compiler: SQLCompiler, **_: object) -> str:
    return "0.0"
