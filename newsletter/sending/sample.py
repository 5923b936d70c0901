"""A mail to look inside, which is sent to nobody: what it takes is composing, and no records."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter.audience import Subscriber
from newsletter.audience.tokens import TRIAL_KEY, rating_url, unsubscribe_url
from newsletter.message import SAMPLE, Stamp, compose, encode, filled, freeze, unsubscribe_by_mail
from newsletter.project.issues import PreparedIssue
from newsletter.render import RenderedIssue
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
    rating = rating_url(base, person.handle, prepared.issue.number, TRIAL_KEY)
    return Sample(
        letter=filled(prepared.rendered, person, way_out, rating),
        mail=b"".join(
            compose(template, person, unsubscribe_url=url, rating_url=rating, stamp=stamp)
        ),
    )
