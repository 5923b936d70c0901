"""Tags of the form from before stores had ids."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from newsletter.delivery import Outcome, Result
from newsletter.store import Store, schema
from newsletter.store.event_owners import SKEW
from newsletter.store.revisions import HEAD
from tests.support import readers
from tests.support.beside_the_program import untold
from tests.support.owned_events import (
    begin,
    hand_over,
    hear,
    kept_out,
    moment,
    sent,
    states,
    store,
)
from tests.support.ses_events import bounce, event
from tests.support.store_samples import url_in
from tests.support.upgrades import begun_before

__all__ = ["store"]


# --- tags of the form from before stores had ids -------------------------------------------------


@pytest.fixture
def upgraded(tmp_path):
    """A store of the version before, with an issue under way; upgraded just now."""
    began = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    begun_before(tmp_path, "0004", began)
    assert schema.upgrade(url_in(tmp_path)) == ("0004", HEAD)
    with Store.open(url_in(tmp_path)) as opened:
        yield opened, began


def old(position=1, **more):
    return sent(position, **{"store": ""} | more)


def test_a_store_of_the_version_before_gets_an_id(tmp_path, upgraded):
    store, _ = upgraded
    assert re.fullmatch("[0-9a-f]{32}", store.feedback.store_id())
    [(until,)] = untold(tmp_path, "identity", "old_tags_until")
    assert until is not None


def test_what_left_before_the_upgrade_is_settled_by_the_tags_it_had(tmp_path, upgraded):
    store, began = upgraded
    now = dt.datetime.now(dt.UTC)
    texts = [event("Delivery", old(n, at=moment(began))) for n in range(1, 5)]
    hear(store, *texts, bounce("Permanent", "NoEmail", old(2, at=moment(began))), now=now)
    assert states(tmp_path) == ["accepted", "accepted", "queued", "queued"]
    assert kept_out(tmp_path) == ["reader2@example.org"]


@pytest.mark.sweep
@pytest.mark.parametrize(
    "other",
    [
        {"attempt": 2}, {"attempt": 0}, {"to": "reader2@example.org"}, {"issue": 75},
        {"source": "other@example.net"},
    ],
)  # fmt: skip
def test_an_old_tag_must_agree_in_everything_else_as_well(tmp_path, upgraded, other):
    store, began = upgraded
    now = dt.datetime.now(dt.UTC)
    hear(store, event("Send", old(1, **{"at": moment(began)} | other)), now=now)
    assert states(tmp_path) == ["unknown", "unknown", "queued", "queued"]


def test_a_mail_that_left_after_the_upgrade_has_no_old_tag(tmp_path, upgraded):
    """Another newsletter's, whose program is older."""
    store, _ = upgraded
    now = dt.datetime.now(dt.UTC) + 2 * SKEW
    hear(store, event("Send", old(1, at=moment(now))), now=now)
    assert states(tmp_path)[0] == "unknown"


def test_a_run_that_began_after_the_upgrade_has_no_old_tags(tmp_path, upgraded):
    """Not even in the minutes by which clocks may differ."""
    store, _ = upgraded
    now = dt.datetime.now(dt.UTC) + SKEW / 3
    hand_over(store, begin(store, issue=75, now=now), 1, now=now)
    hear(store, event("Send", old(1, issue=75, at=moment(now))), now=now)
    assert states(tmp_path, 75)[0] == "unknown"


def test_a_store_made_by_this_version_knows_no_old_tags(tmp_path, store):
    hand_over(store, begin(store), 1)
    hear(store, event("Send", old(1)), bounce("Permanent", "NoEmail", old(1)))
    assert states(tmp_path)[0] == "unknown"
    assert untold(tmp_path, "identity", "old_tags_until") == [(None,)]
    # From our own address to one person: that one's mailbox is gone, whichever mail it was.
    assert kept_out(tmp_path) == ["reader1@example.org"]


def test_an_old_tag_is_not_needed_where_the_message_id_is_known(tmp_path, store):
    hand_over(store, begin(store), 1, Outcome(result=Result.ACCEPTED, message_id="ses-1"))
    hear(store, event("Delivery", old(1)))
    [event_of_it] = readers.rows_about(store, "reader1@example.org", "events")
    assert event_of_it["delivery_id"] is not None
