"""One mail for a person who does not exist, for those who want to look inside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.audience import Subscriber
from newsletter.audience.tokens import unsubscribe_url
from newsletter.delivery.deliver import TRIAL_KEY, trial
from newsletter.message import (
    SAMPLE,
    Message,
    Stamp,
    compose,
    encode,
    filled,
    freeze,
    unsubscribe_by_mail,
)
from newsletter.project.issues import PreparedIssue
from newsletter.render import Rendered
from newsletter.settings import Settings
from newsletter.settings.mail import sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one invented reader gets.

    Attributes:
        letter: with every merge field filled in.
        mail: the bytes of the .eml, the same every time: its date is the issue's.
    """

    letter: Rendered
    mail: bytes


def sample(settings: Settings, prepared: PreparedIssue, person: Subscriber = SAMPLE) -> Sample:
    """Compose an issue for the invented reader, or for another person who does not exist.

    Raises:
        InputError: there is no sender, or a name cannot stand in a header.
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
    return Sample(
        letter=filled(prepared.rendered, person, url or unsubscribe_by_mail(template)),
        mail=compose(template, person, unsubscribe_url=url, stamp=stamp),
    )


def trial_mails(
    settings: Settings,
    prepared: PreparedIssue,
    addresses: Sequence[str],
    *,
    now: dt.datetime | None,
) -> list[Message]:
    """Compose test mails, all of them before the first one leaves.

    Args:
        settings: the newsletter's.
        prepared: the issue.
        addresses: where they go, as typed.
        now: for Date and Message-ID; None where the transport writes them.

    Raises:
        InputError: there is no sender, or one of them is no mail address.
    """
    template = encode(freeze(prepared.rendered, sender(settings)))
    url, issue = settings.site.public_url, prepared.issue.number
    return [
        trial(template, address, issue=issue, public_url=url, number=number, now=now)
        for number, address in enumerate(addresses, 1)
    ]
