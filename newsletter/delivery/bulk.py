"""The conductor's way to a transport that takes several mails in one request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from newsletter.audience import Subscriber
from newsletter.audience.tokens import TRIAL_KEY, Key, unsubscribe_url
from newsletter.delivery import Delivery, Outcome, Run
from newsletter.delivery.deliver import TRIAL_MARK, Transport, trial_reader
from newsletter.message import SAMPLE
from newsletter.message.merge import MergeMail, MergeTemplate, merge

#: Hands over mails of one template, each once; one outcome for each, in their order.
HandOver = Callable[[Sequence[MergeMail]], Sequence[Outcome]]


@runtime_checkable
class BulkTransport(Transport, Protocol):
    """A transport that takes several mails of one template in one request."""

    @property
    def bulk_wanted(self) -> bool:
        """Whether a run's mails are to leave like that."""
        ...

    @property
    def most(self) -> int:
        """Mails in one request at most."""
        ...

    def in_bulk(self, template: MergeTemplate) -> HandOver:
        """Make ready for mails of this template; nothing is sent yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutlet:
    """Mails as the values of a template, handed over together.

    Attributes:
        template: the issue that the run froze.
        give: hands over mails of it.
        public_url: where unsubscribe pages are served, or "".
        key: signs the links.
        store: the id of the records.

    Raises:
        InputError: not even the sample person's mail can be composed, so nobody's could.
    """

    template: MergeTemplate
    give: HandOver
    public_url: str
    key: Key
    store: str

    def __post_init__(self) -> None:
        self._mail(SAMPLE, issue=0, position=0, attempt=0)

    def compose(self, run: Run, delivery: Delivery, *, now: dt.datetime) -> MergeMail:  # noqa: ARG002  # SES dates it
        """Make the mail of one delivery.

        Raises:
            InputError: the person's address cannot be written in a header, or a field is too long.
        """
        return self._mail(
            delivery.subscriber,
            issue=run.content.issue,
            position=delivery.position,
            attempt=delivery.attempt,
        )

    def hand_over(self, mails: Sequence[MergeMail]) -> Sequence[Outcome]:
        """Hand over all mails, in as few requests as hold them."""
        return self.give(mails)

    def _mail(self, person: Subscriber, *, issue: int, position: int, attempt: int) -> MergeMail:
        url = unsubscribe_url(self.public_url, person.handle, self.key) if self.public_url else ""
        return merge(
            self.template, person, issue=issue, position=position, attempt=attempt,
            unsubscribe_url=url, store=self.store,
        )  # fmt: skip


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
        mark=TRIAL_MARK,
    )  # fmt: skip
