"""The example newsletter in bulk, and a send held against what came to the server."""

from __future__ import annotations

import threading

import pytest

from newsletter.delivery.pace import Pace
from newsletter.sending.drain import Throttle
from tests.support.proven import prove_bulk

#: Nothing listens there: a send goes on without what came back.
QUEUE = "http://127.0.0.1:9/queue/events"
#: By which what SES reports can be fetched.
HEARD = {"SES__CONFIGURATION_SET": "letters", "SES__EVENTS_QUEUE": QUEUE}
BATCH = 5


@pytest.fixture
def paces():
    """The pace of each run, in order."""
    return []


@pytest.fixture
def letters(world, monkeypatch, paces):
    """The example newsletter in bulk, five mails a request, in a world without waiting times."""
    now = [0.0]

    def leap(_event: threading.Event, seconds: float) -> None:
        now[0] += seconds

    def throttle(*_: object) -> Throttle:
        paces.append(Pace(100.0, now=now[0]))
        return Throttle(pace=paces[-1], batch=BATCH, clock=lambda: now[0], sleep=leap)

    monkeypatch.setattr("newsletter.sending.part._throttle", throttle)
    world.configure(KIND="ses", SES__MODE="bulk", **HEARD)
    prove_bulk(world.newsletter.root)
    return world


def sent(letters, fake, *words, code=0):
    """Send, and hold the records against what came to the server."""
    letters.environ(fake.environ)
    ran = letters.newsletter.send(*words)
    assert ran.code == code, ran.err
    state = fake.quiet()
    assert set(state.received_tags.values()) <= {1}, "an attempt was submitted twice"
    assert state.received_tags.keys() <= letters.attempts()
    assert state.accepted_tags.keys() <= letters.admitted()
    assert not state.duplicates
    assert "claimed" not in letters.newsletter.states()
    return state, letters.newsletter.states()
