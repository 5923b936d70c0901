"""SQLite's own words for text, where they are quicker than those that every database knows."""

from __future__ import annotations

import sqlalchemy as sa


def domain_of(email: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """What stands after the "@", in lower case; NULL stays NULL."""
    return sa.func.lower(sa.func.substr(email, sa.func.instr(email, "@") + 1))
