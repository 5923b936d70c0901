"""One mail for a person who does not exist, for those who want to look inside."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from newsletter.links import Key, unsubscribe_url
from newsletter.message import SAMPLE, Stamp, compose, seal
from newsletter.settings.mail import sender

if TYPE_CHECKING:
    from newsletter.settings import Settings
    from newsletter.store.letters import Opened

# No server has this key: the link in a sample opens nothing.
_KEY = Key(255, bytes(32))


def sample_mail(settings: Settings, opened: Opened) -> bytes:
    """The bytes of an .eml, the same every time: its date is the issue's."""
    envelope = seal(opened.rendered, sender(settings))
    day = opened.issue.date or dt.date(1970, 1, 1)
    date = dt.datetime.combine(day, dt.time(), dt.UTC)
    domain = envelope.sender.rpartition("@")[2]
    url = settings.site.public_url
    return compose(
        envelope,
        SAMPLE,
        unsubscribe_url=unsubscribe_url(url, SAMPLE.handle, _KEY) if url else "",
        stamp=Stamp(date=date, message_id=f"{opened.issue.number}.sample@{domain}"),
    )
