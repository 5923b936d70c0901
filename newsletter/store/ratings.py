"""What readers say of the issues they got: one answer each, which they can change.

Whose an answer is can be found by the hash of an address, so that a reader can change it, see it
and have it erased; figures are made without it.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from newsletter.delivery import State
from newsletter.render import ANSWERS
from newsletter.stats.ratings import IssueRatings, RatingWords
from newsletter.store.database import Database
from newsletter.store.rating_tables import rating_labels, ratings
from newsletter.store.tables import deliveries, runs, subscribers

#: Nothing has left for these.
_NOT_SENT = (State.QUEUED, State.SKIPPED)


class AskedRating(NamedTuple):
    """What one reader is asked about one issue, and what they have said.

    Attributes:
        issue: its number.
        title: its title.
        labels: the answers as its mails call them, the best first.
        answer: theirs, "" before there is one.
        words: what they wrote beside it.
    """

    issue: int
    title: str
    labels: Mapping[str, str]
    answer: str
    words: str


def freeze_labels(connection: sa.Connection, issue: int, labels: Iterable[tuple[str, str]]) -> None:
    """Note the answers that the mails of an issue let readers choose from, which is about to begin.

    Args:
        connection: inside a write transaction.
        issue: its number.
        labels: (answer, words) pairs.
    """
    forget_labels(connection, issue)
    rows = [{"issue": issue, "answer": one, "label": words} for one, words in labels]
    if rows:
        connection.execute(sa.insert(rating_labels), rows)


def forget_labels(connection: sa.Connection, issue: int) -> None:
    """The issue has not begun after all."""
    connection.execute(sa.delete(rating_labels).where(rating_labels.c.issue == issue))


def look(store: Database, handle: str, issue: int) -> AskedRating | None:
    """What a reader is asked; None where they got no such issue, or it asks nothing."""
    with store.reading() as connection:
        found = _find(connection, handle, issue)
        return None if found is None else found[0]


def rate(
    store: Database, handle: str, issue: int, *, answer: str, words: str, now: dt.datetime
) -> AskedRating | None:
    """Note a reader's answer, in the place of the one they gave before; one transaction.

    Args:
        store: where.
        handle: the reader's.
        issue: its number.
        answer: one of those the issue's mails offer.
        words: what they wrote beside it, may be empty.
        now: with a time zone.

    Returns:
        What stands now; None, and nothing is noted, where `look` has none or there is no such
        answer.
    """
    with store.writing() as connection:
        found = _find(connection, handle, issue)
        if found is None or answer not in found[0].labels:
            return None
        asked, hashed = found
        if (asked.answer, asked.words) == (answer, words):
            return asked
        said = {"answer": answer, "words": words, "at": now}
        if asked.answer:
            this = sa.and_(ratings.c.issue == issue, ratings.c.address_hash == hashed)
            connection.execute(sa.update(ratings).where(this).values(said))
        else:
            connection.execute(
                sa.insert(ratings).values({"issue": issue, "address_hash": hashed} | said)
            )
        return AskedRating(
            issue=issue, title=asked.title, labels=asked.labels, answer=answer, words=words
        )


def _find(connection: sa.Connection, handle: str, issue: int) -> tuple[AskedRating, str] | None:
    """What a reader is asked, and the hash of the address that the issue went to."""
    query = (
        sa.select(deliveries.c.address_hash, runs.c.title, ratings.c.answer, ratings.c.words)
        .select_from(
            # By the row: whoever was erased and came back is somebody else.
            subscribers.join(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
            .join(runs, runs.c.id == deliveries.c.run_id)
            .outerjoin(
                ratings,
                sa.and_(
                    ratings.c.issue == deliveries.c.issue,
                    ratings.c.address_hash == deliveries.c.address_hash,
                ),
            )
        )
        .where(
            subscribers.c.handle == handle, deliveries.c.issue == issue,
            deliveries.c.rehearsal.is_(False), deliveries.c.state.not_in(_NOT_SENT),
        )
    )  # fmt: skip
    row = connection.execute(query).one_or_none()
    labels = _labels(connection, [issue]).get(issue, {})
    if row is None or not labels:
        return None
    asked = AskedRating(
        issue=issue, title=row.title, labels=labels, answer=row.answer or "", words=row.words or ""
    )
    return asked, row.address_hash


def forget_who(connection: sa.Connection, hashes: Sequence[str]) -> None:
    """Take whose they are and what they wrote from the answers of some people; the counts stay."""
    these = ratings.c.address_hash.in_(hashes)
    rows = connection.execute(sa.select(ratings.c.issue, ratings.c.address_hash).where(these)).all()
    for row in rows:
        this = sa.and_(ratings.c.issue == row.issue, ratings.c.address_hash == row.address_hash)
        nobody = {"address_hash": secrets.token_hex(32), "words": ""}
        connection.execute(sa.update(ratings).where(this).values(nobody))


def of_issue(connection: sa.Connection, issue: int) -> IssueRatings | None:
    """The ratings of an issue; None where its mails ask for none."""
    counts = of_issues(connection, [issue]).get(issue)
    if counts is None:
        return None
    written = sa.select(ratings.c.answer, ratings.c.words).where(
        ratings.c.issue == issue, ratings.c.words != ""
    )
    said = sorted((ANSWERS.index(row.answer), row.words) for row in connection.execute(written))
    return IssueRatings(
        labels=_labels(connection, [issue])[issue],
        counts=counts,
        words=tuple(RatingWords(answer=ANSWERS[at], text=text) for at, text in said),
    )


def of_issues(connection: sa.Connection, issues: Sequence[int]) -> dict[int, dict[str, int]]:
    """Readers by answer, of those of some issues whose mails ask; the best answer first."""
    number = sa.func.count().label("number")
    query = (
        sa.select(ratings.c.issue, ratings.c.answer, number)
        .where(ratings.c.issue.in_(issues))
        .group_by(ratings.c.issue, ratings.c.answer)
    )
    found = {(row.issue, row.answer): row.number for row in connection.execute(query)}
    return {
        issue: {answer: found.get((issue, answer), 0) for answer in labels}
        for issue, labels in _labels(connection, issues).items()
    }


def _labels(connection: sa.Connection, issues: Sequence[int]) -> dict[int, dict[str, str]]:
    query = sa.select(rating_labels).where(rating_labels.c.issue.in_(issues))
    found: dict[int, dict[str, str]] = {}
    for row in sorted(connection.execute(query), key=lambda one: ANSWERS.index(one.answer)):
        found.setdefault(row.issue, {})[row.answer] = row.label
    return found
