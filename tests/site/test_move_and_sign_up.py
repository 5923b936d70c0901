"""A subscriber gives as their new address one at which somebody else has just signed up."""

from __future__ import annotations

import pytest

from newsletter.audience.tokens import make_token
from newsletter.store import signing_keys
from tests.support import readers
from tests.support.arriving import harbour, link
from tests.support.beside_the_program import untold

__all__ = ["harbour"]

BEN = "ben@example.org"


@pytest.fixture
def ada(harbour):
    """The preference page of somebody who has been on the list for a while."""
    harbour.join("ada@example.org")
    handle = readers.people(harbour.store)[0].handle
    key = signing_keys.newest(harbour.store)
    return f"/p/{make_token(handle, key, 'preferences')}"


def people(harbour) -> dict[str, str]:
    return readers.statuses(harbour.store)


@pytest.mark.parametrize("days", [0, 2])
def test_their_move_does_not_ride_on_a_strangers_sign_up(harbour, ada, days):
    harbour.subscribe(BEN)
    [asked] = harbour.post()
    harbour.later(days=days)
    harbour.client().post(ada, data={"move": "yes", "email": BEN})
    again = harbour.post()
    assert {mail["subject"] for mail in again} <= {asked["subject"]}
    for mail in (asked, *again):
        harbour.client().post(link(mail), data={"answer": "yes"})
    assert people(harbour) == {"ada@example.org": "active", BEN: "active"}
    assert untold(harbour.root, "moves", "new_handle") == []
    # Nor do they learn that somebody has confirmed.
    assert harbour.post() == []


def test_a_sign_up_takes_the_place_of_a_move_that_waits(harbour, ada):
    harbour.client().post(ada, data={"move": "yes", "email": BEN})
    [moving] = harbour.post()
    harbour.later(days=2)
    harbour.subscribe(BEN)
    [asked] = harbour.post()
    assert asked["subject"] != moving["subject"]
    harbour.client().post(link(asked), data={"answer": "yes"})
    assert people(harbour) == {"ada@example.org": "active", BEN: "active"}
