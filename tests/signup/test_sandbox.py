"""What keeps every confirmation mail from arriving is said when `serve` begins."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter.delivery import Allowance
from newsletter.errors import AccountError
from newsletter.signup.post import LetterPost
from tests.support.arriving import Harbour, harbour

__all__ = ["harbour"]


class Way:
    """A way out that is asked what it takes, and must be given nothing for that."""

    def __init__(self, allowance: Allowance | AccountError) -> None:
        self.answer = allowance
        self.closed = 0

    def allowance(self) -> Allowance:
        if isinstance(self.answer, AccountError):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Allowance(verified_only=True), "the account is in Amazon SES's sandbox"),
        (AccountError("sending is switched off"), "no confirmation mails are sent: sending is"),
        (Allowance(), ""),
    ],
)
def test_it_is_said_before_anybody_asks(harbour: Harbour, answer: Any, words: str):
    way: Any = Way(answer)
    LetterPost(
        harbour.project, harbour.store, open_transport=lambda: way, clock=lambda: harbour.now,
        reporter=harbour.heard,
    ).begin()  # fmt: skip
    assert way.closed == 1
    assert len(harbour.heard.lines) == bool(words)
    assert words in "".join(harbour.heard.lines)
