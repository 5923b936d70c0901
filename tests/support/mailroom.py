"""SNS and SQS as moto's server plays them: a topic that SES publishes to, the queue behind it."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3

from tests.support.ses_events import event, sent_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # moto's own dependencies
    from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
#: moto's queues live as long as its process, and so do their names.
_NUMBERS = itertools.count()
logging.getLogger("werkzeug").setLevel(logging.ERROR)


@dataclass
class Mailroom:
    """A topic, its queue, and the dead-letter queue."""

    url: str
    sqs: Any
    sns: Any
    topic: str
    queue: str
    dead: str

    @property
    def environ(self) -> dict[str, str]:
        """What points the commands here."""
        return {
            "AWS_ENDPOINT_URL_SQS": self.url,
            "AWS_ACCESS_KEY_ID": "AKIDFAKE",
            "AWS_SECRET_ACCESS_KEY": "fake/secret+key",
            "AWS_REGION": REGION,
            "NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE": self.queue,
        }

    def publish(self, *texts: str) -> None:
        """What SES does: publish to the topic, which wraps it for the queue."""
        for text in texts:
            self.sns.publish(TopicArn=self.topic, Message=text)

    def put(self, *texts: str) -> None:
        """Put messages into the queue as they are (raw delivery)."""
        for at in range(0, len(texts), 10):
            entries = [
                {"Id": str(n), "MessageBody": text} for n, text in enumerate(texts[at : at + 10])
            ]
            assert not self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries).get(
                "Failed"
            )

    def left(self, queue: str = "") -> int:
        """Messages in a queue, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue or self.queue, AttributeNames=names)
        return sum(int(number) for number in found["Attributes"].values())


@contextlib.contextmanager
def post_office() -> Iterator[str]:
    """The server, on this machine's own network; its URL."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextlib.contextmanager
def mailroom(url: str, *, dead_letters: bool = True) -> Iterator[Mailroom]:
    """A topic and queues of their own on a server."""
    session = boto3.Session("AKIDFAKE", "fake/secret+key", region_name=REGION)
    name = f"newsletter-{next(_NUMBERS)}"
    with (
        contextlib.closing(session.client("sqs", endpoint_url=url)) as sqs,
        contextlib.closing(session.client("sns", endpoint_url=url)) as sns,
    ):
        dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        attributes = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "1209600"}
        if dead_letters:
            policy = {"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": "5"}
            attributes["RedrivePolicy"] = json.dumps(policy)
        queue = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        topic = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn(sqs, queue))
        yield Mailroom(url, sqs, sns, topic, queue, dead)


def _arn(sqs: Any, queue: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])


def send_event_of(line: str) -> str:
    """The event that SES publishes about one line of the fake's log of accepted mails."""
    return event("Send", sent_of(json.loads(line)))
