"""The conductor: claim -> compose -> transport -> settle, one request at a time.

A request is on the wire only while its deliveries are durably claimed, and their outcomes are
durable with the next claim by the same hand, or before. So after a crash exactly the claimed ones
are in doubt, no more than all hands hold, and nobody is ever sent twice to find out.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from newsletter.audience import Subscriber, read_address
from newsletter.audience.tokens import TRIAL_KEY, Key, rating_url, unsubscribe_url
from newsletter.check import Finding, tally
from newsletter.check.mail import LIMIT
from newsletter.delivery import Allowance, Attempt, Delivery, Outcome, Run
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.errors import InputError
from newsletter.humanize import duration, plural
from newsletter.message import SAMPLE, Message, MimeTemplate, Sender, Stamp, compose

Clock = Callable[[], dt.datetime]
#: Whatever a transport takes for a mail.
Mail = TypeVar("Mail")

#: What the subject of a test mail begins with.
TRIAL_MARK: Final = "[TEST] "
#: Why a mail that was claimed did not leave.
SILENT: Final = "this process was silent for a minute before it could leave"


class Records(Protocol):
    """Where deliveries are claimed and settled, durably; the store is one."""

    def settle_and_claim(
        self, run: Run, settled: Sequence[tuple[Delivery, Outcome]], most: int, *, now: dt.datetime
    ) -> Sequence[Delivery]:
        """Record what became of claimed deliveries, and take the next, in one commit.

        Whoever has left since is skipped; it takes fewer than `most` when no more are queued.

        Raises:
            NewsletterError: nothing was claimed; the outcomes are recorded all, or none of them.
        """
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
        self._mail(SAMPLE, 0, stamp=None)

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
            pieces=self._mail(person, run.content.issue, stamp=stamp),
            store=self.store,
        )

    def _mail(self, person: Subscriber, issue: int, *, stamp: Stamp | None) -> tuple[bytes, ...]:
        url = unsubscribe_url(self.public_url, person.handle, self.key) if self.public_url else ""
        rating = rating_url(self.public_url, person.handle, issue, self.key)
        return compose(self.template, person, unsubscribe_url=url, rating_url=rating, stamp=stamp)


class Outlet(Protocol[Mail]):
    """How the mails of a run are made and handed over."""

    def compose(self, run: Run, delivery: Delivery, *, now: dt.datetime) -> Mail:
        """Make the mail of one delivery.

        Raises:
            InputError: this person's cannot be made.
        """
        ...

    def hand_over(self, mails: Sequence[Mail]) -> Sequence[Outcome]:
        """Hand over mails, each once; one outcome for each, in their order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleOutlet:
    """MIME mails, handed to the transport one by one."""

    transport: Transport
    press: Press

    def compose(self, run: Run, delivery: Delivery, *, now: dt.datetime) -> Message:
        """Make the mail of one delivery, with a stamp where the transport writes none.

        Raises:
            InputError: see `Press.print`.
        """
        stamp = None if self.transport.stamps else _stamp(run, delivery, self.press, now)
        return self.press.print(run, delivery, stamp=stamp)

    def hand_over(self, mails: Sequence[Message]) -> Sequence[Outcome]:
        """Hand over each mail, once."""
        return [self.transport.deliver(mail) for mail in mails]


@dataclass(slots=True, kw_only=True)
class Hand(Generic[Mail]):
    """Takes deliveries of one run through all their steps; each thread has one of its own.

    What it has delivered is settled by the commit that claims its next ones, or by `settle`: call
    that where anything else would come before the next claim.

    Attributes:
        run: the run they belong to.
        records: where they are claimed and settled.
        outlet: makes the mails and hands them over.
        clock: tells the time, in UTC.
        may_hand_over: asked before mails are handed over; where it says no they are deferred, for
            others may have taken them as lost.
    """

    run: Run
    records: Records
    outlet: Outlet[Mail]
    clock: Clock
    may_hand_over: Callable[[], bool] = lambda: True
    _unsettled: list[tuple[Delivery, Outcome]] = field(default_factory=list)

    def deliver_next(
        self, most: int = 1, wait_for_slot: Callable[[], None] = lambda: None
    ) -> Sequence[Attempt]:
        """Settle what was delivered before, and deliver the next, together.

        Args:
            most: how many at most.
            wait_for_slot: called when the mails are ready to be handed over; returns when they may
                leave.

        Returns:
            The attempts with what the transport said, not settled yet; none when nothing is queued
            any more.

        Raises:
            NewsletterError: the records could not be written; what they have as claimed becomes
                unknown at the next start.
        """
        claimed = self._commit(most)
        if not claimed:
            return ()
        outcomes: dict[int, Outcome] = {}
        mails: dict[int, Mail] = {}
        for delivery in claimed:
            try:
                mails[delivery.id] = self.outlet.compose(self.run, delivery, now=self.clock())
            except InputError as error:
                # One odd row must not keep everybody else waiting; nothing has left for this one.
                outcomes[delivery.id] = judged(Verdict.UNFIT, error.message)
        if mails:
            wait_for_slot()
            if self.may_hand_over():
                answers = self.outlet.hand_over(tuple(mails.values()))
            else:
                answers = [judged(Verdict.DEFERRED, SILENT)] * len(mails)
            # By the order of the batch; one answer too few would name somebody else's mail.
            outcomes |= zip(mails, answers, strict=True)
        self._unsettled = [(delivery, outcomes[delivery.id]) for delivery in claimed]
        return tuple(
            Attempt(position=delivery.position, number=delivery.attempt, outcome=outcome)
            for delivery, outcome in self._unsettled
        )

    def settle(self) -> None:
        """Settle what was delivered last, where it is not settled yet.

        Raises:
            NewsletterError: as `deliver_next`.
        """
        if self._unsettled:
            self._commit(0)

    def _commit(self, most: int) -> Sequence[Delivery]:
        # Once only: what an error leaves open, the next start finds.
        settled, self._unsettled = self._unsettled, []
        return self.records.settle_and_claim(self.run, settled, most, now=self.clock())


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
    newcomers: tuple[int, int] | None = None,
) -> tuple[tuple[str, str], ...]:
    """Everything worth a look before anything leaves, as names and values.

    Args:
        issue: number and title.
        file: where it is written, and what git says of it.
        sender: who the mail is from.
        recipients: how many mails would go out now.
        left_out: how many people would not get one, by reason; of a run begun earlier, those whom
            it has passed over so far.
        begun: whether they are the rest of a run begun earlier.
        through: the transport, in its own words.
        allowance: what the transport takes now.
        size: bytes of the HTML part.
        links: how many there are.
        findings: what the checks say.
        newcomers: how many recipients were not there yet for an earlier issue, and its number.
    """
    rows = [
        ("issue", issue),
        ("file", file),
        ("from", f"{sender.name} <{sender.address}>"),
        ("replies to", sender.reply_to or sender.address),
        ("recipients", _readers(recipients, newcomers, begun=begun)),
        ("left out", _left_out(left_out, begun=begun)),
        ("through", through),
        ("pace", _pace(recipients, allowance)),
        ("quota", _quota(recipients, allowance)),
        ("size", f"{size:,} of {LIMIT:,} bytes, {plural(links, 'link')}"),
        ("findings", tally(findings)),
    ]
    return tuple((name, value) for name, value in rows if value)


def _readers(number: int, newcomers: tuple[int, int] | None, *, begun: bool) -> str:
    if begun:
        return f"{number:,} left of a run begun earlier"
    if newcomers is None:
        return f"{number:,}"
    new, issue = newcomers
    return f"{number:,}, {format(new, ',') if new else 'none'} of them new since issue {issue}"


def _left_out(left_out: Mapping[str, int], *, begun: bool) -> str:
    told = ", ".join(f"{number:,} {why}" for why, number in left_out.items() if number)
    if begun:
        return f"{told} so far, and whoever has left since" if told else "whoever has left since"
    return told or "nobody"


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


def trial_reader(address: str) -> Subscriber:
    """The invented reader at a real address, as typed.

    Raises:
        InputError: this is no mail address.
    """
    return dataclasses.replace(SAMPLE, address=read_address(address).mailbox)


def trial(
    template: MimeTemplate,
    address: str,
    *,
    issue: int,
    public_url: str,
    number: int = 1,
    now: dt.datetime | None = None,
    mark: str = TRIAL_MARK,
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
    person = trial_reader(address)
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
        pieces=compose(
            marked,
            person,
            unsubscribe_url=url,
            rating_url=rating_url(public_url, person.handle, issue, TRIAL_KEY),
            stamp=stamp,
        ),
    )
