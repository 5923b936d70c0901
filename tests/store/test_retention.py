"""Who has left is forgotten after a while, and stays out all the same."""

from __future__ import annotations

import datetime as dt

from newsletter.audience import Status, read_address
from newsletter.store import (
    confirmations,
    imports,
    letters,
    retention,
    signups,
    subscribers,
    suppressions,
)
from newsletter.store.confirmations import LinkState
from newsletter.store.consents import Evidence
from newsletter.store.letters import Budget
from newsletter.store.signups import Request
from tests.support.arriving import Harbour, harbour
from tests.support.store_samples import NOW, a_row, look, people, store_with

__all__ = ["harbour"]

YEAR = dt.timedelta(days=365)
ADA = "ada@example.org"


def test_only_who_left_long_ago_is_forgotten_and_no_list_brings_them_back(tmp_path):
    with store_with(tmp_path, [a_row(), *people(3)]) as store:
        subscribers.remove(store, ADA, now=NOW)
        subscribers.remove(store, "reader1@example.org", now=NOW + YEAR)
        later = NOW + YEAR + dt.timedelta(days=1)
        assert retention.forget_left(store, before=later - YEAR, now=later) == 1
        left = look(tmp_path, "select email, status from subscribers order by email")
        assert left == [
            ("reader1@example.org", "unsubscribed"),
            ("reader2@example.org", "active"),
            ("reader3@example.org", "active"),
        ]
        assert suppressions.reason(store, ADA) == "unsubscribed"
        assert imports.add(store, [a_row()], source="list", now=later).kept_out == 1


def test_they_come_back_by_the_form(tmp_path):
    with store_with(tmp_path, [a_row()]) as store:
        subscribers.remove(store, ADA, now=NOW)
        retention.forget_left(store, before=NOW + YEAR, now=NOW + YEAR)
        request = Request(address=read_address(ADA), evidence=Evidence(source="form"))
        signups.ask(store, request, now=NOW + YEAR)
        letter = letters.claim(store, Budget(9, 9), now=NOW + YEAR)
        assert letter is not None
        found = confirmations.confirm(
            store, letter.token, Evidence(source="page"), welcome=False, valid=YEAR, now=NOW + YEAR
        )
        assert found is LinkState.CONFIRMED
        person = subscribers.find(store, ADA)
        assert person is not None
        assert person.status is Status.ACTIVE


def test_serving_forgets_as_the_settings_say(harbour: Harbour):
    harbour.join(ADA)
    subscribers.remove(harbour.store, ADA, now=harbour.now)
    harbour.later(days=400)
    harbour.post()
    assert look(harbour.root, "select count(*) from subscribers") == [(1,)]
    harbour.config += "[retention]\nleft = 365\n"
    harbour.post()
    assert look(harbour.root, "select count(*) from subscribers") == [(0,)]
