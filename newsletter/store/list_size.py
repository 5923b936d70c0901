"""How long the list is, and how it has changed: what its author asks first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from newsletter.audience import SKIPS, Expression, Status, eligible
from newsletter.store.database import Database
from newsletter.store.eligibility import clause
from newsletter.store.tables import consents, subscribers, suppressions, tags

#: What the consent log notes of a person who was on the list before and after.
_STAYED: Final = ("preferences",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSize:
    """How many people an issue for everybody would go to, and how that came about.

    Attributes:
        mailable: active and not suppressed.
        pending: who have not confirmed yet.
        joined: how many of the mailable ones came, or came back, since a moment.
        left: how many have gone since then who were there before: unsubscribed, suppressed, erased;
            not those whom an import brought as gone, however long ago they joined elsewhere.
    """

    mailable: int = 0
    pending: int = 0
    joined: int = 0
    left: int = 0


def count(store: Database, *, since: dt.datetime) -> ListSize:
    """Count the people on the list, and those who came and went since a moment."""
    mailable = clause(eligible())
    came = _came(since)
    went = sa.union(
        sa.select(consents.c.address_hash).where(
            consents.c.at >= since, consents.c.event == "unsubscribed"
        ),
        sa.select(suppressions.c.address_hash).where(suppressions.c.created_at >= since),
    )
    was_there = sa.exists().where(
        consents.c.address_hash == subscribers.c.address_hash,
        consents.c.at < since,
        consents.c.event != "unsubscribed",
    )
    erased = sa.select(sa.func.count()).where(
        suppressions.c.created_at >= since, suppressions.c.reason == "erased"
    )
    people = sa.select(sa.func.count()).select_from(subscribers)
    with store.reading() as connection:

        def number(*which: sa.ColumnElement[bool]) -> int:
            return int(connection.execute(people.where(*which)).scalar_one())

        return ListSize(
            mailable=number(mailable),
            pending=number(subscribers.c.status == Status.PENDING),
            joined=number(mailable, subscribers.c.address_hash.in_(came)),
            left=number(
                sa.not_(mailable),
                subscribers.c.address_hash.in_(went),
                was_there,
            )
            + int(connection.execute(erased).scalar_one()),
        )


def newcomers(store: Database, rule: Expression, *, since: dt.datetime) -> int:
    """How many of those whom a rule lets in came, or came back, since a moment."""
    query = sa.select(sa.func.count()).select_from(subscribers)
    these = query.where(clause(rule), subscribers.c.address_hash.in_(_came(since)))
    with store.reading() as connection:
        return int(connection.execute(these).scalar_one())


def _came(since: dt.datetime) -> sa.Select[tuple[str]]:
    return sa.select(consents.c.address_hash).where(
        consents.c.at >= since, consents.c.event.not_in(_STAYED)
    )


def tags_there(store: Database) -> list[str]:
    """The tags that people have, the most frequent ones first; not those of issues to skip."""
    query = sa.select(tags.c.tag).where(~tags.c.tag.startswith(SKIPS, autoescape=True))
    often = query.group_by(tags.c.tag).order_by(sa.func.count().desc(), tags.c.tag)
    with store.reading() as connection:
        return list(connection.execute(often).scalars())
