"""The rule of who may be mailed, as SQL; `audience.holds` says the same in Python."""

from __future__ import annotations

import sqlalchemy as sa

from newsletter.audience import And, Expression, HasStatus, HasTag, Not, Or, Suppressed
from newsletter.store.tables import subscribers, suppressions, tags


def clause(expression: Expression) -> sa.ColumnElement[bool]:
    """Compile `expression` to a condition on a row of `subscribers`."""
    return _clause(expression, wanted=True)


def _clause(expression: Expression, *, wanted: bool) -> sa.ColumnElement[bool]:
    """The condition that `expression` is as `wanted`.

    A negation wanders inwards to the single terms, for SQLite's parser takes few brackets.
    """
    found: sa.ColumnElement[bool]
    match expression:
        case Not(term):
            return _clause(term, wanted=not wanted)
        case And(left, right) | Or(left, right):
            terms = _clause(left, wanted=wanted), _clause(right, wanted=wanted)
            return sa.and_(*terms) if isinstance(expression, And) is wanted else sa.or_(*terms)
        case HasStatus(status):
            found = subscribers.c.status == status.value
        case Suppressed():
            found = sa.exists().where(suppressions.c.address_hash == subscribers.c.address_hash)
        case HasTag(tag):
            found = sa.exists().where(tags.c.subscriber_id == subscribers.c.id, tags.c.tag == tag)
            # PostgreSQL makes a join of each bare EXISTS, and plans hundreds of them for a minute.
            found = found.is_(sa.true())
    return found if wanted else sa.not_(found)
