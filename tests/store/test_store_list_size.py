"""How long the list is, and who came and went since a moment."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter.audience import Status
from newsletter.store import Store, imports, list_size, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.list_size import ListSize
from tests.support.store_samples import NOW, a_row, people, store_with, suppress

BEFORE = NOW + dt.timedelta(days=1)
SINCE = NOW + dt.timedelta(days=2)
AFTER = NOW + dt.timedelta(days=3)
ROWS = people(10)
EVIDENCE = Evidence(source="a test")


@pytest.fixture
def store(tmp_path):
    with store_with(tmp_path, ROWS) as opened:
        yield opened


def size(store: Store) -> ListSize:
    return list_size.count(store, since=SINCE)


def test_who_was_there_before_and_is_there_now_is_no_change(store):
    assert size(store) == ListSize(mailable=10)


def test_who_goes_is_counted_however_they_go_and_once(store):
    addresses = [row.canonical for row in ROWS]
    assert subscribers.remove(store, addresses[0], now=AFTER)
    assert suppress(store, addresses[1], reason="bounced", now=AFTER)
    assert subscribers.erase(store, addresses[2], now=AFTER)[0]
    assert subscribers.remove(store, addresses[3], now=AFTER)
    assert suppress(store, addresses[3], reason="complained", now=AFTER)
    assert size(store) == ListSize(mailable=6, left=4)


def test_who_went_before_is_no_news(store):
    assert subscribers.remove(store, ROWS[0].canonical, now=BEFORE)
    assert suppress(store, ROWS[1].canonical, reason="bounced", now=BEFORE)
    assert size(store) == ListSize(mailable=8)


def test_who_comes_and_comes_back_is_counted_and_who_is_pending_apart(store):
    rows = [a_row("new@example.org"), a_row("waiting@example.org", status=Status.PENDING)]
    imports.add(store, rows, source="test", now=AFTER)
    assert size(store) == ListSize(mailable=11, pending=1, joined=1)
    assert subscribers.remove(store, ROWS[0].canonical, now=BEFORE)
    subscribers.allow(store, ROWS[0].canonical, EVIDENCE, now=AFTER)
    assert size(store) == ListSize(mailable=11, pending=1, joined=2)


def test_who_came_and_went_meanwhile_has_changed_nothing(store):
    imports.add(store, [a_row("new@example.org")], source="test", now=AFTER)
    assert subscribers.remove(store, "new@example.org", now=AFTER)
    assert size(store) == ListSize(mailable=10)


def test_whoever_changes_what_they_want_has_not_joined(store):
    [person] = [one for one in subscribers.each(store) if one.email == ROWS[0].email]
    assert subscribers.prefer(
        store, person.handle, name="Ada", wanted=frozenset({"art"}), offered=frozenset({"art"}),
        evidence=EVIDENCE, now=AFTER,
    )  # fmt: skip
    assert size(store) == ListSize(mailable=10)
