"""What SES reports about a letter counts as for any mail: a bounce keeps the address out."""

from __future__ import annotations

import json
import re

import pytest

from newsletter.delivery import Outcome, Result
from newsletter.message import Message
from newsletter.ses.event_format import read_event
from newsletter.store import suppressions
from tests.support import readers
from tests.support.arriving import Harbour, harbour
from tests.support.ses_events import Sent, bounce, complaint

__all__ = ["harbour"]

ADA = "ada@example.org"


def tagged(text: str, name: str) -> str:
    """The event with the tag that a letter carries."""
    whole = json.loads(text)
    whole["mail"]["tags"] = {"delivery": [name]}
    return json.dumps(whole)


class Kept:
    """A way out that keeps what it is given."""

    name, rehearsal, stamps = "ses", False, True

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def deliver(self, message: Message) -> Outcome:
        self.messages.append(message)
        return Outcome(result=Result.ACCEPTED, message_id="m")

    def close(self) -> None:
        pass


def hear(harbour: Harbour, text: str) -> None:
    way = Kept()
    harbour.transport = lambda: way
    harbour.subscribe(ADA)
    harbour.post()
    [message] = way.messages
    assert re.fullmatch("[a-z0-9]{32}-confirm-1-1", message.tag)
    event = read_event(tagged(text, message.tag))
    assert event is not None
    harbour.store.feedback.record([event], now=harbour.now, sender="wren@example.org")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (bounce("Permanent", "NoEmail", Sent(to=ADA, source="wren@example.org")), "bounced"),
        (complaint("abuse", None, Sent(to=ADA, source="wren@example.org")), "complained"),
    ],
)
def test_a_bounce_and_a_complaint_keep_the_address_out(harbour, text, reason):
    hear(harbour, text)
    assert suppressions.reason(harbour.store, ADA) == reason
    harbour.later(days=2)
    harbour.subscribe(ADA)
    harbour.post()
    [letter] = readers.rows_about(harbour.store, ADA, "letters")
    assert letter["state"] == "accepted"
