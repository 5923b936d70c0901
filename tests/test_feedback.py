"""Every documented event of Amazon SES is understood, in both shapes, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feedback import (
    Kind,
    PoisonError,
    Proof,
    Suppression,
    Tag,
    is_passing,
    leaves,
    outcome,
    proven,
    read,
    suppression,
)
from newsletter.outbox import ARROWS, Outcome, Result, State
from tests.ses_events import (
    BOUNCES,
    COMPLAINTS,
    NOTIFIED,
    SENT_AT,
    Sent,
    bounce,
    complaint,
    event,
    everything,
    in_envelope,
)

EVENTS = dict(everything())
KINDS = {
    "Send": Kind.SEND, "Delivery": Kind.DELIVERY, "Bounce": Kind.BOUNCE,
    "Complaint": Kind.COMPLAINT, "Reject": Kind.REJECT, "Rendering Failure": Kind.RENDERING,
    "DeliveryDelay": Kind.DELAY, "Subscription": Kind.SUBSCRIPTION, "Open": Kind.OPEN,
    "Click": Kind.CLICK,
}  # fmt: skip


def understood(text):
    found = read(text)
    assert found is not None
    return found


@pytest.mark.parametrize("name", EVENTS)
def test_every_documented_event_is_read_bare_and_in_an_envelope(name):
    found = understood(EVENTS[name])
    shape, _, kind = name.partition(" ")
    assert found.kind is next(
        k for n, k in KINDS.items() if kind.startswith(n) and (n != "Delivery" or kind == n)
    )
    assert found.message_id == "0102018f-sample-000000"
    assert found.addresses == ("ada@example.org",)
    assert found.tag == (Tag(issue=74, position=1, attempt=1) if shape == "event" else None)
    assert found.sent_at.isoformat() == SENT_AT.replace("Z", "+00:00").replace(".500", ".500000")
    assert read(in_envelope(EVENTS[name])) == found


@pytest.mark.parametrize("kind", sorted(NOTIFIED))
def test_both_shapes_of_one_report_have_one_key(kind):
    assert understood(event(kind)).key == understood(event(kind, shape="notification")).key


def test_different_reports_have_different_keys():
    found = [understood(text).key for name, text in EVENTS.items() if name.startswith("event")]
    assert len(set(found)) == len(found)
    clicks = [event("Click", link=f"https://example.org/{n}") for n in range(3)]
    delays = [event("DeliveryDelay", timestamp=f"2026-11-22T0{n}:00:00.000Z") for n in range(3)]
    assert len({understood(text).key for text in clicks + delays}) == 6


def test_no_key_and_no_detail_holds_an_address():
    for text in EVENTS.values():
        found = understood(text)
        other = understood(text.replace("ada@example.org", "bob@example.org"))
        assert found.key == other.key
        assert "@" not in found.detail


@pytest.mark.parametrize(("type_", "subtype"), BOUNCES)
@pytest.mark.parametrize("shape", ["event", "notification"])
def test_a_permanent_bounce_suppresses_but_one_the_account_held_back(shape, type_, subtype):
    found = understood(bounce(type_, subtype, shape=shape))
    for_good = type_ == "Permanent" and subtype != "OnAccountSuppressionList"
    assert suppression(found) == (Suppression.BOUNCED if for_good else None)
    assert is_passing(found) is (type_ == "Transient")


@pytest.mark.parametrize(("kind", "subtype"), COMPLAINTS)
@pytest.mark.parametrize("shape", ["event", "notification"])
def test_a_complaint_suppresses_but_not_a_reader_s_not_spam(shape, kind, subtype):
    found = understood(complaint(kind, subtype, shape=shape))
    real = kind not in {"not-spam", "auth-failure"} and subtype is None
    assert suppression(found) == (Suppression.COMPLAINED if real else None)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"Bounce", "Complaint"}))
def test_nothing_else_suppresses(kind):
    assert suppression(understood(event(kind))) is None


def test_leaving_on_the_provider_s_page_is_leaving():
    assert leaves(understood(event("Subscription")))
    stays = event("Subscription", newTopicPreferences={"unsubscribeAll": False})
    assert not leaves(understood(stays))


def test_a_test_mail_suppresses_nobody():
    sent = Sent(position=0)
    assert suppression(understood(bounce("Permanent", "General", sent))) is None
    assert suppression(understood(complaint("abuse", None, sent))) is None


@pytest.mark.parametrize("kind", KINDS)
def test_any_event_proves_acceptance_but_the_two_that_say_it_was_dropped(kind):
    found = understood(event(kind))
    says = outcome(found.kind, found.message_id)
    dropped = kind in {"Reject", "Rendering Failure"}
    assert says.result is (Result.REFUSED if dropped else Result.ACCEPTED)
    assert says.message_id == found.message_id


def test_a_topic_s_own_words_are_no_event():
    greeting = "You have successfully subscribed your Amazon SNS topic 'x' to receive 'Bounce' notifications from Amazon SES for identity 'y'."
    for text in (
        greeting,
        in_envelope(greeting),
        in_envelope("Successfully validated SNS topic for Amazon SES event publishing."),
        in_envelope("You have chosen to subscribe.", "SubscriptionConfirmation"),
        json.dumps({"notificationType": "AmazonSnsSubscriptionSucceeded", "message": greeting}),
    ):
        assert read(text) is None


def _without(name: str) -> str:
    return json.dumps({k: v for k, v in json.loads(event("Bounce")).items() if k != name})


POISON = {
    "no JSON": "hello",
    "a list": "[]",
    "too deep": "[" * 100_000,
    "no kind": "{}",
    "an unknown kind": event("Send").replace('"Send"', '"Teleport"'),
    "a kind that is no text": event("Send").replace('"Send"', "7"),
    "no mail": _without("mail"),
    "no body": _without("bounce"),
    "no message id": event("Send").replace('"messageId"', '"other"'),
    "an empty message id": event("Send").replace("0102018f-sample-000000", ""),
    "a message id with a line end": event("Send").replace("0102018f-sample-000000", "a\\nb"),
    "no time": event("Send").replace('"timestamp"', '"other"'),
    "a time that is none": event("Delivery", timestamp="yesterday"),
    "a time out of range": event("Delivery", timestamp="0001-01-01T00:00:00+23:00"),
    "an envelope around nothing": in_envelope(""),
    "an envelope without a message": json.dumps({"Type": "Notification"}),
}


@pytest.mark.parametrize("name", POISON)
def test_what_is_no_event_is_poison_and_its_reason_repeats_nothing(name):
    with pytest.raises(PoisonError) as caught:
        read(POISON[name])
    assert "ada" not in str(caught.value)


@given(st.data())
def test_an_event_with_anything_in_any_place_is_read_or_poison(data):
    """Whatever stands where a text, a list or an object is expected."""
    odd = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.lists(st.text(), max_size=2),
        st.dictionaries(st.text(), st.text(), max_size=2),
    )
    found = json.loads(data.draw(st.sampled_from(sorted(EVENTS.values()))))
    at = found
    while True:
        key = data.draw(st.sampled_from(sorted(at)))
        if isinstance(at[key], dict) and at[key] and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = data.draw(odd)
        break
    try:
        read(json.dumps(found))
    except PoisonError:
        return


@pytest.mark.parametrize(
    "tags",
    [
        {}, None, {"delivery": ["74-1"]}, {"delivery": ["74-1"], "attempt": ["x"]},
        {"delivery": ["٧-1"], "attempt": ["1"]}, {"delivery": ["74-1", "74-2"], "attempt": ["1"]},
        {"delivery": "74-1", "attempt": "1"}, {"delivery": ["74-1 "], "attempt": ["1"]},
    ],
)  # fmt: skip
def test_tags_that_are_not_ours_are_no_tags(tags):
    found = json.loads(event("Send"))
    found["mail"]["tags"] = tags
    assert understood(json.dumps(found)).tag is None


# --- what the events of one delivery prove -----------------------------------------------------


def proof(attempt, kind, message_id="m"):
    return Proof(
        attempt=attempt,
        outcome=outcome(kind, message_id),
        sent_at=understood(event("Send")).sent_at,
    )


OPEN = (State.QUEUED, State.DEFERRED, State.REFUSED, State.UNKNOWN, State.ASSUMED)


@pytest.mark.parametrize("state", State)
def test_an_event_settles_every_state_but_one_on_the_wire(state):
    found = proven(state, 1, [proof(1, Kind.BOUNCE)])
    assert (found is not None) is (state in OPEN)
    assert found is None or (state, State.ACCEPTED) in ARROWS


@pytest.mark.parametrize("state", State)
def test_what_was_dropped_is_refused(state):
    found = proven(state, 1, [proof(1, Kind.SEND), proof(1, Kind.REJECT)])
    assert (found is not None) is (state in {State.ACCEPTED, State.UNKNOWN, State.ASSUMED})
    assert found is None or found.outcome.result is Result.REFUSED
    assert found is None or (state, State.REFUSED) in ARROWS


def test_an_earlier_attempt_that_arrived_counts():
    found = proven(State.UNKNOWN, 2, [proof(1, Kind.SEND, "first"), proof(2, Kind.REJECT)])
    assert found is not None
    assert found.outcome == Outcome(
        result=Result.ACCEPTED, message_id="first", reason="an event shows it"
    )


def test_an_earlier_attempt_that_was_dropped_says_nothing_about_this_one():
    assert proven(State.UNKNOWN, 2, [proof(1, Kind.REJECT)]) is None
    assert proven(State.UNKNOWN, 2, []) is None


@given(
    st.permutations(
        [
            proof(1, Kind.REJECT),
            proof(1, Kind.SEND),
            proof(2, Kind.SEND, "x"),
            proof(None, Kind.BOUNCE, "y"),
        ]
    )
)
def test_order_does_not_matter(proofs):
    found = proven(State.UNKNOWN, 2, proofs)
    assert found is not None
    assert found.outcome.message_id == "x"
    assert replace(found, attempt=None).outcome.result is Result.ACCEPTED
