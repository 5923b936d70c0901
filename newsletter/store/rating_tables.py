"""The tables of what readers say of issues."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from newsletter.render import ANSWERS
from newsletter.store.tables import HASH, Moment, metadata, one_of

#: The answers that an issue's mails let readers choose from: frozen with the run, the best first.
rating_labels: Final = sa.Table(
    "rating_labels",
    metadata,
    sa.Column("issue", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("answer", sa.String(4), primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    one_of("answer", ANSWERS),
)

#: What readers said of an issue: one row for each, and their last word counts.
ratings: Final = sa.Table(
    "ratings",
    metadata,
    sa.Column("issue", sa.Integer, primary_key=True, autoincrement=False),
    # Whose: of a person who was erased, a number that is nobody's.
    sa.Column("address_hash", HASH, primary_key=True),
    sa.Column("answer", sa.String(4), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.ForeignKeyConstraint(["issue", "answer"], ["rating_labels.issue", "rating_labels.answer"]),
    sa.Index(None, "address_hash"),
    sa.Index(None, "issue", "answer"),  # the counts
)
