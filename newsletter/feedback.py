"""What a provider reports after it has taken a mail, and what follows from it.

    provider event -> Event -> outcome:      what it proves about the delivery
                            -> suppression:  why its address is never mailed again, or nothing

How a provider writes its events is said beside its transport (`newsletter.ses.event_format`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from newsletter.delivery import Outcome, Result, State


class EventKind(StrEnum):
    """What an event is about; each with what it means."""

    SEND = "send"  # the provider took it
    DELIVERY = "delivery"  # the reader's mail server took it
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    REJECT = "reject"  # taken, then found to hold a virus and dropped
    RENDERING = "rendering failure"  # taken as a template, then not composed
    DELAY = "delay"  # not yet; it is tried again
    SUBSCRIPTION = "subscription"  # preferences on the provider's own page


class Suppression(StrEnum):
    """Why an event keeps an address out, the weaker reason first."""

    SOFT = "soft bounces"  # in several issues in a row
    BOUNCED = "bounced"
    COMPLAINED = "complained"


#: The reason of a delivery whose acceptance only an event shows.
SHOWN: Final = "an event shows it"
_DROPPED: Final = "the provider took it, then dropped it"
#: The provider took these and then dropped them: nobody got such a mail.
DROPPED: Final = frozenset({EventKind.REJECT, EventKind.RENDERING})
#: After so many issues in a row with nothing but passing bounces an address is given up.
SOFT_ISSUES: Final = 3

#: Feedback that is no complaint: a reader's "this is not spam", a report about signatures.
_NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure"})
_ACCOUNT_LIST: Final = "onaccountsuppressionlist"
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)


class Tag(NamedTuple):
    """What our message tag says about a mail; position 0 is a test mail, which counts nowhere.

    Attributes:
        store: the id of the records it is a delivery of; "" in the form from before they had one.
    """

    issue: int
    position: int
    attempt: int
    store: str = ""


class Event(NamedTuple):
    """One report about one mail.

    Attributes:
        key: the same for the same report, however often and in whichever shape it comes; SHA-256
            in hex of things that name no person.
        detail: the kind's own kinds, in lower case, such as "permanent/general" of a bounce,
            "left" of a subscription; "" where there are none.
        at: when it happened.
        sent_at: when the provider took the mail.
        message_id: the provider's name for the mail, never empty.
        recipient: the one address the mail went to, canonical; "" where there are several, or none
            that can be read. Whom a bounce or a complaint lists is not said here: that may be the
            mailbox a reader forwards to.
        senders: addresses the mail was from, canonical.
        tag: our own, None where the event carries none.
        account: the provider's number of the account the mail left from, "" where it is not said;
            what is no number is no account of ours.
    """

    key: str
    kind: EventKind
    detail: str
    at: dt.datetime
    sent_at: dt.datetime
    message_id: str
    recipient: str
    senders: frozenset[str]
    tag: Tag | None
    account: str = ""


def is_account(text: str) -> bool:
    """Whether this can be the number of an AWS account."""
    return bool(_ACCOUNT.fullmatch(text))


def is_foreign(event: Event, store: str) -> bool:
    """Whether an event is about a delivery of other records than those with this id."""
    return event.tag is not None and event.tag.store not in {"", store}


def outcome(kind: EventKind, message_id: str) -> Outcome:
    """What an event proves about the attempt it is about.

    Any event proves that the provider took the mail, even a bounce; two kinds say that it was
    dropped then, so that nobody got it.
    """
    if kind in DROPPED:
        return Outcome(result=Result.REFUSED, message_id=message_id, reason=_DROPPED)
    return Outcome(result=Result.ACCEPTED, message_id=message_id, reason=SHOWN)


class Proof(NamedTuple):
    """What one event shows about one attempt; the attempt is None where no tag names it."""

    attempt: int | None
    outcome: Outcome
    sent_at: dt.datetime


def proven(state: State, attempt: int, proofs: Iterable[Proof]) -> Proof | None:
    """What the events of one delivery change about it, in whichever order they came; or nothing.

    Args:
        state: where it stands; nothing is decided about one that is on the wire.
        attempt: its newest, 0 when it was never claimed: then nothing proves anything.
        proofs: all there are about it; what names an attempt that was not made proves nothing.
    """
    taken: dict[int, Proof] = {}
    dropped_ones: dict[int, Proof] = {}
    for proof in sorted(proofs, key=lambda one: (one.sent_at, one.outcome.message_id)):
        is_dropped = proof.outcome.result is Result.REFUSED
        number = attempt if proof.attempt is None else proof.attempt
        if 1 <= number <= attempt:
            (dropped_ones if is_dropped else taken).setdefault(number, proof)
    reached = {number: one for number, one in taken.items() if number not in dropped_ones}
    if reached:
        return reached.get(attempt, reached[min(reached)]) if state in _OPEN else None
    return dropped_ones.get(attempt) if state in _REFUTABLE else None


#: States that an event turns into accepted, and into refused.
_OPEN: Final = frozenset(
    {State.QUEUED, State.DEFERRED, State.REFUSED, State.UNKNOWN, State.ASSUMED}
)
_REFUTABLE: Final = frozenset({State.ACCEPTED, State.UNKNOWN, State.ASSUMED})


def suppression(kind: EventKind, detail: str) -> Suppression | None:
    """Why such an event keeps the reader out for good, or None.

    What the provider did not even try, because its own list holds the address, is noted
    only: the reason was reported when the address came onto that list, or somebody put it there.
    A passing bounce counts by issues, which one event cannot know.
    """
    type_, _, subtype = detail.partition("/")
    if subtype == _ACCOUNT_LIST:
        return None
    if kind is EventKind.BOUNCE and type_ == "permanent":
        return Suppression.BOUNCED
    if kind is EventKind.COMPLAINT and type_ not in _NO_COMPLAINT:
        return Suppression.COMPLAINED
    return None


def leaves(kind: EventKind, detail: str) -> bool:
    """Whether such an event says that somebody left everything on the provider's own page."""
    return kind is EventKind.SUBSCRIPTION and detail == "left"
