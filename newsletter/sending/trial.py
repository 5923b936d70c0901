"""Test mails: really sent, and counted nowhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from newsletter.audience.letters import LetterKind
from newsletter.delivery import Effect, Outcome, Result
from newsletter.delivery.bulk import HandOver, bulk_trial
from newsletter.delivery.deliver import TRIAL_MARK, Transport, trial, trial_reader
from newsletter.errors import AccountError, InputError, PausedError, UnknownOutcomesError
from newsletter.message import SAMPLE, Stamp, encode, freeze
from newsletter.message.letters import Letter, compose_letter
from newsletter.message.merge import MergeMail, merge_template
from newsletter.project import Project
from newsletter.project.issues import PreparedIssue
from newsletter.project.letters import prepare_letter
from newsletter.publishing.images import publish_first
from newsletter.sending import transports
from newsletter.sending.gate import no_way_out, refuse, rules_of_bulk
from newsletter.sending.reaching import suspected
from newsletter.sending.sample import letter_links
from newsletter.settings.mail import sender


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
    now = None if transport.stamps else clock()
    template = encode(frozen)
    messages = [
        trial(template, address, issue=issue, public_url=url, number=number, now=now)
        for number, address in numbered
    ]
    ways = [partial(transport.deliver, one) for one in messages]
    if bulk := transports.in_bulk(transport):
        merged = merge_template(frozen)
        give = bulk.in_bulk(merged)
        mails = [
            bulk_trial(merged, address, issue=issue, public_url=url, number=number)
            for number, address in numbered
        ]
        # One entry each: a test is told apart from the next.
        ways = [
            partial(_given, give, mail) if mail.fits else way
            for mail, way in zip(mails, ways, strict=True)
        ]
    if not transport.rehearsal:
        publish_first(project, prepared)
    folder = settings.transport.folder if transport.rehearsal else ""
    readers = [one.to for one in messages]
    return _delivered([*zip(readers, ways, strict=True)], folder)


def send_letter_trial(
    project: Project,
    kind: LetterKind,
    transport: Transport,
    addresses: Sequence[str],
    *,
    clock: Callable[[], dt.datetime],
) -> Iterator[TrialResult]:
    """Send one of the letters about the list to each address, marked as a test.

    Its links open nothing. All of them are composed before this returns.

    Args:
        project: the newsletter.
        kind: which letter.
        transport: the way out; the caller closes it.
        addresses: where they go, as typed.
        clock: now, the day on which the letter says that it was asked for.

    Returns:
        What became of each, as `send_trial` has it.

    Raises:
        InputError: the letter, the theme or the sender's settings are wrong, there is no page that
            it could lead to, or one of them is no mail address.
    """
    who, now = sender(project.settings), clock()
    link, leave = letter_links(project.settings, kind)
    rendered = prepare_letter(project, kind, day=project.today(now))
    domain = who.address.rpartition("@")[2]
    messages = []
    for number, address in enumerate(addresses, 1):
        name = f"letter.test.{now:%Y%m%d%H%M%S%f}.{number}@{domain}"
        letter = Letter(
            id=0, kind=kind, attempt=number, address=trial_reader(address).address,
            handle=SAMPLE.handle, asked_at=now,
        )  # fmt: skip
        message = compose_letter(
            rendered, who, letter, link=link, leave=leave,
            stamp=None if transport.stamps else Stamp(date=now, message_id=name), mark=TRIAL_MARK,
        )  # fmt: skip
        messages.append((message.to, partial(transport.deliver, message)))
    return _delivered(messages, project.settings.transport.folder if transport.rehearsal else "")


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


def refuse_unaccepted(project: Project, results: Iterable[TrialResult]) -> None:
    """Raise what the worst outcome of a test means; nothing is tried again by itself.

    Args:
        project: the newsletter, whose settings may be the reason.
        results: of all test mails.

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
                f"the test mail was refused: {outcome.reason}",
                hint=suspected(project, outcome) or "newsletter settings",
            )
    for outcome in outcomes:
        if outcome.result is not Result.ACCEPTED:
            raise PausedError(
                f"the test mail was not taken now: {outcome.reason}",
                hint=suspected(project, outcome) or "try again later",
            )
