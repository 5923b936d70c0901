"""The conductor's way to a transport that takes several mails in one request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from newsletter.audience import Subscriber
from newsletter.audience.tokens import TRIAL_KEY, rating_url, unsubscribe_url
from newsletter.delivery import Delivery, Effect, Outcome, Run
from newsletter.delivery.deliver import SILENT, TRIAL_MARK, Press, Transport, trial_reader
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.message import SAMPLE, Message
from newsletter.message.merge import MergeMail, MergeTemplate, merge

#: Hands over mails of one template, each once; one outcome for each, in their order.
HandOver = Callable[[Sequence[MergeMail]], Sequence[Outcome]]
#: Whether mails may still be handed over that were claimed a while ago.
MayHandOver = Callable[[], bool]


@runtime_checkable
class BulkTransport(Transport, Protocol):
    """A transport that takes several mails of one template in one request."""

    @property
    def bulk_wanted(self) -> bool:
        """Whether a run's mails are to leave like that."""
        ...

    @property
    def region(self) -> str:
        """Where the account is that mails leave from."""
        ...

    @property
    def most(self) -> int:
        """Mails in one request at most."""
        ...

    def in_bulk(
        self, template: MergeTemplate, may_hand_over: MayHandOver = lambda: True
    ) -> HandOver:
        """Make ready for mails of this template; nothing is sent yet.

        Args:
            template: the issue.
            may_hand_over: asked before each request but the first.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutlet:
    """Mails as the values of a template, handed over together; what no template carries, alone.

    Attributes:
        transport: where they go.
        template: the issue that the run froze.
        give: hands over mails of it.
        press: makes whole mails of the same issue.
        may_hand_over: asked before each of these but one that comes first.

    Raises:
        InputError: not even the sample person's mail can be composed, so nobody's could.
    """

    transport: Transport
    template: MergeTemplate
    give: HandOver
    press: Press
    may_hand_over: MayHandOver

    def __post_init__(self) -> None:
        self._merged(SAMPLE, issue=0, position=0, attempt=0)

    def compose(self, run: Run, delivery: Delivery, *, now: dt.datetime) -> MergeMail | Message:  # noqa: ARG002  # SES dates it
        """Make the mail of one delivery; a whole one where a template could not carry it.

        Raises:
            InputError: the person's address cannot be written in a header.
        """
        mail = self._merged(
            delivery.subscriber,
            issue=run.content.issue,
            position=delivery.position,
            attempt=delivery.attempt,
        )
        return mail if mail.fits else self.press.print(run, delivery, stamp=None)

    def hand_over(self, mails: Sequence[MergeMail | Message]) -> Sequence[Outcome]:
        """Hand over all mails, in as few requests as hold them, and then those that are alone."""
        merged = {n: mail for n, mail in enumerate(mails) if isinstance(mail, MergeMail)}
        given = self.give(tuple(merged.values())) if merged else ()
        outcomes = dict(zip(merged, given, strict=True))
        for n, mail in enumerate(mails):
            if isinstance(mail, Message):
                held = held_back(outcomes.values(), self.may_hand_over)
                outcomes[n] = held or self.transport.deliver(mail)
        return [outcomes[n] for n in range(len(mails))]

    def _merged(self, person: Subscriber, *, issue: int, position: int, attempt: int) -> MergeMail:
        base = self.press.public_url
        url = unsubscribe_url(base, person.handle, self.press.key) if base else ""
        return merge(
            self.template, person, issue=issue, position=position, attempt=attempt,
            unsubscribe_url=url, store=self.press.store,
            rating_url=rating_url(base, person.handle, issue, self.press.key),
        )  # fmt: skip


def held_back(before: Collection[Outcome], may_hand_over: MayHandOver) -> Outcome | None:
    """What becomes of a mail whose turn comes after others of its claim; None where it may go.

    After an answer that is about more than its own mail, it waits for what the run makes of that.
    And an answer may have come so late that others took what was claimed as lost.
    """
    for outcome in before:
        if outcome.effect is Effect.BACK_OFF:
            # Of the same kind: who waits here has not reached anything either.
            return outcome
        if outcome.effect is not Effect.GO_ON:
            return judged(Verdict.DEFERRED, "held back after the request before it")
    return judged(Verdict.DEFERRED, SILENT) if before and not may_hand_over() else None


def bulk_trial(
    template: MergeTemplate, address: str, *, issue: int, public_url: str, number: int
) -> MergeMail:
    """Compose a test mail for a bulk request; see `deliver.trial`.

    Raises:
        InputError: this is no mail address.
    """
    person = trial_reader(address)
    url = unsubscribe_url(public_url, person.handle, TRIAL_KEY, "test") if public_url else ""
    return merge(
        template, person, issue=issue, position=0, attempt=number, unsubscribe_url=url,
        rating_url=rating_url(public_url, person.handle, issue, TRIAL_KEY), mark=TRIAL_MARK,
    )  # fmt: skip
