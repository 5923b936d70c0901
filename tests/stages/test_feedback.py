"""Every documented event of Amazon SES is understood, in both shapes, and nothing else is."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery import ARROWS, Outcome, Result, State
from newsletter.feedback import (
    EventKind,
    Proof,
    Suppression,
    Tag,
    is_foreign,
    leaves,
    outcome,
    proven,
    suppression,
)
from newsletter.message import Message
from newsletter.ses.event_format import UnreadableEventError, read_event
from tests.support.ses_events import (
    AT,
    BOUNCES,
    COMPLAINTS,
    NOTIFIED,
    SENT_AT,
    SOURCE,
    STORE,
    Sent,
    bounce,
    complaint,
    event,
    everything,
    in_envelope,
)

EVENTS = dict(everything())
KINDS = {
    "Send": EventKind.SEND, "Delivery": EventKind.DELIVERY, "Bounce": EventKind.BOUNCE,
    "Complaint": EventKind.COMPLAINT, "Reject": EventKind.REJECT, "Rendering Failure": EventKind.RENDERING,
    "DeliveryDelay": EventKind.DELAY, "Subscription": EventKind.SUBSCRIPTION, "Open": EventKind.SEND,
    "Click": EventKind.SEND,
}  # fmt: skip


def understood(text):
    found = read_event(text)
    assert found is not None
    return found


def reason(found):
    return suppression(found.kind, found.detail)


@pytest.mark.parametrize("name", EVENTS)
def test_every_documented_event_is_read_bare_and_in_an_envelope(name):
    found = understood(EVENTS[name])
    shape, _, kind = name.partition(" ")
    assert found.kind is next(
        k for n, k in KINDS.items() if kind.startswith(n) and (n != "Delivery" or kind == n)
    )
    assert found.message_id == "0102018f-sample-000000"
    assert found.recipient == "ada@example.org"
    assert found.senders == {SOURCE}
    assert found.tag == (Tag(issue=74, position=1, attempt=1) if shape == "event" else None)
    assert found.sent_at.isoformat() == SENT_AT.replace("Z", "+00:00").replace(".500", ".500000")
    assert read_event(in_envelope(EVENTS[name])) == found


@pytest.mark.parametrize("kind", sorted(NOTIFIED))
def test_both_shapes_of_one_report_have_one_key(kind):
    assert understood(event(kind)).key == understood(event(kind, shape="notification")).key


def test_different_reports_have_different_keys():
    found = [understood(text).key for name, text in EVENTS.items() if name.startswith("event")]
    # Opens and clicks say what the provider's own event does: that the mail was taken.
    assert len(set(found)) == len(found) - 2
    delays = [event("DeliveryDelay", timestamp=f"2026-11-22T0{n}:00:00.000Z") for n in range(3)]
    assert len({understood(text).key for text in delays}) == 3


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
    assert reason(found) == (Suppression.BOUNCED if for_good else None)


@pytest.mark.parametrize(("kind", "subtype"), COMPLAINTS)
@pytest.mark.parametrize("shape", ["event", "notification"])
def test_a_complaint_suppresses_but_not_a_reader_s_not_spam(shape, kind, subtype):
    found = understood(complaint(kind, subtype, shape=shape))
    real = kind not in {"not-spam", "auth-failure"} and subtype is None
    assert reason(found) == (Suppression.COMPLAINED if real else None)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"Bounce", "Complaint"}))
def test_nothing_else_suppresses(kind):
    assert reason(understood(event(kind))) is None


def test_leaving_on_the_provider_s_page_is_leaving():
    left = understood(event("Subscription"))
    assert leaves(left.kind, left.detail)
    stays = understood(event("Subscription", newTopicPreferences={"unsubscribeAll": False}))
    assert not leaves(stays.kind, stays.detail)


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
        assert read_event(text) is None


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
    "a time before there was SES": event("Delivery", timestamp="0009-11-22T08:00:00.000Z"),
    "a time that overflows in its zone": event("Delivery", timestamp="9999-12-31T23:59:59-23:59"),
    "a time in an age to come": event("Delivery", timestamp="9999-01-01T00:00:00Z"),
    "a time that is no number": event("Delivery").replace(f'"{AT}"', "NaN"),
    "a huge number": event("Delivery").replace("7750", "7" * 5000),
    "an address too long to be one": event("Send", Sent(to="(" * 5000)),
    "a quarter of a million letters": event("Send", Sent(to="a" * 250_000)),
    "a message that is no text": json.dumps({"Type": "Notification", "Message": ["x"]}),
    "a type that is a list": json.dumps({"Type": ["Notification"]}),
    "a type that is an object": json.dumps({"Type": {"Notification": 1}, "Message": "x"}),
    "an envelope around nothing": in_envelope(""),
    "an envelope without a message": json.dumps({"Type": "Notification"}),
}


@pytest.mark.parametrize("name", POISON)
def test_what_is_no_event_is_poison_and_its_reason_repeats_nothing(name):
    with pytest.raises(UnreadableEventError) as caught:
        read_event(POISON[name])
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
        read_event(json.dumps(found))
    except UnreadableEventError:
        return


@pytest.mark.parametrize(
    "tags",
    [
        {}, None, {"delivery": ["74-1"]}, {"delivery": ["74-1"], "attempt": ["x"]},
        {"delivery": ["٧-1"], "attempt": ["1"]}, {"delivery": ["74-1", "74-2"], "attempt": ["1"]},
        {"delivery": "74-1", "attempt": "1"}, {"delivery": ["74-1 "], "attempt": ["1"]},
        {"delivery": [f"{STORE}-74-1"]}, {"delivery": [f"{STORE[1:]}-74-1-1"]},
        {"delivery": [f"{STORE}-74-1-1\n"]}, {"delivery": [f"{STORE.replace('5', 'G')}-74-1-1"]},
        {"delivery": [f"{STORE}-74-1-{'1' * 10}"]}, {"delivery": [["74-1"]], "attempt": [["1"]]},
    ],
)  # fmt: skip
def test_tags_that_are_not_ours_are_no_tags(tags):
    found = json.loads(event("Send"))
    found["mail"]["tags"] = tags
    assert understood(json.dumps(found)).tag is None


def test_the_tag_of_a_mail_is_read_as_it_was_written():
    mail = Message(
        issue=74, position=12, attempt=3, sender=SOURCE, to="ada@example.org", pieces=(b"",),
        store=STORE,
    )  # fmt: skip
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", mail.tag)
    found = json.loads(event("Send"))
    found["mail"]["tags"] = {"delivery": [mail.tag]}
    read_back = understood(json.dumps(found))
    assert read_back.tag == Tag(store=STORE, issue=74, position=12, attempt=3)
    assert not is_foreign(read_back, STORE)
    assert is_foreign(read_back, "6" * 32)


@pytest.mark.parametrize("number", [1, 2026112808000001])
def test_a_mail_that_is_no_delivery_is_nobody_s(number):
    mail = Message(issue=74, position=0, attempt=number, sender=SOURCE, to="a@b.org", pieces=(b"",))
    found = json.loads(event("Send"))
    found["mail"]["tags"] = {"delivery": [mail.tag]}
    read_back = understood(json.dumps(found))
    assert read_back.tag == Tag(issue=0, position=0, attempt=0)
    assert not is_foreign(read_back, STORE)


@pytest.mark.parametrize(
    ("destination", "recipient"),
    [
        (["Ada@Example.org"], "ada@example.org"), (["Ada <ada@example.org>"], "ada@example.org"),
        (["ada@example.org", "bob@example.org"], ""), ([], ""), (None, ""), ("ada@example.org", ""),
        ([{"emailAddress": "ada@example.org"}], ""), (["not an address"], ""), ([["a@b.org"]], ""),
    ],
)  # fmt: skip
def test_the_recipient_is_whom_the_mail_went_to_and_nobody_where_that_is_not_one(
    destination, recipient
):
    found = json.loads(event("Bounce", bouncedRecipients=[{"emailAddress": "lee@corp.example"}]))
    found["mail"]["destination"] = destination
    assert understood(json.dumps(found)).recipient == recipient


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
    found = proven(state, 1, [proof(1, EventKind.BOUNCE)])
    assert (found is not None) is (state in OPEN)
    assert found is None or (state, State.ACCEPTED) in ARROWS


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", [EventKind.SEND, EventKind.REJECT])
@pytest.mark.parametrize("made", [0, 1, 2])
def test_an_attempt_that_was_never_made_proves_nothing(state, kind, made):
    later = [proof(number, kind) for number in (0, made + 1, made + 7)]
    assert proven(state, made, later) is None
    assert proven(state, 0, [proof(None, kind)]) is None


@pytest.mark.parametrize("state", State)
def test_what_was_dropped_is_refused(state):
    found = proven(state, 1, [proof(1, EventKind.SEND), proof(1, EventKind.REJECT)])
    assert (found is not None) is (state in {State.ACCEPTED, State.UNKNOWN, State.ASSUMED})
    assert found is None or found.outcome.result is Result.REFUSED
    assert found is None or (state, State.REFUSED) in ARROWS


def test_an_earlier_attempt_that_arrived_counts():
    found = proven(
        State.UNKNOWN, 2, [proof(1, EventKind.SEND, "first"), proof(2, EventKind.REJECT)]
    )
    assert found is not None
    assert found.outcome == Outcome(
        result=Result.ACCEPTED, message_id="first", reason="an event shows it"
    )


def test_an_earlier_attempt_that_was_dropped_says_nothing_about_this_one():
    assert proven(State.UNKNOWN, 2, [proof(1, EventKind.REJECT)]) is None
    assert proven(State.UNKNOWN, 2, []) is None


@given(
    st.permutations(
        [
            proof(1, EventKind.REJECT),
            proof(1, EventKind.SEND),
            proof(2, EventKind.SEND, "x"),
            proof(None, EventKind.BOUNCE, "y"),
        ]
    )
)
def test_order_does_not_matter(proofs):
    found = proven(State.UNKNOWN, 2, proofs)
    assert found is not None
    assert found.outcome.message_id == "x"
    assert found._replace(attempt=None).outcome.result is Result.ACCEPTED
