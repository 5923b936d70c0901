"""The SQS queue that SES reports to: events go into the records, and only then out of the queue.

SQS delivers at least once and in no order (SQS developer guide, "Amazon SQS standard queues"); the
records take care of both. What cannot be read goes to the queue's dead-letter queue, where a
person can look at it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import botocore.exceptions as failures
from botocore.config import Config

from newsletter import __version__
from newsletter.errors import AccountError, InputError
from newsletter.feedback import Event, PoisonError, read
from newsletter.store.feedback import Feedback
from newsletter.transport.ses import find_region
from newsletter.transport.ses.answers import FAILURES, account_error

#: The most SQS hands out at once, and the longest it waits for something to come (its API).
_MOST: Final = 10
LONGEST_WAIT: Final = 20
#: Seconds to wait for what may be there. A wait of 0 asks a part of SQS's servers only and may find
#: nothing in a full queue (SQS developer guide, "Short and long polling").
_LOOK: Final = 1
#: So many messages that cannot be read and cannot be moved end a pull: the same ones come again.
_UNREAD: Final = 30
_CONFIG: Final = Config(
    retries={"total_max_attempts": 3, "mode": "standard"},
    connect_timeout=10,
    read_timeout=LONGEST_WAIT + 10,
    user_agent=f"newsletter/{__version__}",
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the queue: its text, and the receipt by which it is deleted."""

    body: str
    receipt: str


@dataclass(slots=True, kw_only=True)
class Pulled:
    """What one pull did.

    Attributes:
        received: messages read, repeated ones too.
        new: events recorded.
        known: events that had been recorded before.
        settled: deliveries they settled.
        suppressed: addresses newly kept out.
        buried: messages moved to the dead-letter queue.
        unread: messages that cannot be read and have nowhere to go; they stay in the queue.
        drained: whether the queue had nothing more to give in the end.
    """

    received: int = 0
    new: int = 0
    known: int = 0
    settled: int = 0
    suppressed: int = 0
    buried: int = 0
    unread: int = 0
    drained: bool = False


@dataclass(slots=True)
class _Sorted:
    """Messages taken apart: what they say, which may go, which cannot be read."""

    found: list[Event] = field(default_factory=list)
    done: list[Letter] = field(default_factory=list)
    poison: list[Letter] = field(default_factory=list)


class Queue:
    """An SQS queue; not shared between threads.

    Args:
        url: its address.
        region: from the settings, "" to look it up.
        profile: of AWS's own configuration, "" for the usual one.
        environ: AWS_REGION counts here, though botocore ignores it.

    Raises:
        AccountError: no region, or a profile that does not exist.
        InputError: an endpoint that is no address.
    """

    def __init__(self, url: str, *, region: str, profile: str, environ: Mapping[str, str]) -> None:
        self._url = url
        try:
            session = boto3.Session(profile_name=profile or None)
            name, _ = find_region(region, environ, session)
            self._client: Any = session.client("sqs", region_name=name, config=_CONFIG)
        except failures.BotoCoreError as error:
            raise account_error(error) from error
        except ValueError as error:
            raise InputError(
                "the endpoint of SQS is not an address", hint="look at AWS_ENDPOINT_URL_SQS"
            ) from error
        self._grave: str | None = None

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def receive(self, *, seconds: int) -> tuple[Letter, ...]:
        """The next messages, at most ten; wait so long for one to come.

        Raises:
            AccountError: the queue cannot be read.
        """
        with _translated():
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=_MOST, WaitTimeSeconds=seconds
            )
        found = answer.get("Messages", ())
        return tuple(Letter(one.get("Body", ""), one["ReceiptHandle"]) for one in found)

    def delete(self, letters: Sequence[Letter]) -> None:
        """Take messages off the queue; one that stays comes again, and is known then.

        Raises:
            AccountError: the queue cannot be changed.
        """
        entries = [{"Id": str(n), "ReceiptHandle": one.receipt} for n, one in enumerate(letters)]
        if entries:
            with _translated():
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def bury(self, letters: Sequence[Letter]) -> int:
        """Move messages to the dead-letter queue; says how many, 0 when there is none.

        Raises:
            AccountError: this queue or that one cannot be used.
        """
        with _translated():
            if self._grave is None:
                self._grave = self._dead_letters()
            if not self._grave:
                return 0
            for letter in letters:
                self._client.send_message(QueueUrl=self._grave, MessageBody=letter.body or "-")
        self.delete(letters)
        return len(letters)

    def left(self) -> int:
        """About how many messages there are, those in another reader's hands included.

        Raises:
            AccountError: the queue cannot be asked.
        """
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        with _translated():
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(number) for number in found.get("Attributes", {}).values())

    def _dead_letters(self) -> str:
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["RedrivePolicy"]
        )
        policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
        arn = str(policy.get("deadLetterTargetArn", ""))
        if not arn:
            return ""
        *_, account, name = arn.split(":")
        found = self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        return str(found["QueueUrl"])


def pull(
    queue: Queue,
    records: Feedback,
    clock: Callable[[], dt.datetime],
    *,
    follow: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    sums: Pulled | None = None,
) -> Pulled:
    """Move events from the queue into the records until it is empty, or for ever.

    Args:
        queue: the queue.
        records: where events are recorded; what has been recorded may be deleted, nothing else.
        clock: tells the time, in UTC.
        follow: whether to wait for more.
        stopped: asked before every request.
        sums: counted on batch by batch, for who may be interrupted.

    Raises:
        AccountError: the queue cannot be used.
        NewsletterError: the records cannot be written; the batch stays in the queue.
    """
    sums = sums or Pulled()
    while not stopped() and sums.unread < _UNREAD:
        letters = queue.receive(seconds=LONGEST_WAIT if follow else _LOOK)
        if letters:
            _take_in(queue, records, letters, sums, clock())
        elif not follow:
            sums.drained = True
            break
    sums.settled += records.reconcile()
    return sums


def _take_in(
    queue: Queue, records: Feedback, letters: Sequence[Letter], sums: Pulled, now: dt.datetime
) -> None:
    """Record, then delete: a crash between the two only makes events come again."""
    work = _sorted_out(letters)
    recorded = records.record(work.found, now=now)
    sums.received += len(letters)
    sums.new += recorded.new
    sums.known += recorded.known
    sums.settled += recorded.settled
    sums.suppressed += recorded.suppressed
    queue.delete(work.done)
    buried = queue.bury(work.poison) if work.poison else 0
    sums.buried += buried
    sums.unread += len(work.poison) - buried


def _sorted_out(letters: Sequence[Letter]) -> _Sorted:
    work = _Sorted()
    for letter in letters:
        try:
            event = read(letter.body)
        except PoisonError:
            work.poison.append(letter)
            continue
        work.done.append(letter)
        if event is not None:
            work.found.append(event)
    return work


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except failures.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "an error"))
        raise AccountError(
            "the queue of events cannot be used",
            cause=code,
            hint="look at transport.ses.events_queue, its region, and the rights to it: "
            "sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes",
        ) from error
    except FAILURES as error:
        raise AccountError(
            "the queue of events cannot be reached",
            cause=type(error).__name__,
            hint="look at network, credentials and transport.ses.events_queue",
        ) from error
