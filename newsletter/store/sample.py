"""One mail for a person who does not exist, for those who want to look inside."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter.audience import Subscriber
from newsletter.links import unsubscribe_url
from newsletter.message import SAMPLE, Stamp, compose, filled, seal, way_out
from newsletter.render import Rendered
from newsletter.send import TRIAL_KEY
from newsletter.settings import Settings
from newsletter.settings.mail import sender
from newsletter.store.letters import Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one invented reader gets.

    Attributes:
        letter: with every merge field filled in.
        mail: the bytes of the .eml, the same every time: its date is the issue's.
    """

    letter: Rendered
    mail: bytes


def sample(settings: Settings, opened: Opened, person: Subscriber = SAMPLE) -> Sample:
    """Compose an issue for the invented reader, or for another person who does not exist.

    Raises:
        InputError: there is no sender, or a name cannot stand in a header.
    """
    envelope = seal(opened.rendered, sender(settings))
    day = opened.issue.date or dt.date(1970, 1, 1)
    domain = envelope.sender.rpartition("@")[2]
    stamp = Stamp(
        date=dt.datetime.combine(day, dt.time(), dt.UTC),
        message_id=f"{opened.issue.number}.sample@{domain}",
    )
    base = settings.site.public_url
    url = unsubscribe_url(base, person.handle, TRIAL_KEY) if base else ""
    return Sample(
        letter=filled(opened.rendered, person, url or way_out(envelope)),
        mail=compose(envelope, person, unsubscribe_url=url, stamp=stamp),
    )
