"""What readers said of an issue, counted; whoever said it is told nowhere here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingWords:
    """What a reader wrote beside an answer.

    Attributes:
        answer: "good", "fine" or "bad".
        text: as typed; it may have several lines.
    """

    answer: str
    text: str


class IssueRatings(NamedTuple):
    """The ratings of one issue; each reader is in exactly one count.

    Attributes:
        labels: what the answers were called in its mails, the best first.
        counts: readers by answer, zeros too.
        words: what they wrote, sorted by answer and text: their order tells nothing of who wrote.
    """

    labels: Mapping[str, str]
    counts: Mapping[str, int]
    words: tuple[RatingWords, ...]

    @property
    def readers(self) -> int:
        """How many have answered."""
        return sum(self.counts.values())
