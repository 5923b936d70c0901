"""The conductor: claim -> compose -> transport -> settle, one mail at a time.

A request is on the wire only while its delivery is durably claimed, and its outcome is durable
before the next claim by the same hand. So after a crash exactly the claimed ones are in doubt,
and nobody is ever sent twice to find out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from newsletter.audience import Subscriber
from newsletter.errors import InputError
from newsletter.links import Key, unsubscribe_url
from newsletter.message import SAMPLE, Envelope, Message, Stamp, compose
from newsletter.outbox import Delivery, Outcome, Result, Run

Clock = Callable[[], dt.datetime]


class Records(Protocol):
    """Where deliveries are claimed and settled, durably; the store is one."""

    def claim(self, run: Run, *, now: dt.datetime) -> Delivery | None:
        """Take the next delivery, skipping who has left since; None when none is queued."""
        ...

    def settle(self, run: Run, delivery: Delivery, outcome: Outcome, *, now: dt.datetime) -> None:
        """Record what became of a claimed delivery."""
        ...


class Transport(Protocol):
    """One way out of the house."""

    @property
    def name(self) -> str:
        """Its name in the settings and in the records."""
        ...

    @property
    def rehearsal(self) -> bool:
        """Whether nothing leaves the house; such runs have records of their own."""
        ...

    @property
    def stamps(self) -> bool:
        """Whether it writes Date and Message-ID itself, as SES does."""
        ...

    def describe(self) -> str:
        """Where mail goes, for the author's eye before a send."""
        ...

    def rate(self) -> float | None:
        """Mails a second it takes, None for as many as it answers."""
        ...

    def begin(self, issue: int) -> None:
        """Called once, before the first mail of a new run."""
        ...

    def deliver(self, message: Message) -> Outcome:
        """Hand over one mail, once; what the world answers is a value, never an exception."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What turns a claimed delivery into a mail.

    Attributes:
        envelope: the frozen content of the run.
        public_url: where unsubscribe pages are served, or "".
        key: signs the links.

    Raises:
        InputError: not even the sample person's mail can be composed, so nobody's could; told
            before the first claim, or everybody would be refused one by one.
    """

    envelope: Envelope
    public_url: str
    key: Key

    def __post_init__(self) -> None:
        self._mail(SAMPLE, stamp=None)

    def print(self, run: Run, delivery: Delivery, *, stamp: Stamp | None) -> Message:
        """Compose the mail of one delivery.

        Raises:
            InputError: the person's name or address cannot stand in a header.
        """
        person = delivery.subscriber
        return Message(
            issue=run.content.issue,
            position=delivery.position,
            attempt=delivery.attempt,
            sender=self.envelope.sender,
            to=person.address,
            data=self._mail(person, stamp=stamp),
        )

    def _mail(self, person: Subscriber, *, stamp: Stamp | None) -> bytes:
        url = unsubscribe_url(self.public_url, person.handle, self.key) if self.public_url else ""
        return compose(self.envelope, person, unsubscribe_url=url, stamp=stamp)


def deliver_next(
    run: Run, records: Records, transport: Transport, press: Press, clock: Clock
) -> Outcome | None:
    """Take one delivery through all its steps.

    Returns:
        What the transport said, or None when nothing is queued any more.

    Raises:
        NewsletterError: the records could not be written; the delivery then stays claimed and
            becomes unknown at the next start.
    """
    delivery = records.claim(run, now=clock())
    if delivery is None:
        return None
    stamp = None if transport.stamps else _stamp(run, delivery, press, clock())
    try:
        message = press.print(run, delivery, stamp=stamp)
    except InputError as error:
        # One odd name must not keep everybody else waiting; nothing has left for this one.
        outcome = Outcome(result=Result.REFUSED, reason=error.message)
    else:
        outcome = transport.deliver(message)
    records.settle(run, delivery, outcome, now=clock())
    return outcome


def _stamp(run: Run, delivery: Delivery, press: Press, now: dt.datetime) -> Stamp:
    domain = press.envelope.sender.rpartition("@")[2]
    name = f"{run.content.issue}.{delivery.position}.{delivery.attempt}"
    return Stamp(date=now, message_id=f"{name}.{run.content.content_hash[:16]}@{domain}")
