"""Mails that count nowhere: a sample to look inside, and test mails that are really sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from newsletter.audience import Subscriber
from newsletter.audience.tokens import TRIAL_KEY, unsubscribe_url
from newsletter.delivery import Effect, Outcome, Result
from newsletter.delivery.bulk import HandOver, bulk_trial
from newsletter.delivery.deliver import Transport, trial, trial_reader
from newsletter.errors import AccountError, InputError, PausedError, UnknownOutcomesError
from newsletter.message import (
    SAMPLE,
    Stamp,
    compose,
    encode,
    filled,
    freeze,
    unsubscribe_by_mail,
)
from newsletter.message.merge import MergeMail, merge_template
from newsletter.project import Project
from newsletter.project.issues import PreparedIssue
from newsletter.publishing.images import publish_first
from newsletter.render import RenderedIssue
from newsletter.sending import transports
from newsletter.sending.gate import no_way_out, refuse, rules_of_bulk
from newsletter.settings import Settings
from newsletter.settings.mail import sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one invented reader gets.

    Attributes:
        letter: with every merge field filled in.
        mail: the bytes of the .eml, the same every time: its date is the issue's.
    """

    letter: RenderedIssue
    mail: bytes


def sample(settings: Settings, prepared: PreparedIssue, person: Subscriber = SAMPLE) -> Sample:
    """Compose an issue for the invented reader, or for another person who does not exist.

    Raises:
        InputError: there is no sender, or a name cannot be written in a header.
    """
    template = encode(freeze(prepared.rendered, sender(settings)))
    day = prepared.issue.date or dt.date(1970, 1, 1)
    domain = template.sender.rpartition("@")[2]
    stamp = Stamp(
        date=dt.datetime.combine(day, dt.time(), dt.UTC),
        message_id=f"{prepared.issue.number}.sample@{domain}",
    )
    base = settings.site.public_url
    url = unsubscribe_url(base, person.handle, TRIAL_KEY) if base else ""
    way_out = url or unsubscribe_by_mail(template.unsubscribe_mailto)
    return Sample(
        letter=filled(prepared.rendered, person, way_out),
        mail=compose(template, person, unsubscribe_url=url, stamp=stamp),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What became of one test mail.

    Attributes:
        outcome: what the transport said.
        said: one sentence with the address, which is the author's own.
    """

    outcome: Outcome
    said: str

    @property
    def accepted(self) -> bool:
        """Whether the transport took it."""
        return self.outcome.result is Result.ACCEPTED


def send_trial(
    project: Project,
    prepared: PreparedIssue,
    transport: Transport,
    addresses: Sequence[str],
    *,
    clock: Callable[[], dt.datetime],
) -> Iterator[TrialResult]:
    """Send one real mail of an issue to each address, marked as a test; it counts nowhere.

    All of them are composed before this returns: a typing error stops them all.

    Args:
        project: the newsletter.
        prepared: the issue.
        transport: the way out; the caller closes it.
        addresses: where they go, as typed.
        clock: now, for Date and Message-ID where the transport does not write them.

    Returns:
        What became of each, sent as it is asked for, once; it ends early where the next one would
        fail as well.

    Raises:
        NotFitError: readers could not unsubscribe.
        InputError: there is no sender, or one of them is no mail address.
        AccountError: the letter's pictures cannot be published.
    """
    settings = project.settings
    refuse(
        [
            no_way_out(settings, rehearsal=transport.rehearsal),
            *rules_of_bulk(settings, prepared, transport),
        ]
    )
    frozen = freeze(prepared.rendered, sender(settings))
    url, issue = settings.site.public_url, prepared.issue.number
    numbered = [*enumerate(addresses, 1)]
    if bulk := transports.in_bulk(transport):
        merged = merge_template(frozen)
        give = bulk.in_bulk(merged)
        mails = [
            bulk_trial(merged, address, issue=issue, public_url=url, number=number)
            for number, address in numbered
        ]
        # One entry each: a test is told apart from the next.
        readers = [trial_reader(address).address for address in addresses]
        gifts = [partial(_given, give, mail) for mail in mails]
        return _delivered([*zip(readers, gifts, strict=True)], "")
    now = None if transport.stamps else clock()
    template = encode(frozen)
    messages = [
        trial(template, address, issue=issue, public_url=url, number=number, now=now)
        for number, address in numbered
    ]
    if not transport.rehearsal:
        publish_first(project, prepared)
    folder = settings.transport.folder if transport.rehearsal else ""
    return _delivered([(one.to, partial(transport.deliver, one)) for one in messages], folder)


def _given(give: HandOver, mail: MergeMail) -> Outcome:
    [outcome] = give([mail])
    return outcome


def _delivered(
    mails: Sequence[tuple[str, Callable[[], Outcome]]], folder: str
) -> Iterator[TrialResult]:
    for to, deliver in mails:
        outcome = deliver()
        detail = outcome.reason
        if folder and outcome.result is Result.ACCEPTED:
            detail = f"{folder}/{outcome.message_id}"
        what = outcome.result.value.replace("_", " ")
        said = f"{to} {what}" + (f": {detail}" if detail else "")
        yield TrialResult(outcome=outcome, said=said)
        if outcome.result is Result.NOT_SENT:  # and the next one would fail as well
            return


def refuse_unaccepted(results: Iterable[TrialResult]) -> None:
    """Raise what the worst outcome of a test means; nothing is tried again by itself.

    Raises:
        UnknownOutcomesError: a test mail may have arrived or not.
        InputError: our own request is malformed.
        AccountError: the provider or the account refuses.
        PausedError: it was not taken now.
    """
    outcomes = [one.outcome for one in results]
    for outcome in outcomes:
        if outcome.result is Result.UNKNOWN:
            raise UnknownOutcomesError(
                f"it is unknown whether the test mail arrived: {outcome.reason}",
                hint="look into the mailbox before you test again",
            )
    for outcome in outcomes:
        if outcome.effect is Effect.REJECT:
            raise InputError(f"the test mail is malformed: {outcome.reason}")
        if outcome.effect is not Effect.STOP and outcome.result in {
            Result.NOT_SENT,
            Result.REFUSED,
        }:
            raise AccountError(
                f"the test mail was refused: {outcome.reason}", hint="newsletter settings"
            )
    for outcome in outcomes:
        if outcome.result is not Result.ACCEPTED:
            raise PausedError(
                f"the test mail was not taken now: {outcome.reason}", hint="try again later"
            )
