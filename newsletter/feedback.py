"""What a provider reports after it has taken a mail, and what follows from it.

    provider event -> Event -> outcome:      what it proves about the delivery
                            -> suppression:  why its address is never mailed again, or nothing

Amazon SES writes an event in two shapes: `eventType` where a configuration set publishes it (with
our tags), `notificationType` where an identity does (SES developer guide, "Contents of event data"
and "Notification contents"). Both say the same here, and one that comes twice has the same key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from enum import StrEnum
from typing import Any, Final

from newsletter import moments
from newsletter.audience import read_address
from newsletter.delivery import Outcome, Result, State
from newsletter.errors import InputError


class Kind(StrEnum):
    """What an event is about; each with what it means."""

    SEND = "send"  # the provider took it
    DELIVERY = "delivery"  # the reader's mail server took it
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    REJECT = "reject"  # taken, then found to hold a virus and dropped
    RENDERING = "rendering failure"  # taken as a template, then not composed
    DELAY = "delay"  # not yet; it is tried again
    SUBSCRIPTION = "subscription"  # preferences on the provider's own page
    OPEN = "open"
    CLICK = "click"


class Suppression(StrEnum):
    """Why an event keeps an address out, the weaker reason first."""

    SOFT = "soft bounces"  # in several issues in a row
    BOUNCED = "bounced"
    COMPLAINED = "complained"


#: The reason of a delivery whose acceptance only an event shows.
SHOWN: Final = "an event shows it"
_DROPPED: Final = "Amazon SES took it, then dropped it"
#: SES took these and then dropped them: nobody got such a mail.
DROPPED: Final = frozenset({Kind.REJECT, Kind.RENDERING})
#: After so many issues in a row with nothing but passing bounces an address is given up.
SOFT_ISSUES: Final = 3

_KINDS: Final = {
    "send": Kind.SEND,
    "delivery": Kind.DELIVERY,
    "bounce": Kind.BOUNCE,
    "complaint": Kind.COMPLAINT,
    "reject": Kind.REJECT,
    "rendering failure": Kind.RENDERING,
    "deliverydelay": Kind.DELAY,
    "subscription": Kind.SUBSCRIPTION,
    "open": Kind.OPEN,
    "click": Kind.CLICK,
}
#: What an event says of itself stands under this name.
_BODIES: Final = {
    Kind.RENDERING: "failure",
    Kind.DELAY: "deliveryDelay",
}
#: Kinds of which one mail may have several; their time tells them apart.
_REPEATED: Final = frozenset({Kind.DELAY, Kind.SUBSCRIPTION, Kind.OPEN, Kind.CLICK})
#: Feedback that is no complaint: a reader's "this is not spam", a report about signatures.
_NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure"})
_ACCOUNT_LIST: Final = "onaccountsuppressionlist"
#: What stands for a store in the tag of a mail that is no delivery (`message.NO_STORE`).
_NO_STORE: Final = "none-"
#: store, issue, position, attempt, as `message.Message.tag` writes them.
_TAG: Final = re.compile(r"([0-9a-f]{32})-([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,9})", re.ASCII)
#: Before stores had ids: issue and position, with the attempt in a tag of its own.
_OLD_TAG: Final = re.compile(r"([0-9]{1,9})-([0-9]{1,9})", re.ASCII)
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_ATTEMPT: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
#: No address is longer (RFC 5321: 254), not even with a name before it; reading it could take long.
_LONGEST_ADDRESS: Final = 2000


class UnreadableEventError(Exception):
    """What came is no event that this program can read; the reason holds none of its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """What our message tag says about a mail; position 0 is a test mail, which counts nowhere.

    Attributes:
        store: the id of the records it is a delivery of; "" in the form from before they had one.
    """

    store: str = ""
    issue: int
    position: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One report about one mail.

    Attributes:
        key: the same for the same report, however often and in whichever shape it comes; SHA-256
            in hex of things that name no person.
        detail: the kind's own kinds, such as "permanent/general"; "" where there are none.
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
    kind: Kind
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


def read(text: str) -> Event | None:
    """Read one message of the queue: an event, bare or in an SNS envelope.

    Returns:
        The event, or None for what a topic says of itself: a greeting, a subscription.

    Raises:
        UnreadableEventError: it is neither. The text is a stranger's, so whoever calls this must
            be ready for any other exception as well.
    """
    found = _object(text)
    envelope = found.get("Type") if found is not None else None
    if envelope in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return None
    if found is not None and envelope == "Notification":
        text = _text(found, "Message")
        found = _object(text)
    if found is None:
        if text.startswith("Successfully validated SNS topic") or "notifications from" in text:
            return None
        raise UnreadableEventError("it is not a JSON object")
    if found.get("notificationType") == "AmazonSnsSubscriptionSucceeded":
        return None
    return _event(found)


def is_foreign(event: Event, store: str) -> bool:
    """Whether an event is about a delivery of other records than those with this id."""
    return event.tag is not None and event.tag.store not in {"", store}


def outcome(kind: Kind, message_id: str) -> Outcome:
    """What an event proves about the attempt it is about.

    Any event proves that the provider took the mail, even a bounce; two kinds say that it was
    dropped then, so that nobody got it.
    """
    if kind in DROPPED:
        return Outcome(result=Result.REFUSED, message_id=message_id, reason=_DROPPED)
    return Outcome(result=Result.ACCEPTED, message_id=message_id, reason=SHOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
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


def suppression(kind: Kind, detail: str) -> Suppression | None:
    """Why such an event keeps the reader out for good, or None.

    What SES did not even try, because its own list for the account holds the address, is noted
    only: the reason was reported when the address came onto that list, or somebody put it there.
    A passing bounce counts by issues, which one event cannot know.
    """
    type_, _, subtype = detail.partition("/")
    if subtype == _ACCOUNT_LIST:
        return None
    if kind is Kind.BOUNCE and type_ == "permanent":
        return Suppression.BOUNCED
    if kind is Kind.COMPLAINT and type_ not in _NO_COMPLAINT:
        return Suppression.COMPLAINED
    return None


def leaves(kind: Kind, detail: str) -> bool:
    """Whether such an event says that somebody left everything on the provider's own page."""
    return kind is Kind.SUBSCRIPTION and detail == "left"


def _event(found: Mapping[str, Any]) -> Event:
    name = found.get("eventType", found.get("notificationType"))
    kind = _KINDS.get(name.casefold()) if isinstance(name, str) else None
    if kind is None:
        raise UnreadableEventError("it is no kind of event that is known")
    mail = _inner(found, "mail")
    body = _inner(found, _BODIES.get(kind, kind.value), missing_is_empty=kind is Kind.SEND)
    message_id = _text(mail, "messageId")
    if not re.fullmatch(r"[\w.@:+=-]{1,200}", message_id, re.ASCII):
        raise UnreadableEventError("its message id is none")
    sent_at = _moment(mail)
    at = _moment(body) if "timestamp" in body else sent_at
    detail = _detail(kind, body)
    parts = [kind.value, message_id, detail]
    if kind in _REPEATED:
        link = body.get("link")
        parts += [at.isoformat(), link if isinstance(link, str) else ""]
    return Event(
        key=hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest(),
        kind=kind,
        detail=detail,
        at=at,
        sent_at=sent_at,
        message_id=message_id,
        recipient=_recipient(mail),
        senders=_senders(mail),
        tag=_tag(mail),
        account=_account(mail),
    )


def _detail(kind: Kind, body: Mapping[str, Any]) -> str:
    if kind is Kind.BOUNCE:
        return f"{_word(body, 'bounceType')}/{_word(body, 'bounceSubType')}"
    if kind is Kind.COMPLAINT:
        why, subtype = _word(body, "complaintFeedbackType"), _word(body, "complaintSubType")
        return f"{why}/{subtype}" if subtype else why
    if kind is Kind.DELAY:
        return _word(body, "delayType")
    if kind is Kind.SUBSCRIPTION:
        chosen = body.get("newTopicPreferences")
        return "left" if isinstance(chosen, dict) and chosen.get("unsubscribeAll") is True else ""
    return ""


def _recipient(mail: Mapping[str, Any]) -> str:
    listed = mail.get("destination")
    if not isinstance(listed, list) or len(listed) != 1:
        return ""
    return _address(listed[0])


def _senders(mail: Mapping[str, Any]) -> frozenset[str]:
    """Whom the mail was from: its envelope says so, and its header."""
    common = mail.get("commonHeaders")
    named = common.get("from") if isinstance(common, dict) else None
    listed = [mail.get("source"), *(named if isinstance(named, list) else ())]
    return frozenset(address for item in listed if (address := _address(item)))


def _address(text: object) -> str:
    """An address, canonical; "" for what is none, and so nobody's here."""
    if not isinstance(text, str):
        return ""
    if len(text) > _LONGEST_ADDRESS:
        raise UnreadableEventError("an address in it is too long to be one")
    try:
        return read_address(parseaddr(text)[1]).canonical
    except InputError:
        return ""


def _account(mail: Mapping[str, Any]) -> str:
    said = mail.get("sendingAccountId")
    if said is None:
        return ""
    return said if isinstance(said, str) and is_account(said) else "?"


def _tag(mail: Mapping[str, Any]) -> Tag | None:
    tags = mail.get("tags")
    if not isinstance(tags, dict):
        return None
    name = _only(tags.get("delivery"))
    if name.startswith(_NO_STORE):
        return Tag(issue=0, position=0, attempt=0)
    if found := _TAG.fullmatch(name):
        store, issue, position, attempt = found.groups()
        return Tag(store=store, issue=int(issue), position=int(position), attempt=int(attempt))
    old, attempt = _OLD_TAG.fullmatch(name), _ATTEMPT.fullmatch(_only(tags.get("attempt")))
    if not old or not attempt:
        return None
    return Tag(issue=int(old[1]), position=int(old[2]), attempt=int(attempt[0]))


def _only(values: object) -> str:
    """The one value of a tag; SES lists them."""
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return ""


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _inner(
    found: Mapping[str, Any], name: str, *, missing_is_empty: bool = False
) -> Mapping[str, Any]:
    inner = found.get(name, {} if missing_is_empty else None)
    if not isinstance(inner, dict):
        raise UnreadableEventError(f'it has no "{name}"')
    return inner


def _text(found: Mapping[str, Any], name: str) -> str:
    text = found.get(name)
    if not isinstance(text, str):
        raise UnreadableEventError(f'it has no "{name}"')
    return text


def _word(body: Mapping[str, Any], name: str) -> str:
    """A word of SES's own, in lower case; whatever else stands there may hold anything."""
    word = body.get(name)
    fits = isinstance(word, str) and re.fullmatch(r"[A-Za-z-]{1,40}", word)
    return word.lower() if fits and isinstance(word, str) else ""


def _moment(found: Mapping[str, Any]) -> dt.datetime:
    """A time as SES writes it, with or without a zone (then it is UTC)."""
    try:
        moment = moments.moment(_text(found, "timestamp").replace(" +", "+"))
        zone = moment.tzinfo or dt.UTC
        return moment.replace(tzinfo=zone).astimezone(dt.UTC)
    except ValueError as error:
        raise UnreadableEventError("its time cannot be read") from error
