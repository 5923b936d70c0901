"""Bulk through the whole command: batches claimed, sent once, settled; and what a fault does to one."""

from __future__ import annotations

import dataclasses

import pytest

from newsletter.delivery import Pause
from newsletter.ses.client import SesTransport
from tests.fake_ses import FakeSes, Fault
from tests.support import readers
from tests.support.bulk_sends import HEARD, letters, paces, sent
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import imported, world
from tests.support.proven import prove_bulk

__all__ = ["imported", "letters", "paces", "plain_environment", "world"]

pytestmark = pytest.mark.processes

REFUSED = Fault(kind="error", status=400, code="BadRequestException", message="No.", times=9)
LOST = Fault(kind="reset", accept=True)


def emails(letters):
    return [one.email for one in letters.newsletter.people()]


def test_one_claim_one_request_one_settle_for_each_batch(letters):
    with FakeSes(keep_messages=True) as fake:
        state, states = sent(letters, fake)
        assert states == {"accepted": 25}
        assert state.operations["SendBulkEmail"] == 5
        names = {(m.recipients[0], m.message_id) for m in fake.messages}
    with letters.newsletter.records() as store:
        kept = [
            (one.email, row)
            for one in readers.people(store)
            for row in readers.rows_about(store, one.email, "deliveries")
        ]
    assert len({row["claimed_at"] for _, row in kept}) == 5
    assert len({row["settled_at"] for _, row in kept}) == 5
    assert names == {(email, row["message_id"]) for email, row in kept}


def test_who_is_at_fault_is_refused_alone_after_the_whole_was_refused(letters):
    poisoned = emails(letters)[12]
    with FakeSes(dataclasses.replace(REFUSED, recipients=(poisoned,))) as fake:
        state, states = sent(letters, fake)
        assert states == {"accepted": 24, "refused": 1}
        assert poisoned not in state.accepted
    tried = sorted(one.attempt for one in letters.newsletter.outcomes())
    assert tried == [1] * 20 + [2] * 5


def test_a_letter_that_is_refused_for_everybody_stops_after_a_few_one_by_one(letters):
    with FakeSes(REFUSED) as fake:
        _, states = sent(letters, fake, code=6)
    assert states == {"refused": 3, "queued": 22}  # over 2 % of so few
    assert [run.pause for run in letters.newsletter.runs()] == [Pause.BREAKER]


def test_an_answer_too_fast_halves_the_pace_once_for_the_whole_request(letters, paces):
    with FakeSes(Fault(kind="throttle", requests=(2,))) as fake:
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}
    assert paces[0].rate == pytest.approx(50.0, rel=0.05)


def test_entries_throttled_each_by_themselves_halve_the_pace_once(letters, paces):
    with FakeSes(Fault(kind="entry", code="ACCOUNT_THROTTLED", requests=(2,))) as fake:
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}
    assert paces[0].rate == pytest.approx(50.0, rel=0.05)


@pytest.mark.parametrize(("lost", "code", "states"), [
    ((2, 4), 9, {"accepted": 15, "unknown": 10}),
    ((1, 2, 3, 4), 6, {"unknown": 15, "queued": 10}),
])  # fmt: skip
def test_two_lost_answers_are_borne_and_the_third_pauses(letters, lost, code, states):
    with FakeSes(Fault(kind="reset", accept=True, requests=lost)) as fake:
        _, found = sent(letters, fake, code=code)
        assert found == states
        fake.script(clear=True)
        again, found = sent(letters, fake, code=9)
    assert found == {"accepted": 25 - states["unknown"], "unknown": states["unknown"]}
    assert len(again.accepted) == 25


def test_what_was_accepted_beside_a_stop_stays_accepted_and_the_strongest_is_told(letters):
    faults = [
        Fault(kind="entry", code="ACCOUNT_DAILY_QUOTA_EXCEEDED", entries=(1,), requests=(1,)),
        Fault(kind="entry", code="ACCOUNT_SUSPENDED", entries=(3,), requests=(1,)),
        Fault(kind="entry", code="TRANSIENT_FAILURE", entries=(4,), requests=(1,)),
    ]
    with FakeSes(*faults) as fake:
        _, states = sent(letters, fake, code=6)
        assert states == {"accepted": 2, "queued": 22, "deferred": 1}
        assert [run.pause for run in letters.newsletter.runs()] == [Pause.ACCOUNT]
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}


def test_what_always_fails_is_refused_at_the_third_try_and_the_run_ends(letters):
    bad = emails(letters)[3]
    with FakeSes(Fault(kind="entry", code="FAILED", recipients=(bad,))) as fake:
        state, states = sent(letters, fake)
    assert states == {"accepted": 24, "refused": 1}
    assert state.received[bad] == 3


@pytest.mark.parametrize("limit", [1, 5, 7, 24])
def test_a_limit_is_kept_to_the_mail(letters, limit):
    with FakeSes() as fake:
        state, states = sent(letters, fake, "--limit", str(limit), code=6)
        assert states == {"accepted": limit, "queued": 25 - limit}
        assert len(state.accepted) == limit
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}


def test_a_mode_may_be_changed_in_the_middle_of_an_issue(letters):
    with FakeSes() as fake:
        sent(letters, fake, "--limit", "10", code=6)
        letters.configure(SES__MODE="single")
        state, states = sent(letters, fake)
    assert states == {"accepted": 25}
    assert (state.operations["SendBulkEmail"], state.operations["SendEmail"]) == (2, 15)


@pytest.mark.parametrize("missing", ["configuration_set", "events_queue"])
def test_what_nobody_would_hear_of_is_not_begun(letters, missing):
    letters.configure(**{f"SES__{missing.upper()}": ""})
    with FakeSes() as fake:
        letters.environ(fake.environ)
        for words in (
            ("send", "--issue", "74", "--confirm", "74"),
            ("test", "--issue", "74", "--to", "m@example.org"),
        ):
            ran = letters.newsletter.run(*words)
            assert ran.code == 2
            assert f"transport.ses.{missing} is not set" in ran.err
        assert not fake.received
    assert letters.newsletter.runs() == ()


def test_a_test_mail_takes_the_same_road(letters):
    with FakeSes(keep_messages=True) as fake:
        letters.environ(fake.environ)
        ran = letters.newsletter.run(
            "test", "--issue", "74", "--to", "mara@example.org", "--to", "b@example.org"
        )
        assert ran.code == 0, ran.err
        assert fake.state.operations["SendBulkEmail"] == 2
        assert [m.recipients for m in fake.messages] == [("mara@example.org",), ("b@example.org",)]
        assert all((m.subject or "").startswith("[TEST] ") for m in fake.messages)
    assert "Sam Reader" not in ran.out


def test_a_slow_account_is_told_that_single_serves_it_better(world):
    world.configure(KIND="ses", SES__MODE="bulk", SES__MAX_RATE="40", **HEARD)
    prove_bulk(world.newsletter.root)
    with FakeSes() as fake:
        world.environ(fake.environ)
        ran = world.newsletter.send()
        assert ran.code == 0, ran.err
        assert fake.state.operations["SendBulkEmail"] == 1
    assert 'a request holds only 40 mails: transport.ses.mode = "single"' in ran.err


def test_the_client_asks_for_no_second_try(world):
    """What boto3 would send again by itself is sent once: counted at the socket."""
    world.configure(KIND="ses", SES__MODE="bulk", **HEARD)
    prove_bulk(world.newsletter.root)
    with FakeSes(LOST) as fake:
        world.environ(fake.environ)
        ran = world.newsletter.send()
        assert ran.code == 9, ran.err
        assert fake.quiet().operations["SendBulkEmail"] == 1
    assert world.newsletter.states() == {"unknown": 25}
    assert SesTransport.most == 50


def test_what_is_not_proven_for_this_account_sends_nothing(world):
    world.configure(KIND="ses", SES__MODE="bulk", **HEARD)
    with FakeSes() as fake:
        world.environ(fake.environ)
        for words in ((), ("--dry-run",)):
            ran = world.newsletter.send(*words)
            assert ran.code == 8
            assert "nothing proves yet that mails leave this account in bulk" in ran.err
            assert "hint: newsletter ses prove" in ran.err
        assert fake.state.received == {}
        world.environ({"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"})
        prove_bulk(world.newsletter.root)
        assert world.newsletter.send().code == 8, "proven in another region"
    with FakeSes(account="210987654321") as fake:
        world.environ(fake.environ)
        assert world.newsletter.send().code == 8, "proven for another account"
    with FakeSes() as fake:
        world.environ(fake.environ)
        assert world.newsletter.send().code == 0
