"""Deliveries handed over, and what is heard of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json

import pytest

from newsletter.audience import eligible
from newsletter.delivery import Content, Outcome, Result
from newsletter.message import freeze
from newsletter.ses.event_format import read_event
from newsletter.store import freezing
from tests.support import claiming
from tests.support.letter_samples import SENDER, a_letter
from tests.support.ses_events import SOURCE, STORE, Sent
from tests.support.store_samples import (
    LATER,
    NOW,
    a_content,
    look,
    named_store,
)
from tests.support.store_samples import people as crowd

UNKNOWN = Outcome(result=Result.UNKNOWN, reason="no answer")


@pytest.fixture
def store(tmp_path):
    with named_store(tmp_path, crowd(4)) as opened:
        yield opened


def envelope_from(sender: str) -> bytes:
    """What the first version froze, as far as it tells whom mails are from."""
    return json.dumps({"sender": sender}).encode()


def begin(store, *, issue=74, rehearsal=False, now=NOW, sender=SOURCE):
    frozen = freeze(a_letter(), dataclasses.replace(SENDER, address=sender)).dump()
    content_hash = hashlib.sha256(frozen).hexdigest()
    content = dataclasses.replace(a_content(issue), frozen=frozen, content_hash=content_hash)
    assert isinstance(content, Content)
    return freezing.start(
        store, content, rehearsal=rehearsal, transport="ses", eligible=eligible(), now=now
    )


def hand_over(store, run, number, outcome=UNKNOWN, now=NOW):
    for _ in range(number):
        delivery = claiming.claim(store, run, now=now)
        assert delivery is not None
        claiming.settle(store, run, delivery, outcome, now=now)


def sent(position=1, **more):
    return Sent(
        **{"message_id": f"ses-{position}", "to": f"reader{position}@example.org",
           "position": position, "store": STORE} | more
    )  # fmt: skip


def hear(store, *texts, sender=SOURCE, now=LATER):
    found = [read_event(text) for text in texts]
    return store.feedback.record([one for one in found if one], now=now, sender=sender)


def states(folder, issue=74):
    question = "select state from deliveries where issue = ? order by position"
    return [state for (state,) in look(folder, question, issue)]


def kept_out(folder):
    """Addresses of readers, and how many hashes of others."""
    rows = look(
        folder,
        "select email from suppressions left join subscribers using (address_hash) order by 1",
    )
    return [email for (email,) in rows]


def moment(when: dt.datetime) -> str:
    return when.isoformat()
