"""People whom a list brings as gone: they never were here, and are told by what keeps them out."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter.audience import Status, eligible
from newsletter.store import imports, list_size, subscribers
from newsletter.store.list_size import ListSize
from tests.support.store_samples import NOW, a_row, people, store_with, suppress

SINCE = NOW + dt.timedelta(days=2)
LATER = NOW + dt.timedelta(days=3)


@pytest.fixture
def store(tmp_path):
    with store_with(tmp_path, people(3)) as opened:
        yield opened


def brought(email, **more):
    """A row of another service, whose owner joined there long ago."""
    row = a_row(email, status=Status.UNSUBSCRIBED, **more)
    return row._replace(joined=NOW - dt.timedelta(days=900))


def bring(store):
    rows = [
        brought("left@example.org"),
        brought("bounced@example.org", suppression="bounced"),
        brought("blocked@example.org", suppression="blocked"),
    ]
    imports.add(store, rows, source="test", now=LATER)


def test_whom_a_list_brings_as_gone_has_not_left_this_list(store):
    bring(store)
    assert list_size.count(store, since=SINCE) == ListSize(mailable=3)
    assert subscribers.remove(store, people(1)[0].canonical, now=LATER)
    assert list_size.count(store, since=SINCE) == ListSize(mailable=2, left=1)


def test_left_out_is_who_left_and_who_bounced_each_by_that(store):
    bring(store)
    assert suppress(store, people(3)[1].canonical, reason="unsubscribed", now=LATER)
    assert subscribers.remove(store, people(3)[2].canonical, now=LATER)
    assert suppress(store, people(3)[2].canonical, reason="complained", now=LATER)
    found = subscribers.audience(store, eligible())
    kept_out = {why: number for why, number in found.left_out.items() if number}
    assert (found.eligible, kept_out) == (1, {"unsubscribed": 2, "suppressed": 3})
