"""The rule of who may be mailed, as SQL; `audience.holds` says the same in Python."""

from __future__ import annotations

import sqlalchemy as sa

from newsletter.audience import And, Expression, HasStatus, HasTag, Not, Or, Suppressed
from newsletter.store.tables import subscribers, suppressions, tags


def clause(expression: Expression) -> sa.ColumnElement[bool]:
    """Compile `expression` to a condition on a row of `subscribers`."""
    match expression:
        case HasStatus(status):
            return subscribers.c.status == status.value
        case Suppressed():
            return sa.exists().where(suppressions.c.address_hash == subscribers.c.address_hash)
        case HasTag(tag):
            return sa.exists().where(tags.c.subscriber_id == subscribers.c.id, tags.c.tag == tag)
        case Not(term):
            return sa.not_(clause(term))
        case And(left, right):
            return sa.and_(clause(left), clause(right))
        case Or(left, right):
            return sa.or_(clause(left), clause(right))
