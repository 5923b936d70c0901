"""Which delivery an event is about: only one that this very store has handed over."""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3

import pytest

from newsletter.delivery import Outcome, Result
from newsletter.message import Message
from newsletter.store import Store, subscribers, suppressions
from newsletter.store.consents import Evidence
from newsletter.store.event_owners import SKEW
from newsletter.store.folder import backup as backups
from tests.conftest import CASES, require
from tests.support import claiming
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
from tests.support.ses_events import SOURCE, STORE, bounce, complaint, event
from tests.support.store_samples import (
    LATER,
    NOW,
    new_store,
    url_in,
)
from tests.support.store_samples import people as crowd

__all__ = ["store"]


FORWARDED = [{"emailAddress": "lee.forward@corp.example"}]


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
    backups.backup(store, tmp_path / "copy.db")
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
    connection = sqlite3.connect(tmp_path / "newsletter.db")
    with pytest.raises(sqlite3.IntegrityError, match="id"):
        connection.execute(statement)
    connection.close()


# --- what settles, and what does not -----------------------------------------------------------


def test_only_what_was_handed_over_is_settled(tmp_path, store):
    """Two were claimed; the other two have never left, whatever an event says."""
    hand_over(store, begin(store), 2)
    done = hear(store, *(event("Delivery", sent(position)) for position in range(1, 5)))
    assert states(tmp_path) == ["accepted", "accepted", "queued", "queued"]
    assert (done.settled, done.unmatched) == (2, 2)


@pytest.mark.sweep
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
    assert {owner for (owner,) in untold(tmp_path, "events", "delivery_id")} <= {None}


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
        assert untold(tmp_path / "anew", "events", "id") == []
    assert hear(store, *events).settled == 4


def test_a_restored_backup_settles_nothing_it_has_not_handed_over_and_says_so(tmp_path, store):
    """All four left after the backup; the second ledger keeps them from being sent again."""
    run = begin(store)
    backups.backup(store, tmp_path / "copy.db")
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
    delivery = claiming.claim(store, run, now=NOW)
    assert delivery is not None
    hear(store, event("Send", sent(1)), event("Reject", sent(1)))
    assert states(tmp_path)[0] == "claimed"
    outcome = Outcome(result=Result.ACCEPTED, message_id="ses-1")
    claiming.settle(store, run, delivery, outcome, now=NOW)
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
    assert untold(tmp_path, "suppressions", "reason") == [("erased",)]
    subscribers.allow(store, "reader1@example.org", Evidence(source="she wrote"), now=NOW)
    hear(store, forwarded()[1])
    assert untold(tmp_path, "suppressions", "reason") == [("complained",)]
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
        issue=74, position=0, attempt=1, sender=SOURCE, to="reader1@example.org", pieces=(b"",)
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
