"""The conductor: claim -> compose -> transport -> settle, one mail at a time.

A request is on the wire only while its delivery is durably claimed, and its outcome is durable
before the next claim by the same hand. So after a crash exactly the claimed ones are in doubt,
and nobody is ever sent twice to find out.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from newsletter.audience import Subscriber, read_address
from newsletter.audience.tokens import TRIAL_KEY, Key, unsubscribe_url
from newsletter.check import Finding, tally
from newsletter.check.mail import LIMIT
from newsletter.delivery import Allowance, Attempt, Delivery, Outcome, Run
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.errors import InputError
from newsletter.humanize import duration, plural
from newsletter.message import SAMPLE, Message, MimeTemplate, Sender, Stamp, compose

Clock = Callable[[], dt.datetime]

_TRIAL_MARK: Final = "[TEST] "


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

    def allowance(self) -> Allowance:
        """Ask what it takes now; called at the start and every minute of a run.

        Raises:
            AccountError: the account cannot be asked, or takes nothing.
        """
        ...

    def begin(self, issue: int) -> None:
        """Called once, before the first mail of a new run."""
        ...

    def deliver(self, message: Message) -> Outcome:
        """Hand over one mail, once; what the world answers is a value, never an exception."""
        ...

    def close(self) -> None:
        """Hang up; called once, when nothing is in flight any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What turns a claimed delivery into a mail.

    Attributes:
        template: the issue that the run froze, encoded.
        public_url: where unsubscribe pages are served, or "".
        key: signs the links.
        store: the id of the records.

    Raises:
        InputError: not even the sample person's mail can be composed, so nobody's could; told
            before the first claim, or everybody would be refused one by one.
    """

    template: MimeTemplate
    public_url: str
    key: Key
    store: str

    def __post_init__(self) -> None:
        self._mail(SAMPLE, stamp=None)

    def print(self, run: Run, delivery: Delivery, *, stamp: Stamp | None) -> Message:
        """Compose the mail of one delivery.

        Raises:
            InputError: the person's address cannot be written in a header.
        """
        person = delivery.subscriber
        return Message(
            issue=run.content.issue,
            position=delivery.position,
            attempt=delivery.attempt,
            sender=self.template.sender,
            to=person.address,
            data=self._mail(person, stamp=stamp),
            store=self.store,
        )

    def _mail(self, person: Subscriber, *, stamp: Stamp | None) -> bytes:
        url = unsubscribe_url(self.public_url, person.handle, self.key) if self.public_url else ""
        return compose(self.template, person, unsubscribe_url=url, stamp=stamp)


def deliver_next(
    run: Run,
    records: Records,
    transport: Transport,
    press: Press,
    clock: Clock,
    *,
    wait_for_slot: Callable[[], None] = lambda: None,
) -> Attempt | None:
    """Take one delivery through all its steps.

    Args:
        run: the run it belongs to.
        records: where it is claimed and settled.
        transport: the way out.
        press: makes the mail.
        clock: tells the time, in UTC.
        wait_for_slot: called when the mail is ready to be handed over; returns when it may leave.

    Returns:
        The attempt with what the transport said, or None when nothing is queued any more.

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
        # One odd row must not keep everybody else waiting; nothing has left for this one.
        outcome = judged(Verdict.UNFIT, error.message)
    else:
        wait_for_slot()
        outcome = transport.deliver(message)
    records.settle(run, delivery, outcome, now=clock())
    return Attempt(position=delivery.position, number=delivery.attempt, outcome=outcome)


def _stamp(run: Run, delivery: Delivery, press: Press, now: dt.datetime) -> Stamp:
    domain = press.template.sender.rpartition("@")[2]
    name = f"{run.content.issue}.{delivery.position}.{delivery.attempt}"
    return Stamp(date=now, message_id=f"{name}.{run.content.content_hash[:16]}@{domain}")


def summary(
    *,
    issue: str,
    file: str,
    sender: Sender,
    recipients: int,
    left_out: Mapping[str, int],
    begun: bool,
    through: str,
    allowance: Allowance,
    size: int,
    links: int,
    findings: Iterable[Finding],
) -> tuple[tuple[str, str], ...]:
    """Everything worth a look before anything leaves, as names and values.

    Args:
        issue: number and title.
        file: where it is written, and what git says of it.
        sender: who the mail is from.
        recipients: how many mails would go out now.
        left_out: how many people would not get one, by reason.
        begun: whether they are the rest of a run begun earlier.
        through: the transport, in its own words.
        allowance: what the transport takes now.
        size: bytes of the HTML part.
        links: how many there are.
        findings: what the checks say.
    """
    nobody = ", ".join(f"{number:,} {why}" for why, number in left_out.items() if number)
    rows = [
        ("issue", issue),
        ("file", file),
        ("from", f"{sender.name} <{sender.address}>"),
        ("replies to", sender.reply_to or sender.address),
        ("recipients", f"{recipients:,}" + (" left of a run begun earlier" if begun else "")),
        ("left out", nobody or "nobody"),
        ("through", through),
        ("pace", _pace(recipients, allowance)),
        ("quota", _quota(recipients, allowance)),
        ("size", f"{size:,} of {LIMIT:,} bytes, {plural(links, 'link')}"),
        ("findings", tally(findings)),
    ]
    return tuple((name, value) for name, value in rows if value)


def _pace(recipients: int, allowance: Allowance) -> str:
    if allowance.rate is None:
        return ""
    seconds = recipients / allowance.rate
    return f"{allowance.rate:.4g} mails/s, about {duration(seconds)} for {recipients:,}"


def _quota(recipients: int, allowance: Allowance) -> str:
    if allowance.left is None:
        return ""
    left = f"{plural(allowance.left, 'mail')} left today"
    if allowance.left >= recipients:
        return left
    return f"{left}: it pauses after them, and goes on when the same command is run tomorrow"


def trial(
    template: MimeTemplate,
    address: str,
    *,
    issue: int,
    public_url: str,
    number: int = 1,
    now: dt.datetime | None = None,
    mark: str = _TRIAL_MARK,
) -> Message:
    """Compose a test mail: the invented reader's letter at a real address, marked as a test.

    Args:
        template: the issue.
        address: where it goes, as typed.
        issue: the number of the issue.
        public_url: where unsubscribe pages are served, or ""; the link opens nothing there.
        number: 1 for the first address, and so on; the position is 0, which no delivery has.
        now: for Date and Message-ID; None where the transport writes them.
        mark: what the subject begins with.

    Raises:
        InputError: this is no mail address.
    """
    person = dataclasses.replace(SAMPLE, address=read_address(address).mailbox)
    marked = dataclasses.replace(template, subject=mark + template.subject)
    url = unsubscribe_url(public_url, person.handle, TRIAL_KEY, "test") if public_url else ""
    domain = template.sender.rpartition("@")[2]
    stamp = None
    if now is not None:
        name = f"{issue}.test.{now:%Y%m%d%H%M%S%f}.{number}"
        stamp = Stamp(date=now, message_id=f"{name}@{domain}")
    return Message(
        issue=issue,
        position=0,
        attempt=number,
        sender=template.sender,
        to=person.address,
        data=compose(marked, person, unsubscribe_url=url, stamp=stamp),
    )
