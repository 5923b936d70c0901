"""Who opened a mail or followed a link is on no record: such a report proves that the mail was taken."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3

import pytest

from newsletter.audience import eligible
from newsletter.delivery import Outcome, Result, State
from newsletter.feedback import EventKind
from newsletter.ses.event_format import read_event
from newsletter.store import Store, freezing, runs, schema, tables
from tests.support import claiming
from tests.support.ses_events import SENT_AT, SOURCE, STORE, Sent, event
from tests.support.store_samples import (
    NOW,
    REVISIONS,
    a_content,
    look,
    named_store,
    old_store,
    people,
    url_in,
)

#: What could tell one visitor from another, and where it may stand: see `web.record_visitors`.
TELLING = {"ip", "agent", "user_agent", "cookie", "referrer", "referer", "host"}
# Where somebody asked to be on the list, or agreed: the proof of it.
MAY = {(table, column) for table in ("consents", "signups") for column in ("ip", "agent")}
WITH_EVENTS = [revision for revision in REVISIONS if "0003" <= revision < "0011"]


@pytest.mark.parametrize("kind", ["Open", "Click"])
def test_an_open_settles_what_is_unknown_and_says_nothing_else(tmp_path, kind):
    with named_store(tmp_path, people(1)) as store:
        run = freezing.start(
            store, a_content(), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
        )
        delivery = claiming.claim(store, run, now=NOW)
        assert delivery is not None
        unknown = Outcome(result=Result.UNKNOWN, reason="read timeout")
        claiming.settle(store, run, delivery, unknown, now=NOW)
        sent = Sent(to="reader1@example.org", store=STORE)
        later = "2026-11-22T08:40:00.000Z"
        texts = [event(kind, sent, timestamp=later), event(kind, sent), event("Send", sent)]
        found = [one for one in map(read_event, texts) if one]
        recorded = store.feedback.record(found, now=NOW + dt.timedelta(hours=1), sender=SOURCE)
        assert (recorded.new, recorded.settled) == (1, 1)
        assert runs.counts(store, run)[State.ACCEPTED] == 1
    moment = SENT_AT.replace("00Z", "00000Z")
    assert look(tmp_path, "SELECT kind, detail, at FROM events") == [("send", "", moment)]


@pytest.mark.sweep
@pytest.mark.parametrize("revision", WITH_EVENTS)
def test_an_upgrade_forgets_who_opened_and_keeps_what_it_proves(tmp_path, revision):
    old_store(tmp_path, revision)
    with contextlib.closing(sqlite3.connect(tmp_path / "newsletter.db")) as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(events)")]
        for number, kind in enumerate(("open", "click", "delivery")):
            row = {
                "key": f"{number:064x}", "kind": kind, "detail": "", "message_id": "looked-at",
                "at": "2026-11-22T09:00:00.000000Z", "sent_at": "2026-11-22T08:00:00.000000Z",
                "received_at": "2026-11-22T10:00:00.000000Z",
            }  # fmt: skip
            assert set(row) <= set(names)
            database.execute(
                f"INSERT INTO events ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )
        database.commit()
    schema.upgrade(url_in(tmp_path))
    with Store.open(url_in(tmp_path), read_only=True):
        pass
    told = look(
        tmp_path, "SELECT kind, substr(at, 12, 2) FROM events WHERE message_id = 'looked-at'"
    )
    assert sorted(told) == [("delivery", "09"), ("send", "08"), ("send", "08")]


def test_no_table_can_say_who_opened_or_clicked():
    columns = {(t.name, c.name) for t in tables.metadata.sorted_tables for c in t.columns}
    assert {place for place in columns if place[1] in TELLING} == MAY
    assert {kind.value for kind in EventKind} & {"open", "click"} == set()
