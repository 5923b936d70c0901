"""Links that are counted: where they lead, and how often they were followed. Never by whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from newsletter.delivery import Run
from newsletter.render import CountedLink
from newsletter.stats.issues import LinkClicks
from newsletter.store.database import Database
from newsletter.store.tables import clicks, links, runs

_SORTS: Final = {False: "person", True: "machine"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a counted link leads.

    Attributes:
        url: as it was frozen.
        sent_at: when its issue began to leave.
    """

    url: str
    sent_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A link was followed, by whomever.

    Attributes:
        issue, number: which link.
        hour: the beginning of the hour, UTC.
        machine: whether a program seems to have followed it, and no reader.
    """

    issue: int
    number: int
    hour: dt.datetime
    machine: bool


def freeze_links(connection: sa.Connection, issue: int, found: Iterable[CountedLink]) -> None:
    """Note where the links of an issue lead that is about to begin."""
    forget_links(connection, issue)
    rows = [{"issue": issue, "number": k.number, "url": k.url, "text": k.text} for k in found]
    if rows:
        connection.execute(sa.insert(links), rows)


def forget_links(connection: sa.Connection, issue: int) -> None:
    """The issue has not begun after all."""
    connection.execute(sa.delete(links).where(links.c.issue == issue))


def target(store: Database, issue: int, number: int) -> Target | None:
    """Where a link leads, None where no mail holds it."""
    query = (
        sa.select(links.c.url, runs.c.started_at)
        .join(runs, runs.c.issue == links.c.issue)
        .where(
            links.c.issue == issue, links.c.number == number,
            runs.c.rehearsal.is_(False), runs.c.recipients > 0,
        )
    )  # fmt: skip
    with store.reading() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Target(url=row.url, sent_at=row.started_at)


def add(store: Database, found: Mapping[Click, int]) -> None:
    """Add so many clicks of each kind; one transaction."""
    with store.writing() as connection:
        for click, times in found.items():
            key = {
                "issue": click.issue, "number": click.number, "sort": _SORTS[click.machine],
                "hour": click.hour.astimezone(dt.UTC).strftime("%Y-%m-%dT%H"),
            }  # fmt: skip
            this = (clicks.c[name] == value for name, value in key.items())
            more = sa.update(clicks).where(*this).values(times=clicks.c.times + times)
            if not connection.execute(more).rowcount:
                connection.execute(sa.insert(clicks).values(**key, times=times))


def of_run(connection: sa.Connection, run: Run) -> tuple[LinkClicks, ...] | None:
    """The links of an issue with their clicks, in their order; None where none is counted."""
    times = {
        sort: sa.func.coalesce(
            sa.func.sum(sa.case((clicks.c.sort == sort, clicks.c.times), else_=0)), 0
        ).label(sort)
        for sort in _SORTS.values()
    }
    query = (
        sa.select(links.c.number, links.c.url, links.c.text, *times.values())
        .outerjoin(
            clicks, sa.and_(clicks.c.issue == links.c.issue, clicks.c.number == links.c.number)
        )
        .where(links.c.issue == run.content.issue)
        .group_by(links.c.number, links.c.url, links.c.text)
        .order_by(links.c.number)
    )
    rows = connection.execute(query).all()
    if not rows:
        return None
    return tuple(
        LinkClicks(
            link=row.number, url=row.url, text=row.text, clicks=row.person, machines=row.machine
        )
        for row in rows
    )
