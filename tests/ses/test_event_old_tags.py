"""Tags of the form from before stores had ids."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import sqlite3

import pytest

from newsletter.audience.tokens import Key
from newsletter.delivery import Outcome, Result
from newsletter.store import Store, schema
from newsletter.store.event_owners import SKEW
from newsletter.store.revisions import HEAD
from newsletter.store.signing_keys import address_hash, handle_of
from tests.support.owned_events import (
    begin,
    envelope_from,
    hand_over,
    hear,
    kept_out,
    moment,
    sent,
    states,
    store,
)
from tests.support.ses_events import SOURCE, bounce, event
from tests.support.store_samples import (
    look,
    old_store,
    url_in,
)
from tests.support.store_samples import people as crowd

__all__ = ["store"]


# --- tags of the form from before stores had ids -------------------------------------------------


@pytest.fixture
def upgraded(tmp_path):
    """A store of the version before, with an issue under way; upgraded just now."""
    began = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    old_store(tmp_path, "0004", empty=True)
    _add(tmp_path, crowd(4))
    _begin_as_before(tmp_path, f"{began:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert schema.upgrade(url_in(tmp_path)) == ("0004", HEAD)
    with Store.open(url_in(tmp_path)) as opened:
        yield opened, began


def _add(folder, rows):
    """People in the tables of then, under the key of that store."""
    key = Key(1, b"a" * 32)
    then = "2026-11-22T08:00:00.000000Z"
    with contextlib.closing(sqlite3.connect(folder / "newsletter.db")) as records, records:
        records.executemany(
            "insert into subscribers values (null, ?, ?, ?, ?, 'active', '{}', ?, ?)",
            [
                (handle_of(row.canonical, key), row.email, address_hash(row.canonical, key),
                 row.name, then, then)
                for row in rows
            ],
        )  # fmt: skip


def _begin_as_before(folder, began):
    """An issue to four readers, two of whom it was handed over to, in the tables of then."""
    envelope = envelope_from(SOURCE)
    run = (74, 0, "ses", "A title", envelope, hashlib.sha256(envelope).hexdigest(), "5" * 64, "",
           "running", 4, began, None, "", "")  # fmt: skip
    with contextlib.closing(sqlite3.connect(folder / "newsletter.db")) as records, records:
        records.execute(f"insert into runs values (1, {', '.join('?' * len(run))})", run)
        people = records.execute("select id, address_hash from subscribers order by id").fetchall()
        for place, (reader, hashed) in enumerate(people, 1):
            tried = place <= 2
            records.execute(
                "insert into deliveries values (NULL, 1, 74, 0, ?, ?, ?, ?, ?, '', ?, ?, ?, 0)",
                (reader, hashed, place, "unknown" if tried else "queued", int(tried),
                 "no answer" if tried else "", began if tried else None, began if tried else None),
            )  # fmt: skip


def old(position=1, **more):
    return sent(position, **{"store": ""} | more)


def test_a_store_of_the_version_before_gets_an_id(tmp_path, upgraded):
    store, _ = upgraded
    assert re.fullmatch("[0-9a-f]{32}", store.feedback.store_id())
    assert look(tmp_path, "select count(*) from identity where old_tags_until is not null") == [
        (1,)
    ]


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
    assert look(tmp_path, "select old_tags_until from identity") == [(None,)]
    # From our own address to one person: that one's mailbox is gone, whichever mail it was.
    assert kept_out(tmp_path) == ["reader1@example.org"]


def test_an_old_tag_is_not_needed_where_the_message_id_is_known(tmp_path, store):
    hand_over(store, begin(store), 1, Outcome(result=Result.ACCEPTED, message_id="ses-1"))
    hear(store, event("Delivery", old(1)))
    assert look(tmp_path, "select count(*) from events where delivery_id is not null") == [(1,)]
