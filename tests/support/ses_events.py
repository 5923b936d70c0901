"""Events as Amazon SES writes them, field by field after its developer guide, in both shapes.

"Contents of event data that Amazon SES publishes to Amazon SNS" has `eventType` and the message's
tags; "Amazon SNS notification contents for Amazon SES" has `notificationType` and knows Bounce,
Complaint and Delivery only.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SENT_AT = "2026-11-22T08:00:01.500Z"
AT = "2026-11-22T08:00:09.250Z"
SOURCE = "wren@slackwater.example.org"
ARN = "arn:aws:ses:eu-west-1:123456789012:identity/slackwater.example.org"
#: Kinds that identities report, too.
NOTIFIED = frozenset({"Bounce", "Complaint", "Delivery"})

BOUNCES = [
    ("Undetermined", "Undetermined"),
    ("Permanent", "General"),
    ("Permanent", "NoEmail"),
    ("Permanent", "Suppressed"),
    ("Permanent", "OnAccountSuppressionList"),
    ("Permanent", "UnsubscribedRecipient"),
    ("Transient", "General"),
    ("Transient", "MailboxFull"),
    ("Transient", "MessageTooLarge"),
    ("Transient", "CustomTimeoutExceeded"),
    ("Transient", "ContentRejected"),
    ("Transient", "AttachmentRejected"),
]
COMPLAINTS = [
    ("abuse", None), ("auth-failure", None), ("fraud", None), ("not-spam", None), ("other", None),
    ("virus", None), (None, None), (None, "OnAccountSuppressionList"),
]  # fmt: skip
DELAYS = [
    "InternalFailure", "General", "MailboxFull", "SpamDetected", "RecipientServerError",
    "IPFailure", "TransientCommunicationFailure", "BYOIPHostNameLookupUnavailable",
    "Undetermined", "SendingDeferral",
]  # fmt: skip


#: The id of a store whose tests give it this one.
STORE = "5" * 32


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One mail that SES took; without a store's id its tags have the older form."""

    message_id: str = "0102018f-sample-000000"
    to: str = "ada@example.org"
    issue: int = 74
    position: int = 1
    attempt: int = 1
    store: str = ""
    at: str = SENT_AT
    source: str = SOURCE

    @property
    def tags(self) -> dict[str, list[str]]:
        """Our own, as SES lists them."""
        name = f"{self.issue}-{self.position}"
        if self.store:
            return {"delivery": [f"{self.store}-{name}-{self.attempt}"]}
        return {"delivery": [name], "attempt": [str(self.attempt)]}


def sent_of(told: Mapping[str, Any]) -> Sent:
    """A mail that the fake SES accepted, from a line of its log."""
    store, issue, position, attempt = told["tags"]["delivery"].split("-")
    return Sent(
        message_id=told["id"], to=told["to"][0], store=store, issue=int(issue),
        position=int(position), attempt=int(attempt),
        at=dt.datetime.fromtimestamp(told["at"], dt.UTC).isoformat(),
    )  # fmt: skip


def mail(sent: Sent, *, tagged: bool) -> dict[str, Any]:
    """The object every event has."""
    found: dict[str, Any] = {
        "timestamp": sent.at,
        "source": sent.source,
        "sourceArn": ARN,
        "sendingAccountId": "123456789012",
        "messageId": sent.message_id,
        "destination": [sent.to],
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": f"Wren Halloran <{sent.source}>"},
            {"name": "To", "value": sent.to},
            {"name": "Subject", "value": "The long minute"},
        ],
        "commonHeaders": {
            "from": [f"Wren Halloran <{sent.source}>"],
            "to": [sent.to],
            "messageId": sent.message_id,
            "subject": "The long minute",
        },
    }
    if tagged:
        found["tags"] = {
            "ses:operation": ["SendRawEmail"],
            "ses:configuration-set": ["newsletter"],
            "ses:source-ip": ["192.0.2.10"],
            "ses:from-domain": ["slackwater.example.org"],
            "ses:caller-identity": ["newsletter"],
        } | sent.tags
    return found


def body(kind: str, sent: Sent, **changes: Any) -> tuple[str, dict[str, Any]]:
    """What a kind of event says besides, under its name."""
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "Send": ("send", {}),
        "Delivery": (
            "delivery",
            {
                "timestamp": AT,
                "processingTimeMillis": 7750,
                "recipients": [sent.to],
                "smtpResponse": "250 2.6.0 Message received",
                "reportingMTA": "a7-1.smtp-out.eu-west-1.amazonses.com",
            },
        ),
        "Bounce": (
            "bounce",
            {
                "feedbackId": "0102018f-feedback",
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {
                        "emailAddress": sent.to,
                        "action": "failed",
                        "status": "5.1.1",
                        "diagnosticCode": f"smtp; 550 5.1.1 <{sent.to}>: user unknown",
                    }
                ],
                "timestamp": AT,
                "reportingMTA": "dsn; a7-1.smtp-out.eu-west-1.amazonses.com",
            },
        ),
        "Complaint": (
            "complaint",
            {
                "feedbackId": "0102018f-feedback",
                "complaintSubType": None,
                "complainedRecipients": [{"emailAddress": sent.to}],
                "timestamp": AT,
                "userAgent": "ExampleFeedback/1.0",
                "complaintFeedbackType": "abuse",
                "arrivalDate": AT,
            },
        ),
        "Reject": ("reject", {"reason": "Bad content"}),
        "Rendering Failure": (
            "failure",
            {"errorMessage": "Attribute 'name' is not present.", "templateName": "letter"},
        ),
        "DeliveryDelay": (
            "deliveryDelay",
            {
                "delayType": "TransientCommunicationFailure",
                "expirationTime": "2026-11-23T08:00:01.500Z",
                "delayedRecipients": [
                    {
                        "emailAddress": sent.to,
                        "status": "4.4.1",
                        "diagnosticCode": "smtp; 421 4.4.1 Unable to connect",
                    }
                ],
                "timestamp": AT,
                "reportingMTA": "a7-1.smtp-out.eu-west-1.amazonses.com",
            },
        ),
        "Subscription": (
            "subscription",
            {
                "contactList": "Readers",
                "timestamp": AT,
                "source": "UnsubscribeHeader",
                "newTopicPreferences": {
                    "unsubscribeAll": True,
                    "topicSubscriptionStatus": [
                        {"topicName": "letters", "subscriptionStatus": "OptOut"}
                    ],
                },
                "oldTopicPreferences": {
                    "unsubscribeAll": False,
                    "topicSubscriptionStatus": [
                        {"topicName": "letters", "subscriptionStatus": "OptOut"}
                    ],
                },
            },
        ),
        "Open": (
            "open",
            {"ipAddress": "192.0.2.1", "timestamp": AT, "userAgent": "Mozilla/5.0"},
        ),
        "Click": (
            "click",
            {
                "ipAddress": "192.0.2.1",
                "timestamp": AT,
                "userAgent": "Mozilla/5.0",
                "link": "https://example.org/tides",
                "linkTags": {"part": ["first"]},
            },
        ),
    }
    name, found = bodies[kind]
    return name, found | changes


def event(kind: str, sent: Sent | None = None, *, shape: str = "event", **changes: Any) -> str:
    """One event, as the text of a message.

    Args:
        kind: as SES names it, such as "Rendering Failure".
        sent: the mail it is about.
        shape: "event" as a configuration set publishes it, "notification" as an identity does.
        changes: other values in the event's own part.
    """
    sent = sent or Sent()
    name, found = body(kind, sent, **changes)
    if shape == "notification":
        assert kind in NOTIFIED
        extra = {} if kind == "Complaint" else {"remoteMtaIp": "198.51.100.7"}
        whole = {"notificationType": kind, name: found | extra}
        return json.dumps(whole | {"mail": mail(sent, tagged=False)})
    return json.dumps({"eventType": kind, "mail": mail(sent, tagged=True), name: found})


def bounce(type_: str, subtype: str, sent: Sent | None = None, **more: Any) -> str:
    """A bounce of one kind."""
    return event("Bounce", sent, bounceType=type_, bounceSubType=subtype, **more)


def complaint(kind: str | None, subtype: str | None, sent: Sent | None = None, **more: Any) -> str:
    """A complaint of one kind; SES leaves out what the mailbox provider did not say."""
    return event("Complaint", sent, complaintFeedbackType=kind, complaintSubType=subtype, **more)


def everything(sent: Sent | None = None) -> Iterable[tuple[str, str]]:
    """Every documented event in every shape it has, with a name."""
    for shape in ("event", "notification"):
        for type_, subtype in BOUNCES:
            yield f"{shape} Bounce {type_}/{subtype}", bounce(type_, subtype, sent, shape=shape)
        for kind, sub in COMPLAINTS:
            yield f"{shape} Complaint {kind}/{sub}", complaint(kind, sub, sent, shape=shape)
        yield f"{shape} Delivery", event("Delivery", sent, shape=shape)
    for kind in ("Send", "Reject", "Rendering Failure", "Subscription", "Open", "Click"):
        yield f"event {kind}", event(kind, sent)
    for delay in DELAYS:
        yield f"event DeliveryDelay {delay}", event("DeliveryDelay", sent, delayType=delay)


def in_envelope(text: str, kind: str = "Notification") -> str:
    """The same as SNS wraps it for a queue without raw delivery."""
    return json.dumps(
        {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:newsletter-events",
            "Subject": "Amazon SES Email Event Notification",
            "Message": text,
            "Timestamp": AT,
            "SignatureVersion": "1",
            "Signature": "c2lnbmF0dXJl",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem",
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        }
    )
