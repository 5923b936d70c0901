"""A whole AWS account on this machine: SES is the fake, SNS, SQS and IAM are moto's."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3

from newsletter.ses.setup.blueprint import Blueprint, blueprint
from newsletter.ses.setup.control import ControlPlane
from newsletter.ses.setup.plan import PlanStep, apply, destroy, survey
from newsletter.settings import ConfigText, load
from tests.fake_ses import ACCESS_KEY, SECRET_KEY, FakeSes
from tests.support.aws_gate import AwsGate, aws_gate

REGION, ACCOUNT = "eu-west-1", "123456789012"
CONFIG = """
[site]
name = "Slack Water"
[sender]
from_address = "wren@letters.example.org"
"""
DOMAIN = "letters.example.org"
NAME = "newsletter-slack-water"


@dataclass
class AwsAccount:
    """An account, and a newsletter's setup in it."""

    ses: FakeSes
    gate: AwsGate
    moto: str
    waited: list[float] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict)
    _control: ControlPlane | None = None

    def empty(self) -> None:
        """An account with nothing in it, that answers as it should."""
        request = urllib.request.Request(f"{self.moto}/moto-api/reset", method="POST")
        with urllib.request.urlopen(request, timeout=30):
            pass
        self.ses.reset()
        self.ses.change(unseen=0, control_rate=None, production=True)
        self.gate.forget()
        self.waited.clear()

    def close(self) -> None:
        """Hang up."""
        for made in (*self._clients.values(), *([self._control] if self._control else ())):
            made.close()

    @property
    def environ(self) -> dict[str, str]:
        """What points every client here."""
        return self.ses.environ | self.gate.environ

    def control(self) -> ControlPlane:
        """The control plane, which never really waits; made once, for that takes boto long."""
        self._control = self._control or ControlPlane(
            region=REGION, profile="", environ=self.environ, sleep=self.waited.append
        )
        self._control.forget()
        return self._control

    def survey(self, **changes: Any) -> dict[str, PlanStep]:
        """Every part by its name."""
        return {step.part.id: step for step in survey(self.control(), plan(**changes))}

    def apply(self, **changes: Any) -> list[str]:
        """Set up; the parts that were made or changed."""
        done: list[str] = []
        steps = survey(self.control(), plan(**changes))
        apply(steps, lambda step: done.append(step.part.id))
        return done

    def destroy(
        self, *, with_identity: bool = True, with_messages: bool = False, **changes: Any
    ) -> list[str]:
        """Take it away; the parts that went."""
        done: list[str] = []
        destroy(
            survey(self.control(), plan(**changes)), lambda step: done.append(step.part.id),
            with_identity=with_identity, with_messages=with_messages,
        )  # fmt: skip
        return done

    def client(self, service: str) -> Any:
        """A client past the gate, with an administrator's rights."""
        if service not in self._clients:
            url = self.ses.url if service == "sesv2" else self.moto
            session: Any = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
            self._clients[service] = session.client(service, endpoint_url=url)
        return self._clients[service]

    def snapshot(self) -> dict[str, Any]:
        """Everything there is, without what differs each time."""
        found: dict[str, Any] = {"ses": self.ses.configured(), "sqs": {}, "sns": {}, "iam": {}}
        sqs, sns, iam = self.client("sqs"), self.client("sns"), self.client("iam")
        for url in sqs.list_queues().get("QueueUrls", ()):
            told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            kept = {name: _read(told[name]) for name in sorted(told) if "Timestamp" not in name}
            tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
            found["sqs"][url.rpartition("/")[2]] = {"attributes": kept, "tags": tags}
        for one in sns.list_topics()["Topics"]:
            arn = one["TopicArn"]
            told = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
            hung = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
            found["sns"][arn] = {
                "attributes": {name: _read(told[name]) for name in sorted(told)},
                "tags": sns.list_tags_for_resource(ResourceArn=arn)["Tags"],
                "subscriptions": [(one["Protocol"], one["Endpoint"]) for one in hung],
            }
        for one in iam.list_policies(Scope="Local")["Policies"]:
            arn = one["Arn"]
            version = iam.get_policy_version(PolicyArn=arn, VersionId=one["DefaultVersionId"])
            tags = iam.list_policy_tags(PolicyArn=arn)["Tags"]
            document = version["PolicyVersion"]["Document"]
            found["iam"][arn] = {"document": document, "tags": tags}
        return found


def plan(*, sandbox: bool = False, config: str = CONFIG, mail_from: str = "") -> Blueprint:
    """What the newsletter wants."""
    settings = load(ConfigText(file="newsletter.toml", text=config), environ={})
    return blueprint(
        settings, account=ACCOUNT, region=REGION, partition="aws", sandbox=sandbox,
        mail_from=mail_from,
    )  # fmt: skip


@contextlib.contextmanager
def aws_account(moto: str) -> Iterator[AwsAccount]:
    """An account; what its clients are pointed by is for who uses it to set."""
    with FakeSes(publish_to=moto) as ses, aws_gate(moto) as gate:
        made = AwsAccount(ses, gate, moto)
        with contextlib.closing(made):
            yield made


def _read(text: str) -> Any:
    """Documents as what they say."""
    try:
        return json.loads(text)
    except ValueError:
        return text
