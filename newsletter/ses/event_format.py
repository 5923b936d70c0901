"""What stands in a message of the queue: SES's own events, in both shapes, read into `Event`.

Amazon SES writes an event in two shapes: `eventType` where a configuration set publishes it (with
our tags), `notificationType` where an identity does (SES developer guide, "Contents of event data"
and "Notification contents"). Both say the same here, and one that comes twice has the same key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Any, Final

from newsletter import moments
from newsletter.audience import read_address
from newsletter.errors import InputError
from newsletter.feedback import Event, EventKind, Tag, is_account

_KINDS: Final = {
    "send": EventKind.SEND,
    "delivery": EventKind.DELIVERY,
    "bounce": EventKind.BOUNCE,
    "complaint": EventKind.COMPLAINT,
    "reject": EventKind.REJECT,
    "rendering failure": EventKind.RENDERING,
    "deliverydelay": EventKind.DELAY,
    "subscription": EventKind.SUBSCRIPTION,
    # Who opened a mail, or followed a link, is nobody's business: only that the mail was taken.
    "open": EventKind.SEND,
    "click": EventKind.SEND,
}
#: What an event says of itself stands under this name.
_BODIES: Final = {
    EventKind.RENDERING: "failure",
    EventKind.DELAY: "deliveryDelay",
}
#: Kinds of which one mail may have several; their time tells them apart.
_REPEATED: Final = frozenset({EventKind.DELAY, EventKind.SUBSCRIPTION})
#: What stands for a store in the tag of a mail that is no delivery (`message.NO_STORE`).
_NO_STORE: Final = "none-"
#: store, issue, position, attempt, as `Message.tag` writes them.
_TAG: Final = re.compile(r"([0-9a-f]{32})-([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,9})", re.ASCII)
#: Before stores had ids: issue and position, with the attempt in a tag of its own.
_OLD_TAG: Final = re.compile(r"([0-9]{1,9})-([0-9]{1,9})", re.ASCII)
_ATTEMPT: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
#: No address is longer (RFC 5321: 254), not even with a name before it; reading it could take long.
_LONGEST_ADDRESS: Final = 2000


class UnreadableEventError(Exception):
    """What came is no event that this program can read; the reason holds none of its text."""


def read_event(text: str) -> Event | None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an event quotes of the mail it is about.

    Attributes:
        subject: decoded.
        headers: the names of its headers, in small letters.
        truncated: whether SES left some of them out.
        tag: our own, "" where there is none.
    """

    kind: EventKind
    message_id: str
    subject: str
    headers: frozenset[str]
    truncated: bool
    tag: str


def read_report(text: str) -> Report | None:
    """What an event quotes of its mail; None for whatever is no event."""
    found = _object(text)
    if found is not None and found.get("Type") == "Notification":
        found = _object(str(found.get("Message", "")))
    try:
        event, mail = (_event(found), _inner(found, "mail")) if found else (None, {})
    except UnreadableEventError:
        return None
    if event is None:
        return None
    common, tags, listed = (mail.get(name) for name in ("commonHeaders", "tags", "headers"))
    subject = common.get("subject") if isinstance(common, dict) else ""
    names = [one.get("name") for one in listed if isinstance(one, dict)] if listed else []
    return Report(
        kind=event.kind,
        message_id=event.message_id,
        subject=_decoded(str(subject)),
        headers=frozenset(str(name).lower() for name in names),
        truncated=mail.get("headersTruncated") is True,
        tag=_only(tags.get("delivery")) if isinstance(tags, dict) else "",
    )


def _decoded(text: str) -> str:
    """A header's text; SES quotes it as it stands in the mail, or decoded."""
    try:
        return str(make_header(decode_header(text))) if "=?" in text else text
    except (LookupError, ValueError):
        return text


def _event(found: Mapping[str, Any]) -> Event:
    name = found.get("eventType", found.get("notificationType"))
    kind = _KINDS.get(name.casefold()) if isinstance(name, str) else None
    if kind is None:
        raise UnreadableEventError("it is no kind of event that is known")
    mail = _inner(found, "mail")
    if kind is EventKind.SEND:
        body: Mapping[str, Any] = {}
    else:
        body = _inner(found, _BODIES.get(kind, kind.value))
    message_id = _text(mail, "messageId")
    if not re.fullmatch(r"[\w.@:+=-]{1,200}", message_id, re.ASCII):
        raise UnreadableEventError("its message id is none")
    sent_at = _moment(mail)
    at = _moment(body) if "timestamp" in body else sent_at
    detail = _detail(kind, body)
    parts = [kind.value, message_id, detail]
    if kind in _REPEATED:
        parts += [at.isoformat(), ""]  # as keys on record have it
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


def _detail(kind: EventKind, body: Mapping[str, Any]) -> str:
    if kind is EventKind.BOUNCE:
        return f"{_word(body, 'bounceType')}/{_word(body, 'bounceSubType')}"
    if kind is EventKind.COMPLAINT:
        why, subtype = _word(body, "complaintFeedbackType"), _word(body, "complaintSubType")
        return f"{why}/{subtype}" if subtype else why
    if kind is EventKind.DELAY:
        return _word(body, "delayType")
    if kind is EventKind.SUBSCRIPTION:
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


def _inner(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = found.get(name)
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
