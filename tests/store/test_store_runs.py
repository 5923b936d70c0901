from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from newsletter.audience import HasTag, Status, eligible
from newsletter.delivery import Outcome, Result, RunState, State
from newsletter.errors import NewsletterError, RefusedError
from newsletter.store import Store, deliveries, freezing, imports, runs, shares
from newsletter.store.consents import Evidence
from tests.support import claiming
from tests.support.effort import either
from tests.support.store_samples import (
    LATER,
    NOW,
    a_content,
    a_row,
    drop_guard,
    look,
    people,
    store_with,
    suppress,
    url_in,
)

pytestmark = pytest.mark.usefixtures("dialect")

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="0100-abc")
REFUSED = Outcome(result=Result.REFUSED, reason="MessageRejected")
UNKNOWN = Outcome(result=Result.UNKNOWN, reason="read timeout")
DEFERRED = Outcome(result=Result.DEFERRED, reason="throttled")
NOT_SENT = Outcome(result=Result.NOT_SENT, reason="AccessDenied")


def start(store, issue=74, *, rehearsal=False, rule=None, expect=None):
    return freezing.start(store,
        a_content(issue), rehearsal=rehearsal, transport="ses", eligible=rule or eligible(),
        now=NOW, expect=expect,
    )  # fmt: skip


def claimed(store, run, *, now):
    delivery = claiming.claim(store, run, now=now)
    assert delivery is not None
    return delivery


def found(store, issue=74, *, rehearsal=False):
    run = runs.find(store, issue, rehearsal=rehearsal)
    assert run is not None
    return run


def leave(store, folder, email):
    [(handle,)] = look(folder, "SELECT handle FROM subscribers WHERE email = ?", email)
    store.departures.leave(handle, Evidence(source="link"), now=LATER)


def states(folder, *, rehearsal=False):
    rows = look(
        folder,
        "SELECT state FROM deliveries WHERE rehearsal = ? ORDER BY issue, position",
        rehearsal,
    )
    return [state for (state,) in rows]


# --- starting --------------------------------------------------------------------------------


@pytest.mark.pooled
def test_a_run_freezes_content_and_recipients_together(tmp_path):
    rows = [*people(3), a_row("left@example.org", status=Status.UNSUBSCRIBED)]
    with store_with(tmp_path, rows) as store:
        run = start(store)
        imports.add(store, [a_row("late@example.org")], source="test", now=LATER)
        assert runs.counts(store, run).by_state == {State.QUEUED: 3}
        assert runs.find(store, 74, rehearsal=False) == run
    assert look(tmp_path, "SELECT position, subscriber_id, attempt FROM deliveries") == [
        (1, 1, 0), (2, 2, 0), (3, 3, 0),
    ]  # fmt: skip
    assert look(tmp_path, "SELECT recipients FROM runs") == [(3,)]


def test_what_is_stored_is_what_is_read_back(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        started = start(store)
    with Store.open(url_in(tmp_path), read_only=True) as store:
        run = runs.find(store, 74, rehearsal=False)
        assert run is not None
        assert run == started
        assert run.content == a_content()
        assert run.started_at == NOW
        assert run.started_at.tzinfo is dt.UTC
        assert runs.find(store, 75, rehearsal=False) is None
        assert runs.find(store, 74, rehearsal=True) is None


def test_all_runs_are_listed_oldest_first_without_their_mails(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        for issue in (75, 74):
            start(store, issue)
        assert [(run.content.issue, run.content.frozen) for run in runs.find_all(store)] == [
            (75, b""),
            (74, b""),
        ]


def test_an_issue_is_started_once(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        start(store)
        with pytest.raises(RefusedError, match="issue 74 has been started already") as caught:
            start(store)
        assert "run the same command again" in str(caught.value.hint)
        assert len(runs.find_all(store)) == 1
    assert states(tmp_path) == ["queued"] * 3


def test_a_number_that_is_expected_is_checked_in_the_freeze_itself(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        with pytest.raises(RefusedError, match="there are 3 recipients by now, not 2"):
            start(store, expect=2)
        assert runs.find_all(store) == ()
        assert runs.counts(store, start(store, expect=3)).total == 3


def test_a_segment_is_part_of_what_is_frozen(tmp_path):
    rows = [a_row("a@example.org", tags=frozenset({"beta"})), a_row("b@example.org")]
    with store_with(tmp_path, rows) as store:
        run = start(store, rule=eligible(HasTag("beta")))
        assert claimed(store, run, now=NOW).subscriber.address == "a@example.org"
        assert claiming.claim(store, run, now=NOW) is None


def test_rehearsal_and_real_run_do_not_touch(tmp_path):
    with store_with(tmp_path, people(2)) as store:
        rehearsal, real = start(store, rehearsal=True), start(store)
        first = claimed(store, rehearsal, now=NOW)
        claiming.settle(store, rehearsal, first, ACCEPTED, now=NOW)
        assert states(tmp_path, rehearsal=True) == ["accepted", "queued"]
        assert states(tmp_path) == ["queued", "queued"]
        assert freezing.clear_rehearsal(store, 74) == 2
        assert runs.find(store, 74, rehearsal=True) is None
        assert runs.counts(store, real).by_state == {State.QUEUED: 2}
        assert start(store, rehearsal=True).id not in {rehearsal.id, real.id}


def test_a_real_run_is_never_cleared(tmp_path):
    with store_with(tmp_path, people(2)) as store:
        run = start(store)
        assert freezing.clear_rehearsal(store, 74) == 0
        assert runs.counts(store, run).total == 2
        with pytest.raises(NewsletterError), store.writing() as connection:
            connection.exec_driver_sql("UPDATE deliveries SET rehearsal = 1")
        with pytest.raises(NewsletterError), store.writing() as connection:
            connection.exec_driver_sql("DELETE FROM runs")


def test_other_issues_keep_their_rehearsals(tmp_path):
    with store_with(tmp_path, people(2)) as store:
        start(store, 73, rehearsal=True)
        start(store, 74, rehearsal=True)
        assert freezing.clear_rehearsal(store, 74) == 2
        assert [run.content.issue for run in runs.find_all(store)] == [73]


# --- the claim -------------------------------------------------------------------------------


@pytest.mark.pooled
def test_claims_go_in_order_and_carry_the_person(tmp_path):
    rows = [a_row(tags=frozenset({"vip"}), fields={"city": "Malmö"}), *people(1)]
    with store_with(tmp_path, rows) as store:
        run = start(store)
        first, second = claimed(store, run, now=NOW), claimed(store, run, now=NOW)
        assert claiming.claim(store, run, now=NOW) is None
    assert (first.position, first.attempt) == (1, 1)
    person = first.subscriber
    assert (person.address, person.name, person.status) == ("ada@example.org", "Ada", Status.ACTIVE)
    assert person.fields == {"city": "Malmö"}
    assert len(person.handle) == 24
    assert (second.position, second.subscriber.address) == (2, "reader1@example.org")


def test_a_claim_is_on_the_disk_before_it_is_handed_out(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        claimed(store, start(store), now=LATER)
        row = look(tmp_path, "SELECT state, attempt, claimed_at FROM deliveries")
    assert row == [("claimed", 1, "2026-11-22T08:05:00.123456Z")]


def test_the_person_is_read_anew_inside_the_claim(tmp_path):
    with store_with(tmp_path, [a_row()]) as store:
        run = start(store)
        imports.add(store, [a_row(name="Ada L.")], source="test", now=LATER)
        assert claimed(store, run, now=LATER).subscriber.name == "Ada L."


def test_who_left_after_the_freeze_is_skipped_with_the_reason(tmp_path):
    rows = [
        a_row(f"{name}@example.org") for name in ("left", "bounced", "erased", "waits", "stays")
    ]
    with store_with(tmp_path, rows) as store:
        run = start(store)
        leave(store, tmp_path, "left@example.org")
        suppress(store, "bounced@example.org", reason="bounced", now=LATER)
        with store.writing() as connection:
            connection.exec_driver_sql("DELETE FROM subscribers WHERE id = 3")
            connection.exec_driver_sql("UPDATE subscribers SET status = 'pending' WHERE id = 4")
        taken = claimed(store, run, now=LATER)
        assert taken.subscriber.address == "stays@example.org"
        assert runs.counts(store, run).by_state == {State.SKIPPED: 4, State.CLAIMED: 1}
        assert runs.reasons(store, run) == {
            (State.SKIPPED, "unsubscribed"): 1,
            (State.SKIPPED, "suppressed"): 1,
            (State.SKIPPED, "erased"): 1,
            (State.SKIPPED, "pending"): 1,
        }
        assert [row[0] for row in look(tmp_path, "SELECT attempt FROM deliveries")] == [
            0,
            0,
            0,
            0,
            1,
        ]


# --- outcomes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (ACCEPTED, ("accepted", "0100-abc", "", "2026-11-22T08:05:00.123456Z")),
        (REFUSED, ("refused", "", "MessageRejected", "2026-11-22T08:05:00.123456Z")),
        (UNKNOWN, ("unknown", "", "read timeout", "2026-11-22T08:05:00.123456Z")),
        (DEFERRED, ("deferred", "", "throttled", "2026-11-22T08:05:00.123456Z")),
        (NOT_SENT, ("queued", "", "AccessDenied", None)),
    ],
)
def test_an_outcome_settles_the_delivery(tmp_path, outcome, expected):
    with store_with(tmp_path, people(1)) as store:
        run = start(store)
        claiming.settle(store, run, claimed(store, run, now=NOW), outcome, now=LATER)
    row = look(tmp_path, "SELECT state, message_id, reason, settled_at FROM deliveries")
    assert row == [expected]


def test_a_delivery_that_was_not_sent_is_claimed_again_with_the_next_attempt(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        run = start(store)
        first = claimed(store, run, now=NOW)
        claiming.settle(store, run, first, NOT_SENT, now=NOW)
        again = claimed(store, run, now=LATER)
        assert (again.id, again.attempt) == (first.id, 2)
        assert runs.reasons(store, run) == {}


@pytest.mark.pooled
def test_only_the_attempt_that_is_claimed_can_be_settled(tmp_path):
    with store_with(tmp_path, people(2)) as store:
        run, other = start(store), start(store, 75)
        first = claimed(store, run, now=NOW)
        with pytest.raises(NewsletterError, match="are claimed"):
            claiming.settle(store, other, first, ACCEPTED, now=NOW)
        claiming.settle(store, run, first, NOT_SENT, now=NOW)
        with pytest.raises(NewsletterError, match=r"are claimed: \d+ \(attempt 1\)"):
            claiming.settle(store, run, first, ACCEPTED, now=NOW)
        again = claimed(store, run, now=NOW)
        with pytest.raises(NewsletterError, match=r"are claimed: \d+ \(attempt 1\)"):
            claiming.settle(store, run, first, ACCEPTED, now=NOW)
        claiming.settle(store, run, again, ACCEPTED, now=NOW)
        with pytest.raises(NewsletterError, match=r"are claimed: \d+ \(attempt 2\)"):
            claiming.settle(store, run, again, UNKNOWN, now=NOW)
    assert states(tmp_path)[0] == "accepted"


@pytest.mark.pooled
def test_recovery_makes_claims_unknown_and_queues_what_was_put_off(tmp_path):
    with store_with(tmp_path, people(4)) as store:
        run, other = start(store), start(store, 75)
        claimed(store, other, now=NOW)
        claiming.settle(store, run, claimed(store, run, now=NOW), ACCEPTED, now=NOW)
        claiming.settle(store, run, claimed(store, run, now=NOW), DEFERRED, now=NOW)
        claimed(store, run, now=NOW)
        assert deliveries.recover(store, run, now=LATER) == 1
        assert deliveries.recover(store, run, now=LATER) == 0
        assert runs.counts(store, run).by_state == {
            State.ACCEPTED: 1,
            State.QUEUED: 2,
            State.UNKNOWN: 1,
        }
        assert runs.reasons(store, run)[State.UNKNOWN, "the process ended during the attempt"] == 1
        assert runs.counts(store, other)[State.CLAIMED] == 1


def test_rows_that_went_missing_are_said_aloud(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        run = start(store)
        with store.writing() as connection:
            drop_guard(connection.exec_driver_sql, "deliveries_kept", "deliveries")
            connection.exec_driver_sql("DELETE FROM deliveries WHERE id = 2")
        with pytest.raises(NewsletterError, match="frozen with 3 recipients, but 2 are on record"):
            runs.counts(store, run)


def test_a_rate_is_of_the_last_minute_and_of_a_run_that_goes_on(tmp_path):
    def second(number: int) -> dt.datetime:
        return NOW + dt.timedelta(seconds=number)

    with store_with(tmp_path, people(6)) as store:
        run = start(store)
        assert shares.rate(store, run, now=NOW) is None
        # One early, a pause, then four in ten seconds.
        for moment in (0, 300, 302, 304, 306):
            accepted = Outcome(result=Result.ACCEPTED, message_id="m")
            claiming.settle(
                store, run, claimed(store, run, now=second(moment)), accepted, now=second(moment)
            )
        assert shares.rate(store, run, now=second(310)) == 0.4
        assert shares.rate(store, run, now=second(362)) == 0.05
        assert shares.rate(store, run, now=second(367)) is None
        runs.set_state(store, run, RunState.PAUSED, NOW)
        assert shares.rate(store, found(store), now=second(310)) is None


def test_a_run_is_finished_only_when_nothing_is_left(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        run = start(store)
        with pytest.raises(NewsletterError, match="still has deliveries"):
            runs.set_state(store, run, RunState.FINISHED, NOW)
        runs.set_state(store, run, RunState.PAUSED, NOW)
        assert found(store).state is RunState.PAUSED
        assert claiming.claim(store, run, now=NOW) is None
        runs.resume(store, run, by_hand=True)
        claiming.settle(store, run, claimed(store, run, now=NOW), UNKNOWN, now=NOW)
        runs.set_state(store, run, RunState.FINISHED, LATER)
        finished = found(store)
        assert (finished.state, finished.finished_at) == (RunState.FINISHED, LATER)


# --- all of it, in any order -----------------------------------------------------------------


class Sending(RuleBasedStateMachine):
    """Claim, settle, leave, crash and come back, in any order; a model says what must be true."""

    store: Store
    folder = None
    issue = 0

    def __init__(self):
        super().__init__()
        type(self).issue += 1
        self.emails = [f"i{self.issue}r{n}@example.org" for n in range(6)]
        tag = f"t{self.issue}"
        rows = [a_row(email, tags=frozenset({tag})) for email in self.emails]
        imports.add(self.store, rows, source="test", now=NOW)
        self.run = start(self.store, self.issue, rule=eligible(HasTag(tag)))
        self.held = []
        self.accepted: set[str] = set()
        self.closed: set[str] = set()
        self.left: set[str] = set()

    @rule()
    def claim(self):
        delivery = claiming.claim(self.store, self.run, now=NOW)
        if delivery is not None:
            address = delivery.subscriber.address
            assert address not in self.left
            assert address not in self.closed
            assert address not in {other.subscriber.address for other in self.held}
            self.held.append(delivery)

    @precondition(lambda self: self.held)
    @rule(outcome=st.sampled_from([ACCEPTED, REFUSED, UNKNOWN, DEFERRED, NOT_SENT]), data=st.data())
    def settle(self, outcome, data):
        delivery = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        claiming.settle(self.store, self.run, delivery, outcome, now=NOW)
        if outcome.result is Result.ACCEPTED:
            self.accepted.add(delivery.subscriber.address)
        if outcome.result in {Result.ACCEPTED, Result.REFUSED, Result.UNKNOWN}:
            self.closed.add(delivery.subscriber.address)

    @rule()
    def crash_and_recover(self):
        assert deliveries.recover(self.store, self.run, now=NOW) == len(self.held)
        self.closed |= {delivery.subscriber.address for delivery in self.held}
        self.held.clear()

    @rule(data=st.data())
    def leave(self, data):
        email = data.draw(st.sampled_from(self.emails))
        leave(self.store, self.folder, email)
        self.left.add(email)

    @invariant()
    def states_add_up(self):
        counts = runs.counts(self.store, self.run)
        assert counts.total == 6
        assert counts[State.CLAIMED] == len(self.held)
        assert counts[State.ACCEPTED] == len(self.accepted)


@pytest.mark.trials
def test_states_add_up_whatever_happens(tmp_path):
    with Store.open(url_in(tmp_path)) as store:

        class Here(Sending):
            pass

        Here.store, Here.folder = store, tmp_path
        case = Here.TestCase
        case.settings = settings(max_examples=either(12, 60), stateful_step_count=25, deadline=None)
        case().runTest()
