"""Which delivery an event is about: only one that this very store has handed over."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
import sqlite3

import pytest

from newsletter.audience import eligible
from newsletter.audience.tokens import Key
from newsletter.delivery import Content, Outcome, Result
from newsletter.feedback import read
from newsletter.message import Message
from newsletter.store import Store, freezing, schema, subscribers, suppressions
from newsletter.store.consents import Evidence
from newsletter.store.event_owners import SKEW
from newsletter.store.folder import backup as backups
from newsletter.store.signing_keys import address_hash, handle_of
from tests.conftest import CASES, require
from tests.support.raw_records import raw
from tests.support.ses_events import SOURCE, STORE, Sent, bounce, complaint, event
from tests.support.store_samples import (
    LATER,
    NOW,
    a_content,
    look,
    named_store,
    new_store,
    old_store,
    url_in,
)
from tests.support.store_samples import people as crowd

UNKNOWN = Outcome(result=Result.UNKNOWN, reason="no answer")
FORWARDED = [{"emailAddress": "lee.forward@corp.example"}]


@pytest.fixture
def store(tmp_path):
    with named_store(tmp_path, crowd(4)) as opened:
        yield opened


def envelope_from(sender: str) -> bytes:
    return json.dumps({"sender": sender}).encode()


def begin(store, *, issue=74, rehearsal=False, now=NOW, sender=SOURCE):
    envelope = envelope_from(sender)
    content_hash = hashlib.sha256(envelope).hexdigest()
    content = dataclasses.replace(a_content(issue), envelope=envelope, content_hash=content_hash)
    assert isinstance(content, Content)
    return freezing.start(
        store, content, rehearsal=rehearsal, transport="ses", eligible=eligible(), now=now
    )


def hand_over(store, run, number, outcome=UNKNOWN, now=NOW):
    for _ in range(number):
        delivery = store.claim(run, now=now)
        assert delivery is not None
        store.settle(run, delivery, outcome, now=now)


def sent(position=1, **more):
    return Sent(
        **{"message_id": f"ses-{position}", "to": f"reader{position}@example.org",
           "position": position, "store": STORE} | more
    )  # fmt: skip


def hear(store, *texts, sender=SOURCE, now=LATER):
    found = [read(text) for text in texts]
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


# --- the id of a store -------------------------------------------------------------------------


def test_every_store_has_an_id_of_its_own_that_fits_into_a_tag(tmp_path):
    ids = set()
    for name in ("one", "two"):
        with new_store(tmp_path / name, []) as opened:
            ids.add(opened.feedback.store_id())
        with Store.open(url_in(tmp_path / name)) as again:
            ids.add(again.feedback.store_id())
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)


def test_a_copy_has_the_id_of_its_original(tmp_path, store):
    backups.backup(store.path, tmp_path / "copy.db")
    with Store.open(f"sqlite:///{tmp_path}/copy.db") as copy:
        assert copy.feedback.store_id() == STORE


@pytest.mark.parametrize(
    "statement",
    [
        "update identity set id = 'x'", "update identity set old_tags_until = '2999'",
        "delete from identity", f"insert into identity values ('{'7' * 32}', null)",
    ],
)  # fmt: skip
def test_the_database_refuses_another_id(tmp_path, store, statement):
    with (
        raw(tmp_path / "newsletter.db") as connection,
        pytest.raises(sqlite3.IntegrityError, match="id"),
    ):
        connection.execute(statement)
    connection.close()


# --- what settles, and what does not -----------------------------------------------------------


def test_only_what_was_handed_over_is_settled(tmp_path, store):
    """Two were claimed; the other two have never left, whatever an event says."""
    hand_over(store, begin(store), 2)
    done = hear(store, *(event("Delivery", sent(position)) for position in range(1, 5)))
    assert states(tmp_path) == ["accepted", "accepted", "queued", "queued"]
    assert (done.settled, done.unmatched) == (2, 2)


@pytest.mark.parametrize("kind", ["Send", "Bounce", "Reject", "Rendering Failure"])
@pytest.mark.parametrize(
    "other",
    [
        {"store": "6" * 32}, {"issue": 75}, {"position": 2}, {"position": 99}, {"position": 0},
        {"attempt": 0}, {"attempt": 2}, {"to": "reader2@example.org"}, {"to": "lee@corp.example"},
        {"source": "other@example.net"}, {"at": moment(NOW - SKEW - dt.timedelta(seconds=1))},
        {"at": moment(LATER + SKEW + dt.timedelta(seconds=1))},
    ],
    ids=str,
)  # fmt: skip
def test_an_event_that_does_not_agree_in_everything_settles_nothing(tmp_path, store, kind, other):
    run = begin(store)
    hand_over(store, run, 2)
    begin(store, issue=75)
    about = {"position": 1, "to": "reader1@example.org", "message_id": "x"} | other
    hear(store, event(kind, sent(**about)))
    assert states(tmp_path) == ["unknown", "unknown", "queued", "queued"]
    assert set(states(tmp_path, 75)) == {"queued"}
    assert look(tmp_path, "select 1 from events where delivery_id is not null") == []


@pytest.mark.parametrize("away", [-SKEW, SKEW])
def test_clocks_may_differ_as_much_as_aws_lets_them(tmp_path, store, away):
    hand_over(store, begin(store), 1)
    at = NOW if away < dt.timedelta() else LATER
    hear(store, event("Send", sent(at=moment(at + away))))
    assert states(tmp_path)[0] == "accepted"


def test_an_address_is_the_same_however_it_is_written(tmp_path, store):
    hand_over(store, begin(store, sender="Wren@Slackwater.Example.org"), 1)
    hear(store, event("Send", sent(to="Reader1@Example.ORG", source=f"Wren <{SOURCE.upper()}>")))
    assert states(tmp_path)[0] == "accepted"


def test_a_rehearsal_is_never_settled(tmp_path, store):
    run = begin(store, rehearsal=True)
    hand_over(store, run, 2)
    hear(store, event("Send", sent(1)), event("Bounce", sent(2)))
    assert states(tmp_path) == ["unknown", "unknown", "queued", "queued"]


def test_a_store_begun_anew_does_not_take_the_old_one_s_events_for_its_own(tmp_path, store):
    hand_over(store, begin(store), 4)
    events = [event("Delivery", sent(position)) for position in range(1, 5)]
    with new_store(tmp_path / "anew", crowd(4)) as anew:
        hand_over(anew, begin(anew), 2)
        done = hear(anew, *events, bounce("Permanent", "NoEmail", sent(1)))
        assert (done.new, done.settled, done.suppressed) == (0, 0, 0)
        assert states(tmp_path / "anew") == ["unknown", "unknown", "queued", "queued"]
        assert kept_out(tmp_path / "anew") == []
        assert look(tmp_path / "anew", "select * from events") == []
    assert hear(store, *events).settled == 4


def test_a_restored_backup_settles_nothing_it_has_not_handed_over_and_says_so(tmp_path, store):
    """All four left after the backup; the second ledger keeps them from being sent again."""
    run = begin(store)
    backups.backup(store.path, tmp_path / "copy.db")
    hand_over(store, run, 4)
    (tmp_path / "restored").mkdir()
    (tmp_path / "copy.db").rename(tmp_path / "restored" / "newsletter.db")
    with Store.open(url_in(tmp_path / "restored")) as restored:
        done = hear(restored, *(event("Send", sent(position)) for position in range(1, 5)),
                    bounce("Permanent", "NoEmail", sent(2)))  # fmt: skip
        assert (done.new, done.settled, done.unmatched) == (5, 0, 5)
        assert set(states(tmp_path / "restored")) == {"queued"}
        assert kept_out(tmp_path / "restored") == ["reader2@example.org"]


def test_an_event_quicker_than_the_answer_counts_when_that_has_come(tmp_path, store):
    run = begin(store)
    delivery = store.claim(run, now=NOW)
    assert delivery is not None
    hear(store, event("Send", sent(1)), event("Reject", sent(1)))
    assert states(tmp_path)[0] == "claimed"
    outcome = Outcome(result=Result.ACCEPTED, message_id="ses-1")
    store.settle(run, delivery, outcome, now=NOW)
    assert store.feedback.reconcile() == 1
    assert states(tmp_path)[0] == "refused"
    assert store.feedback.reconcile() == 0


# --- who is kept out ---------------------------------------------------------------------------


def forwarded(position=1, **more):
    """A mail that bounced, and that brought a complaint, at the mailbox it was forwarded to."""
    one = sent(position, **more)
    return (
        bounce("Permanent", "General", one, bouncedRecipients=FORWARDED),
        complaint("abuse", None, one, complainedRecipients=FORWARDED),
    )


@pytest.mark.parametrize("shape", ["event", "notification"])
@pytest.mark.parametrize("which", [0, 1])
def test_who_forwards_their_mail_is_kept_out_and_not_whom_they_forward_it_to(
    tmp_path, store, shape, which
):
    hand_over(store, begin(store), 1, Outcome(result=Result.ACCEPTED, message_id="ses-1"))
    text = forwarded()[which]
    if shape == "notification":
        found = json.loads(text)
        del found["mail"]["tags"]
        text = json.dumps({"notificationType": found.pop("eventType"), **found})
    assert hear(store, text).suppressed == 1
    assert kept_out(tmp_path) == ["reader1@example.org"]


def test_a_reader_who_was_erased_meanwhile_is_kept_out_by_the_hash_that_is_left(tmp_path, store):
    hand_over(store, begin(store), 1)
    subscribers.erase(store, "reader1@example.org", now=NOW)
    hear(store, forwarded()[0])
    assert look(tmp_path, "select reason from suppressions") == [("erased",)]
    subscribers.allow(store, "reader1@example.org", Evidence(source="she wrote"), now=NOW)
    hear(store, forwarded()[1])
    assert look(tmp_path, "select reason from suppressions") == [("complained",)]
    assert suppressions.reason(store, "reader1@example.org") == "complained"


def test_three_passing_bounces_of_a_forwarded_mail_are_its_reader_s(tmp_path, store):
    for issue in (74, 75, 76):
        run = begin(store, issue=issue)
        hand_over(store, run, 1, Outcome(result=Result.ACCEPTED, message_id=f"ses-{issue}"))
        one = sent(issue=issue, message_id=f"ses-{issue}")
        hear(store, bounce("Transient", "MailboxFull", one, bouncedRecipients=FORWARDED))
    assert kept_out(tmp_path) == ["reader1@example.org"]


def untagged(text, **mail):
    found = json.loads(text)
    found["mail"].pop("tags", None)
    found["mail"] |= mail
    return json.dumps(found)


TWO = ["reader1@example.org", "reader2@example.org"]


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        ({}, ["reader1@example.org"]),
        ({"tags": {"campaign": ["shop"]}}, ["reader1@example.org"]),
        ({"destination": TWO}, []),
        ({"destination": []}, []),
        ({"source": "shop@example.net", "commonHeaders": {"from": ["shop@example.net"]}}, []),
        ({"source": None, "commonHeaders": None}, []),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_a_mail_that_is_no_delivery_counts_for_the_one_it_went_to_from_our_address(
    tmp_path, store, mail, expected, which
):
    hear(store, untagged(forwarded()[which], **mail))
    assert kept_out(tmp_path) == expected


def test_nobody_is_kept_out_for_a_mail_without_a_tag_where_no_sender_is_known(tmp_path, store):
    hear(store, untagged(forwarded()[0]), sender="")
    assert kept_out(tmp_path) == []


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("store_of_mail", ["", "none"])
def test_a_test_mail_keeps_nobody_out(tmp_path, store, which, store_of_mail):
    message = Message(
        issue=74, position=0, attempt=1, sender=SOURCE, to="reader1@example.org", data=b""
    )
    tags = {"delivery": [message.tag]} if store_of_mail else sent(position=0, store="").tags
    found = json.loads(forwarded()[which])
    found["mail"]["tags"] = tags
    hear(store, json.dumps(found))
    assert kept_out(tmp_path) == []


@pytest.mark.parametrize("mail", [{}, {"destination": TWO}, {"destination": []}])
def test_a_delivery_known_by_its_message_id_is_its_own_reader_s(tmp_path, store, mail):
    """Whomever the report lists, and though the settings name another sender by now."""
    hand_over(store, begin(store), 1, Outcome(result=Result.ACCEPTED, message_id="ses-1"))
    hear(store, untagged(forwarded()[0], **mail), sender="new@example.net")
    assert kept_out(tmp_path) == ["reader1@example.org"]


def test_a_stray_event_keeps_its_reader_out_once_its_mail_is_known(tmp_path, store):
    """In whichever order they come, and though the settings name another sender by now."""
    hand_over(store, begin(store), 1)
    stray = untagged(forwarded()[0])
    assert hear(store, stray, sender="new@example.net").suppressed == 0
    hear(store, event("Send", sent(1)), sender="new@example.net")
    assert kept_out(tmp_path) == ["reader1@example.org"]


def test_the_case_of_a_forwarded_bounce(tmp_path, store):
    require(CASES.is_dir(), "the shared cases are not on this machine")
    found = json.loads((CASES / "reports/10-forwarded-bounce.json").read_text("utf-8"))
    found["mail"]["destination"] = ["reader1@example.org"]
    hear(store, json.dumps(found | {"mail": found["mail"] | {"messageId": "x"}}),
         sender=found["mail"]["source"])  # fmt: skip
    assert kept_out(tmp_path) == ["reader1@example.org"]


# --- tags of the form from before stores had ids -------------------------------------------------


@pytest.fixture
def upgraded(tmp_path):
    """A store of the version before, with an issue under way; upgraded just now."""
    began = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    old_store(tmp_path, "0004", empty=True)
    _add(tmp_path, crowd(4))
    _begin_as_before(tmp_path, f"{began:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert schema.upgrade(url_in(tmp_path)) == ("0004", schema.HEAD)
    with Store.open(url_in(tmp_path)) as opened:
        yield opened, began


def _add(folder, rows):
    """People in the tables of then, under the key of that store."""
    key = Key(1, b"a" * 32)
    then = "2026-11-22T08:00:00.000000Z"
    with raw(folder / "newsletter.db") as records:
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
    with raw(folder / "newsletter.db") as records:
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
