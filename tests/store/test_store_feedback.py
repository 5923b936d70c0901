"""Events on record: once each, in any order, with all that follows and nothing else."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import os
import random

import pytest
import sqlalchemy as sa

from newsletter.audience import eligible
from newsletter.cli.show import Console
from newsletter.delivery import Outcome, Result, State
from newsletter.events.reputation import ReputationWatch
from newsletter.project import Project
from newsletter.ses.event_format import read_event
from newsletter.settings import load
from newsletter.store import Store, deliveries, events, freezing, runs, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.signing_keys import address_hash, address_key
from tests.support import claiming
from tests.support.effort import either
from tests.support.ses_events import SOURCE, STORE, Sent, bounce, complaint, event, everything
from tests.support.store_samples import (
    LATER,
    NOW,
    REFUSED,
    a_content,
    by_hand,
    look,
    named_store,
)
from tests.support.store_samples import people as crowd

pytestmark = pytest.mark.usefixtures("dialect")

ACCEPTED = "accepted"
#: How many orders are tried; TESTS_ORDERS=10000 takes some minutes.
ORDERS = int(os.environ.get("TESTS_ORDERS", "0")) or either(60, 400)


def address(number):
    return f"reader{number}@example.org"


def sent(position, *, issue=74, attempt=1):
    return Sent(
        message_id=f"ses-{issue}-{position}-{attempt}",
        to=address(position),
        issue=issue,
        position=position,
        attempt=attempt,
        store=STORE,
    )


def run_with(store, states, issue=74):
    """A run whose recipients are in these states, in their order."""
    run = freezing.start(
        store, a_content(issue), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
    )
    for position in range(1, run_size(store, run) + 1):
        delivery = claiming.claim(store, run, now=NOW)
        assert delivery is not None
        result = states.get(position, Result.ACCEPTED)
        if result is None:
            continue  # stays claimed
        message = sent(position, issue=issue).message_id if result is Result.ACCEPTED else ""
        claiming.settle(
            store,
            run,
            delivery,
            Outcome(result=result, message_id=message, reason="" if message else "why"),
            now=NOW,
        )
    return run


def run_size(store, run):
    return runs.counts(store, run).total


def record(store, *texts):
    found = [read_event(text) for text in texts]
    assert None not in found
    return store.feedback.record([one for one in found if one], now=LATER, sender=SOURCE)


def states(folder, issue=74):
    return [
        row[0]
        for row in look(
            folder, "select state from deliveries where issue = ? order by position", issue
        )
    ]


@pytest.fixture
def store(tmp_path):
    with named_store(tmp_path, crowd(6)) as opened:
        yield opened


def test_any_event_with_our_tag_settles_what_is_unknown(tmp_path, store):
    kinds = ["Send", "Delivery", "Bounce", "Complaint", "DeliveryDelay", "Open"]
    run = run_with(store, dict.fromkeys(range(1, 7), Result.UNKNOWN))
    done = record(store, *(event(kind, sent(n)) for n, kind in enumerate(kinds, 1)))
    assert (done.new, done.settled) == (6, 6)
    assert states(tmp_path) == [ACCEPTED] * 6
    assert look(tmp_path, "select message_id from deliveries where position = 2") == [
        ("ses-74-2-1",)
    ]
    assert runs.reasons(store, run) == {(State.ACCEPTED, "an event shows it"): 6}
    again = record(store, *(event(kind, sent(n)) for n, kind in enumerate(kinds, 1)))
    assert (again.new, again.known, again.settled, again.suppressed) == (0, 6, 0, 0)


@pytest.mark.parametrize("kind", ["Reject", "Rendering Failure"])
@pytest.mark.parametrize("before", [Result.UNKNOWN, Result.ACCEPTED])
def test_what_ses_dropped_is_refused_and_may_be_tried_again(tmp_path, store, kind, before):
    run = run_with(store, {1: before})
    record(store, event("Send", sent(1)), event(kind, sent(1)))
    assert states(tmp_path)[0] == "refused"
    assert deliveries.retry(store, run, now=LATER) == 1


@pytest.mark.sweep
@pytest.mark.parametrize(
    "other",
    [
        {"position": 2}, {"issue": 75}, {"position": 99}, {"position": 0},
        {"to": "reader2@example.org"}, {"to": "stranger@example.net"},
    ],
)  # fmt: skip
def test_an_event_that_does_not_agree_in_tag_and_address_settles_nothing(tmp_path, store, other):
    run_with(store, {1: Result.UNKNOWN})
    about = {
        "position": 1,
        "issue": 74,
        "to": address(1),
        "message_id": "another",
        "store": STORE,
    } | other
    record(store, event("Delivery", Sent(**about)))
    assert states(tmp_path) == ["unknown", *[ACCEPTED] * 5]


def test_an_event_without_tags_finds_its_mail_by_the_message_id(tmp_path, store):
    run_with(store, {1: Result.UNKNOWN})
    record(
        store,
        event("Delivery", sent(2), shape="notification"),
        event("Delivery", sent(1), shape="notification"),
    )
    assert states(tmp_path) == ["unknown", *[ACCEPTED] * 5]
    assert look(tmp_path, "select delivery_id from events order by id") == [(2,), (None,)]
    record(store, event("Send", sent(1)))  # tells the message id of the first
    assert look(tmp_path, "select delivery_id from events where kind = 'delivery'") == [(2,), (1,)]


def test_an_event_that_is_quicker_than_the_answer_waits_for_the_crash(tmp_path, store):
    run = run_with(store, {1: None, 2: None})
    assert record(store, event("Send", sent(1))).settled == 0
    assert states(tmp_path)[:2] == ["claimed", "claimed"]
    assert deliveries.recover(store, run, now=LATER) == 1
    assert states(tmp_path)[:2] == [ACCEPTED, "unknown"]


def test_an_event_keeps_what_is_queued_again_from_being_sent_twice(tmp_path, store):
    run = run_with(store, {1: Result.UNKNOWN, 2: Result.UNKNOWN})
    assert deliveries.risk(store, run, now=LATER) == 2
    record(store, bounce("Transient", "General", sent(1)))
    assert states(tmp_path)[:2] == [ACCEPTED, "queued"]
    runs.resume(store, run, by_hand=True)
    delivery = claiming.claim(store, run, now=LATER)
    assert delivery is not None
    assert delivery.position == 2
    assert claiming.claim(store, run, now=LATER) is None


def test_what_was_taken_as_sent_may_be_shown_to_be_so(tmp_path, store):
    run = run_with(store, {1: Result.UNKNOWN, 2: Result.UNKNOWN})
    deliveries.assume(store, run, now=LATER)
    record(store, event("Send", sent(1)))
    assert states(tmp_path)[:2] == [ACCEPTED, "assumed"]


def test_rehearsals_hear_nothing(tmp_path, store):
    run = freezing.start(
        store, a_content(), rehearsal=True, transport="folder", eligible=eligible(), now=NOW
    )
    delivery = claiming.claim(store, run, now=NOW)
    assert delivery is not None
    claiming.settle(store, run, delivery, Outcome(result=Result.UNKNOWN, reason="why"), now=NOW)
    record(store, event("Send", sent(1)), event("Delivery", sent(1)))
    assert states(tmp_path)[0] == "unknown"
    assert look(tmp_path, "select delivery_id from events") == [(None,), (None,)]


# --- suppression -------------------------------------------------------------------------------


def suppressions(folder):
    return dict(
        look(
            folder,
            "select email, reason from suppressions join subscribers using (address_hash)",
        )
    )


def test_bounces_and_complaints_keep_an_address_out_for_good(tmp_path, store):
    run_with(store, {})
    record(store, bounce("Permanent", "NoEmail", sent(1)), complaint("abuse", None, sent(2)),
           bounce("Permanent", "OnAccountSuppressionList", sent(3)), complaint("not-spam", None, sent(4)),
           bounce("Transient", "MailboxFull", sent(5)), bounce("Undetermined", "Undetermined", sent(6)))  # fmt: skip
    assert suppressions(tmp_path) == {address(1): "bounced", address(2): "complained"}
    assert subscribers.audience(store, eligible()).eligible == 4


def test_a_person_who_left_on_ses_s_page_has_left(tmp_path, store):
    run_with(store, {})
    record(store, event("Subscription", sent(1)))
    assert look(tmp_path, "select status from subscribers where id = 1") == [("unsubscribed",)]
    assert look(tmp_path, "select source from consents where event = 'unsubscribed'") == [
        ("a page of Amazon SES",)
    ]


def issues(store, number):
    for issue in range(74, 74 + number):
        run_with(store, {}, issue)


@pytest.mark.sweep
@pytest.mark.parametrize("order", list(itertools.permutations([74, 75, 76])))
def test_three_issues_in_a_row_that_bounce_in_passing_are_enough(tmp_path, store, order):
    issues(store, 3)
    for issue in order:
        assert suppressions(tmp_path) == {}
        record(store, bounce("Transient", "MailboxFull", sent(1, issue=issue)))
    assert suppressions(tmp_path) == {address(1): "soft bounces"}


@pytest.mark.sweep
@pytest.mark.parametrize("arrived", [74, 75, 76])
@pytest.mark.parametrize("late", [True, False])
def test_an_answering_machine_does_not_count(tmp_path, store, arrived, late):
    issues(store, 3)
    bounces = [bounce("Transient", "General", sent(1, issue=issue)) for issue in (74, 75, 76)]
    delivered = event("Delivery", sent(1, issue=arrived))
    record(store, *([*bounces, delivered] if late else [delivered, *bounces]))
    assert suppressions(tmp_path) == {}


def test_two_passing_bounces_of_one_issue_are_one(tmp_path, store):
    issues(store, 3)
    for issue in (74, 75):
        for subtype in ("General", "MailboxFull"):
            record(store, bounce("Transient", subtype, sent(1, issue=issue)))
    assert suppressions(tmp_path) == {}


def test_whoever_is_let_in_again_starts_anew(tmp_path, store):
    issues(store, 3)
    record(store, *(bounce("Transient", "General", sent(1, issue=issue)) for issue in (74, 75, 76)))
    evidence = Evidence(source="she called")
    assert subscribers.allow(store, address(1), evidence, now=LATER) == ("soft bounces", False)
    record(store, bounce("Transient", "MailboxFull", sent(1, issue=76)))
    assert suppressions(tmp_path) == {}


# --- any order -----------------------------------------------------------------------------------


def _reports():
    """Everything SES may say about four people and four issues, some of it contradictory."""
    all_kinds = [text for name, text in everything(sent(1)) if not name.endswith("Subscription")]
    passing = [
        bounce("Transient", "MailboxFull", sent(2, issue=issue)) for issue in (74, 75, 76, 77)
    ]
    machine = [bounce("Transient", "General", sent(3, issue=issue)) for issue in (75, 76, 77)]
    rest = [
        event("Delivery", sent(3, issue=76)), event("Delivery", sent(2, issue=74), shape="notification"),
        event("Send", sent(4)), event("Reject", sent(4)), event("Delivery", sent(4, issue=75), shape="notification"),
        event("Send", sent(4, issue=75)), bounce("Permanent", "General", sent(4, issue=76)),
        complaint("abuse", None, sent(4, issue=77), timestamp="2026-11-23T08:00:00.000Z"),
        bounce("Permanent", "NoEmail", sent(4, issue=77)), event("Subscription", sent(5)),
        event("Rendering Failure", sent(5, issue=75)),
    ]  # fmt: skip
    found = [read_event(text) for text in [*all_kinds, *passing, *machine, *rest]]
    return [one for one in found if one is not None]


REPORTS = _reports()
FINAL = (
    "select issue, position, state, message_id, reason, settled_at, risked from deliveries order by id",
    "select address_hash, reason, created_at from suppressions order by 1",
    "select id, status from subscribers order by id",
    "select address_hash, event, source from consents order by 1, 2",
    "select e.key, e.kind, d.issue, d.position, e.address_hash from events e left join deliveries d on d.id = e.delivery_id order by 1",
)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """Four issues with unknown ones among them, to be rolled back to after each order."""
    folder = tmp_path_factory.mktemp("orders")
    with named_store(folder, crowd(5)) as opened:
        for issue in (74, 75, 76, 77):
            unknown = {1: Result.UNKNOWN, 4: Result.UNKNOWN, 5: Result.UNKNOWN}
            run_with(opened, unknown, issue)
        yield opened


def final(store: Store, batches):
    """What the records say after some batches; nothing of it stays."""

    class Undo(Exception):  # noqa: N818
        pass

    found = []
    try:
        with store.writing() as connection:
            key = address_key(connection)
            for number, batch in enumerate(batches):
                now = LATER + dt.timedelta(seconds=number)
                hashed = functools.partial(address_hash, key=key)
                events.record(connection, batch, hashed, now, sender=SOURCE, senders={})
            found = [connection.execute(sa.text(question)).all() for question in FINAL]
            raise Undo  # noqa: TRY301  # it rolls back
    except Undo:
        return found


@pytest.mark.trials
def test_every_order_with_duplicates_in_any_batches_ends_the_same(busy):
    expected = final(busy, [REPORTS])
    kept = {tuple(row) for row in expected[1]}
    assert len(kept) == 3
    chance, tried = random.Random(74), set()
    for _ in range(ORDERS):
        mixed = [*REPORTS, *chance.choices(REPORTS, k=12)]
        chance.shuffle(mixed)
        tried.add(tuple(one.key for one in mixed))
        size = 10 * chance.randint(1, 6)
        batches = [mixed[at : at + size] for at in range(0, len(mixed), size)]
        assert final(busy, batches) == expected, (size, [one.key for one in mixed])
    assert len(tried) == ORDERS


def test_the_database_refuses_a_second_row_for_one_report(tmp_path, store):
    record(store, event("Send", sent(1)))
    columns = "key, kind, detail, at, sent_at, received_at, message_id, delivery_id, attempt, address_hash, issue"
    with by_hand(tmp_path) as execute, pytest.raises(REFUSED, match=r"(?i)unique"):
        execute(f"insert into events ({columns}) select {columns} from events")


def test_whoever_takes_over_a_run_judges_what_came_back_of_all_of_it(tmp_path):
    """Else a mass of bounces would be forgiven whenever the worker died that led the issue."""
    project = Project(tmp_path, load(None, environ={}, dotenv=""))

    def stop():
        watch = ReputationWatch(project, store, run, environ={}, reporter=Console())
        return watch._found()

    with named_store(tmp_path, crowd(200)) as store:
        run = freezing.start(
            store, a_content(), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
        )
        taken = store.settle_and_claim(run, (), 200, now=NOW)
        ids = [sent(one.position).message_id for one in taken]
        answers = [Outcome(result=Result.ACCEPTED, message_id=one) for one in ids]
        store.settle_and_claim(run, list(zip(taken, answers, strict=True)), 0, now=NOW)
        assert stop() is None
        record(store, *(bounce("Permanent", "NoEmail", sent(n)) for n in range(1, 9)))
        assert "4 % of 200 mails bounced" in stop().reason
        runs.resume(store, run, by_hand=False)
        assert "4 % of 200 mails bounced" in stop().reason
        record(store, event("Rendering Failure", sent(9)))
        assert "could not render it" in stop().reason
        runs.resume(store, run, by_hand=True)
        assert stop() is None, "a person knew of it"
