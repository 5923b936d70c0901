"""The way that events take: a topic (SNS), the queue behind it (SQS), and its dead letters."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from newsletter.humanize import plural
from newsletter.ses.setup.blueprint import RETENTION
from newsletter.ses.setup.control import ControlPlane
from newsletter.ses.setup.part import Part, PartStanding, SeenPart, judged

_DAY: Final = 86_400
_FILTERED: Final = "a filter leaves events out -> none"
#: So often a message is handed out before SQS puts it aside.
_TIMES: Final = 20
#: The statement by which AWS lets a new topic's owner in.
_AWS_OWN: Final = "__default_statement_ID"
_COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


class _Queue(Part):
    """One queue."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How it is called."""

    @property
    def wanted(self) -> dict[str, str]:
        return {"MessageRetentionPeriod": str(RETENTION), "SqsManagedSseEnabled": "true"}

    def look(self) -> SeenPart:
        url = self.url()
        if not url:
            return SeenPart(standing=PartStanding.MISSING, detail=self.name)
        tags = self.tags(url)
        ours = self.plan.are_ours(tags)
        drift = self.plan.others(tags) or self.drift(self.attributes(url), ours=ours)
        return judged(self.name, drift, ours=ours)

    def make(self) -> None:
        url = self.url()
        if not url:
            self.control.write(
                "sqs", "create_queue", QueueName=self.name, Attributes=self.wanted,
                tags=self.plan.tags,
            )  # fmt: skip
            return
        self.control.write("sqs", "set_queue_attributes", QueueUrl=url, Attributes=self.mended(url))

    def undo(self) -> None:
        if url := self.url():
            self.control.write("sqs", "delete_queue", QueueUrl=url)

    def messages(self) -> int:
        """About how many messages it holds; raises what `Part.look` does."""
        url = self.url()
        found = self.attributes(url) if url else {}
        return sum(int(found.get(name, 0)) for name in _COUNTS)

    def url(self) -> str:
        found = self.control.read("sqs", "get_queue_url", QueueName=self.name)
        return str(found["QueueUrl"]) if found else ""

    def attributes(self, url: str) -> dict[str, str]:
        found = self.control.read(
            "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"]
        )
        return dict((found or {}).get("Attributes", {}))

    def tags(self, url: str) -> dict[str, str]:
        found = self.control.read("sqs", "list_queue_tags", QueueUrl=url)
        return dict((found or {}).get("Tags", {}))

    def mended(self, url: str) -> dict[str, str]:
        del url
        return self.wanted

    def drift(self, found: dict[str, str], *, ours: bool) -> list[str]:
        del ours
        kept = int(found.get("MessageRetentionPeriod", 0))
        wanted = RETENTION // _DAY
        short = f"keeps messages {kept / _DAY:g} days -> {wanted}"
        return [short] if kept < RETENTION else []


class DeadLetterQueue(_Queue):
    """Where messages go that cannot be read."""

    id = "dead-letter-queue"

    @property
    def name(self) -> str:
        return self.plan.dead_letters

    def obstacle(self) -> str:
        others = [
            name for one in self._sources() if (name := one.rpartition("/")[2]) != self.plan.events
        ]
        return f"dead letters of {', '.join(others)} go there as well" if others else ""

    def _sources(self) -> list[str]:
        """URLs of the queues whose dead letters end here; the first page says enough."""
        url = self.url()
        if not url:
            return []
        found = self.control.read("sqs", "list_dead_letter_source_queues", QueueUrl=url)
        return list((found or {}).get("queueUrls", ()))


class EventsQueue(_Queue):
    """What `events pull` empties."""

    id = "queue"

    @property
    def name(self) -> str:
        return self.plan.events

    @property
    def wanted(self) -> dict[str, str]:
        redrive = {
            "deadLetterTargetArn": self.plan.arn("sqs", self.plan.dead_letters),
            "maxReceiveCount": str(_TIMES),
        }
        return super().wanted | {
            "VisibilityTimeout": "120",
            "ReceiveMessageWaitTimeSeconds": "20",
            "RedrivePolicy": json.dumps(redrive),
            "Policy": _document(self.plan.queue_rights),
        }

    def obstacle(self) -> str:
        url = self.url()
        policy = self.attributes(url).get("Policy", "") if url else ""
        return _shared(policy, self.plan.queue_rights)

    def mended(self, url: str) -> dict[str, str]:
        there = _statements(self.attributes(url).get("Policy", ""))
        policy = _document(_with(there, self.plan.queue_rights))
        return self.wanted | {"Policy": policy}

    def drift(self, found: dict[str, str], *, ours: bool) -> list[str]:
        faults = super().drift(found, ours=ours)
        target = _object(found.get("RedrivePolicy", "")).get("deadLetterTargetArn", "")
        if not target or (ours and not target.endswith(f":{self.plan.dead_letters}")):
            faults.append("no dead-letter queue -> ours" if not target else "other dead letters")
        policy = found.get("Policy", "")
        fits = (
            _holds(_statements(policy), self.plan.queue_rights)
            if ours
            else lets_in(policy, self.plan.topic_arn)
        )
        return faults if fits else [*faults, "does not let our topic in -> does"]


class Topic(Part):
    """What SES publishes to."""

    id = "topic"

    def look(self) -> SeenPart:
        found = self._attributes()
        if found is None:
            return SeenPart(standing=PartStanding.MISSING, detail=self.plan.events)
        there = _statements(found.get("Policy", ""))
        drift = [] if _holds(there, self.plan.topic_rights) else ["does not let SES in -> does"]
        drift = self.plan.others(self.tags()) or drift
        return judged(self.plan.events, drift, ours=self.is_ours())

    def make(self) -> None:
        found = self._attributes()
        if found is None:
            tags = [{"Key": key, "Value": value} for key, value in self.plan.tags.items()]
            self.control.write("sns", "create_topic", Name=self.plan.events, Tags=tags)
            return
        policy = _document(_with(_statements(found.get("Policy", "")), self.plan.topic_rights))
        self.control.write(
            "sns", "set_topic_attributes", TopicArn=self.plan.topic_arn, AttributeName="Policy",
            AttributeValue=policy,
        )  # fmt: skip

    def undo(self) -> None:
        self.control.write("sns", "delete_topic", TopicArn=self.plan.topic_arn)

    def obstacle(self) -> str:
        others = [one for one in self.subscriptions() if one.get("Endpoint") != self.plan.queue_arn]
        number = plural(len(others), "other subscription hangs", "other subscriptions hang")
        if others:
            return f"{number} on it"
        return _shared((self._attributes() or {}).get("Policy", ""), self.plan.topic_rights)

    def is_ours(self) -> bool:
        """Whether it has our tags; raises what `look` does."""
        return self.plan.are_ours(self.tags())

    def tags(self) -> dict[str, str]:
        """What it is marked with; raises what `look` does."""
        found = self.control.read("sns", "list_tags_for_resource", ResourceArn=self.plan.topic_arn)
        return {one["Key"]: one["Value"] for one in (found or {}).get("Tags", ())}

    def subscriptions(self) -> list[dict[str, Any]]:
        """All of the topic's; raises what `look` does."""
        return subscriptions(self.control, self.plan.topic_arn)

    def _attributes(self) -> dict[str, str] | None:
        found = self.control.read("sns", "get_topic_attributes", TopicArn=self.plan.topic_arn)
        return None if found is None else dict(found["Attributes"])


class Subscription(Topic):
    """The queue's, to the topic."""

    id = "subscription"

    def look(self) -> SeenPart:
        what = f"of the queue to the topic {self.plan.events}"
        if self._attributes() is None:
            return SeenPart(standing=PartStanding.MISSING, detail=what)
        if own := self._own():
            drift = [_FILTERED] if any(filtered(self.control, one) for one in own) else []
            return judged(what, drift, ours=self.is_ours())
        if self.is_ours():
            return SeenPart(standing=PartStanding.MISSING, ours=True, detail=what)
        return judged(what, ["not there"], ours=False)

    def make(self) -> None:
        for one in self._own():
            self.control.write(
                "sns", "set_subscription_attributes", SubscriptionArn=one["SubscriptionArn"],
                AttributeName="FilterPolicy", AttributeValue="{}",
            )  # fmt: skip
        if self._own():
            return
        self.control.write(
            "sns", "subscribe", TopicArn=self.plan.topic_arn, Protocol="sqs",
            Endpoint=self.plan.queue_arn, Attributes={"RawMessageDelivery": "true"},
            ReturnSubscriptionArn=True,
        )  # fmt: skip

    def undo(self) -> None:
        for one in self._own():
            self.control.write("sns", "unsubscribe", SubscriptionArn=one["SubscriptionArn"])

    def obstacle(self) -> str:
        return ""

    def _own(self) -> list[dict[str, Any]]:
        return [one for one in self.subscriptions() if one.get("Endpoint") == self.plan.queue_arn]


def subscriptions(control: ControlPlane, topic: str) -> list[dict[str, Any]]:
    """What hangs on a topic, page by page; raises what `Part.look` does."""
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        page = control.read("sns", "list_subscriptions_by_topic", TopicArn=topic, **more) or {}
        found += page.get("Subscriptions", ())
        if not page.get("NextToken"):
            return found
        more = {"NextToken": page["NextToken"]}


def filtered(control: ControlPlane, subscription: Mapping[str, Any]) -> bool:
    """Whether a subscription leaves messages out; raises what `Part.look` does."""
    found = control.read(
        "sns", "get_subscription_attributes", SubscriptionArn=subscription["SubscriptionArn"]
    )
    return bool(_object((found or {}).get("Attributes", {}).get("FilterPolicy", "")))


def lets_in(policy: str, topic: str) -> bool:
    """Whether a queue's policy lets a topic's messages in, as far as its sources tell."""
    return any(
        one.get("Effect") == "Allow" and any(fnmatchcase(topic, name) for name in _sources(one))
        for one in _statements(policy)
        if isinstance(one, dict)
    )


def _sources(statement: dict[str, Any]) -> list[str]:
    """The ARNs by which a statement chooses whom it lets in, "*" where it names none."""
    told = [
        value
        for operator in (statement.get("Condition") or {}).values()
        for key, value in operator.items()
        if key.lower() == "aws:sourcearn"
    ]
    found = [one for value in told for one in (value if isinstance(value, list) else [value])]
    return [str(one) for one in found] or ["*"]


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _statements(text: str) -> list[Any]:
    found = _object(text).get("Statement", [])
    return found if isinstance(found, list) else [found]


def _shared(policy: str, ours: list[dict[str, Any]]) -> str:
    """Whether a policy lets others in besides ours and what AWS itself writes there."""
    others = [
        one
        for one in _statements(policy)
        if isinstance(one, dict) and one.get("Effect") == "Allow"
        and one not in ours and one.get("Sid") != _AWS_OWN
    ]  # fmt: skip
    return "its policy lets others in, too" if others else ""


def _holds(there: list[Any], wanted: list[dict[str, Any]]) -> bool:
    return all(one in there for one in wanted)


def _with(there: list[Any], wanted: list[dict[str, Any]]) -> list[Any]:
    """Statements with ours in place of what has their names; those of others stay."""
    ours = {one["Sid"] for one in wanted}
    return [one for one in there if one.get("Sid") not in ours] + wanted


def _document(statements: list[Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
