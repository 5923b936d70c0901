"""The SQS queue that SES reports to: events go into the records, and only then out of the queue.

SQS delivers at least once and in no order (SQS developer guide, "Amazon SQS standard queues"); the
records take care of both. Whatever goes wrong with one message concerns that message alone: it goes
to the queue's dead-letter queue, where a person can look at it, or stays where there is none.
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
from newsletter.errors import AccountError, InputError, NewsletterError
from newsletter.feedback import Event, is_foreign
from newsletter.ses.account import account_error
from newsletter.ses.client import find_region
from newsletter.ses.event_format import read_event
from newsletter.ses.outcomes import FAILURES
from newsletter.store.events import Recorded
from newsletter.store.feedback import Feedback

#: The most SQS hands out at once, and the longest it waits for something to come (its API).
_MOST: Final = 10
LONGEST_WAIT: Final = 20
#: Seconds to wait for what may be there. A wait of 0 asks a part of SQS's servers only and may find
#: nothing in a full queue (SQS developer guide, "Short and long polling").
_LOOK: Final = 1
#: Seconds for which a message that was handed out is not handed out again, whatever the queue's own
#: setting: what stays in the queue must not come again and again, before all that waits behind it.
_HIDDEN: Final = 120
#: So many answers in a row with nothing but what was left in the queue before end a pull.
_FRUITLESS: Final = 30
#: So many messages that were left in the queue are remembered.
_REMEMBERED: Final = 50_000
_CONFIG: Final = Config(
    retries={"total_max_attempts": 3, "mode": "standard"},
    connect_timeout=10,
    read_timeout=LONGEST_WAIT + 10,
    user_agent=f"newsletter/{__version__}",
)


def _config(patience: float | None) -> Config:
    if patience is None:
        return _CONFIG
    once: Config = _CONFIG.merge(
        Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=patience, read_timeout=patience,
        )
    )  # fmt: skip
    return once


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """One message of the queue.

    Attributes:
        id: the same whenever it is handed out.
        receipt: by which it is deleted; new each time.
    """

    id: str
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
        unmatched: of the new ones, those about mails that these records have not handed over.
        dead_lettered: messages moved to the dead-letter queue.
        unread: messages that cannot be read and have nowhere to go; they stay in the queue.
        foreign: events about deliveries of other records; they stay in the queue.
        drained: whether the queue had nothing more to give in the end.
    """

    received: int = 0
    new: int = 0
    known: int = 0
    settled: int = 0
    suppressed: int = 0
    unmatched: int = 0
    dead_lettered: int = 0
    unread: int = 0
    foreign: int = 0
    drained: bool = False

    def add(self, recorded: Recorded) -> None:
        """Count what became of some events."""
        self.new += recorded.new
        self.known += recorded.known
        self.settled += recorded.settled
        self.suppressed += recorded.suppressed
        self.unmatched += recorded.unmatched


@dataclass(slots=True)
class _Sorted:
    """Messages taken apart: what they report, what says nothing, what is not for these records."""

    events: list[tuple[QueueMessage, Event]] = field(default_factory=list)
    done: list[QueueMessage] = field(default_factory=list)
    foreign: list[QueueMessage] = field(default_factory=list)
    unreadable: list[QueueMessage] = field(default_factory=list)


class Queue:
    """An SQS queue; not shared between threads.

    Args:
        url: its address.
        region: from the settings, "" to look it up.
        profile: of AWS's own configuration, "" for the usual one.
        environ: AWS_REGION counts here, though botocore ignores it.
        patience: seconds for a connection, and again for an answer, of who does not try again; None
            for whoever waits for messages.

    Raises:
        AccountError: a profile that does not exist.
        InputError: no region, or an endpoint that is no address.
    """

    def __init__(
        self,
        url: str,
        *,
        region: str,
        profile: str,
        environ: Mapping[str, str],
        patience: float | None = None,
    ) -> None:
        self._url = url
        try:
            session = boto3.Session(profile_name=profile or None)
            name, _ = find_region(region, environ, session)
            self._client: Any = session.client("sqs", region_name=name, config=_config(patience))
        except failures.BotoCoreError as error:
            raise account_error(error) from error
        except ValueError as error:
            raise InputError(
                "the endpoint of SQS is not an address", hint="look at AWS_ENDPOINT_URL_SQS"
            ) from error
        self._dead_letter_queue = ""
        self._left: dict[str, None] = {}

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def receive(self, *, seconds: int) -> tuple[QueueMessage, ...]:
        """The next messages, at most ten; wait so long for one to come.

        Raises:
            AccountError: the queue cannot be read.
        """
        with _translated():
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=_MOST, WaitTimeSeconds=seconds,
                VisibilityTimeout=_HIDDEN,
            )  # fmt: skip
        return tuple(
            QueueMessage(
                id=one["MessageId"], body=one.get("Body", ""), receipt=one["ReceiptHandle"]
            )
            for one in answer.get("Messages", ())
        )

    def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Take messages off the queue; one that stays comes again, and is known then.

        Raises:
            AccountError: the queue cannot be changed.
        """
        entries = [{"Id": str(n), "ReceiptHandle": one.receipt} for n, one in enumerate(messages)]
        if entries:
            with _translated():
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def move_to_dlq(self, messages: Sequence[QueueMessage]) -> tuple[QueueMessage, ...]:
        """Move messages there; those that could be moved: none where there is no such queue.

        Raises:
            AccountError: this queue cannot be changed.
        """
        if not messages or not self._find_dead_letter_queue():
            return ()
        moved = tuple(message for message in messages if self._copy(message))
        self.delete(moved)
        return moved

    def mark_left(self, messages: Sequence[QueueMessage]) -> int:
        """Note that messages stay in the queue; how many of them were not noted before."""
        before = len(self._left)
        self._left |= {message.id: None for message in messages}
        new = len(self._left) - before
        while len(self._left) > _REMEMBERED:
            del self._left[next(iter(self._left))]
        return new

    def was_left(self, message: QueueMessage) -> bool:
        """Whether a message was left in the queue before."""
        return message.id in self._left

    def size(self) -> int:
        """About how many messages there are, those in another reader's hands included.

        Raises:
            AccountError: the queue cannot be asked.
        """
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        with _translated():
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(number) for number in found.get("Attributes", {}).values())

    def _copy(self, message: QueueMessage) -> bool:
        """Whether a copy of a message is in the dead-letter queue; some texts no queue takes."""
        try:
            self._client.send_message(
                QueueUrl=self._dead_letter_queue, MessageBody=message.body or "-"
            )
        except FAILURES:
            return False
        return True

    def _find_dead_letter_queue(self) -> str:
        """Its address, "" where there is none or it cannot be told; looked up until it is known."""
        if self._dead_letter_queue:
            return self._dead_letter_queue
        try:
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["RedrivePolicy"]
            )
            policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
            arn = str(policy.get("deadLetterTargetArn", ""))
            if arn:
                *_, account, name = arn.split(":")
                found = self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
                self._dead_letter_queue = str(found["QueueUrl"])
        except (*FAILURES, AttributeError, KeyError, ValueError):
            return ""
        return self._dead_letter_queue


def pull(
    queue: Queue,
    records: Feedback,
    clock: Callable[[], dt.datetime],
    *,
    sender: str,
    follow: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    sums: Pulled | None = None,
    heard: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Move events from the queue into the records until it is empty, or for ever.

    Args:
        queue: the queue.
        records: where events are recorded; what has been recorded may be deleted, nothing else.
        clock: tells the time, in UTC.
        sender: see `Feedback.record`.
        follow: whether to wait for more.
        stopped: asked before every request.
        sums: counted on batch by batch, for who may be interrupted.
        heard: told the text of every message once it is recorded.

    Raises:
        AccountError: the queue cannot be used.
        NewsletterError: the records cannot be written; the batch stays in the queue.
    """
    work = _Pull(queue, records, clock, sender, sums or Pulled())
    store, fruitless = records.store_id(), 0
    while not stopped() and (follow or fruitless < _FRUITLESS):
        messages = queue.receive(seconds=LONGEST_WAIT if follow else _LOOK)
        if not messages and not follow:
            work.sums.drained = True
            break
        again = all(queue.was_left(message) for message in messages)
        fruitless = fruitless + 1 if again else 0
        work.sums.received += len(messages)
        work.take_in(_sort(messages, store))
        for message in messages:
            heard(message.body)
    work.sums.settled += records.reconcile()
    return work.sums


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull under way; what `pull` was given."""

    queue: Queue
    records: Feedback
    clock: Callable[[], dt.datetime]
    sender: str
    sums: Pulled

    def take_in(self, work: _Sorted) -> None:
        """Record, then delete: a crash between the two only makes events come again."""
        refused = self._record(work.events)
        unreadable = [*work.unreadable, *refused]
        recorded = [message for message, _ in work.events if message not in refused]
        self.queue.delete([*work.done, *recorded])
        moved = self.queue.move_to_dlq(unreadable)
        self.sums.dead_lettered += len(moved)
        self.sums.unread += self.queue.mark_left([one for one in unreadable if one not in moved])
        self.sums.foreign += self.queue.mark_left(work.foreign)

    def _record(self, found: Sequence[tuple[QueueMessage, Event]]) -> list[QueueMessage]:
        """Record events, all at once or else one by one; the messages that cannot be recorded.

        Raises:
            NewsletterError: it is the records' fault, and no message's.
        """
        events = [event for _, event in found]
        try:
            self.sums.add(self.records.record(events, now=self.clock(), sender=self.sender))
        except NewsletterError:
            raise
        except Exception:  # noqa: BLE001  # whatever a message brings about is about that message
            if len(found) == 1:
                return [message for message, _ in found]
        else:
            return []
        return [message for one in found for message in self._record([one])]


def _sort(messages: Sequence[QueueMessage], store: str) -> _Sorted:
    """Read messages; a tag with another store's id makes an event foreign."""
    work = _Sorted()
    for message in messages:
        try:
            event = read_event(message.body)
        except Exception:  # noqa: BLE001  # a stranger's text; whatever it does, the next one waits
            work.unreadable.append(message)
            continue
        if event is None:
            work.done.append(message)
        elif is_foreign(event, store):
            work.foreign.append(message)
        else:
            work.events.append((message, event))
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
