"""Mails to look inside, which are sent to nobody: what it takes is composing, and no records."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

from newsletter.audience import Subscriber
from newsletter.audience.letters import LetterKind
from newsletter.audience.tokens import (
    TRIAL_KEY,
    make_token,
    page_url,
    rating_url,
    unsubscribe_url,
)
from newsletter.errors import InputError
from newsletter.message import SAMPLE, Stamp, compose, encode, filled, freeze, unsubscribe_by_mail
from newsletter.message.letters import LINK, Letter, compose_letter
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


def letter_sample(
    settings: Settings, rendered: RenderedIssue, kind: LetterKind, *, day: dt.date
) -> Sample:
    """Compose a letter about the list for the invented reader.

    Args:
        settings: the newsletter's.
        rendered: the letter.
        kind: which one it is.
        day: on which it was asked for.

    Raises:
        InputError: there is no sender, or no page that it could lead to.
    """
    link, leave = letter_links(settings, kind)
    moment = dt.datetime.combine(day, dt.time(), dt.UTC)
    letter = Letter(
        id=0, kind=kind, attempt=1, address=SAMPLE.address, handle=SAMPLE.handle, asked_at=moment
    )
    who = sender(settings)
    domain = who.address.rpartition("@")[2]
    stamp = Stamp(date=moment, message_id=f"letter.{kind}.sample@{domain}")
    mail = compose_letter(rendered, who, letter, link=link, leave=leave, stamp=stamp)
    person = dataclasses.replace(SAMPLE, fields={LINK[kind]: link})
    return Sample(letter=filled(rendered, person, leave), mail=mail.data)


def letter_links(settings: Settings, kind: LetterKind) -> tuple[str, str]:
    """The page that a letter is about, and the link of its footer; neither opens anything.

    Raises:
        InputError: there is no public server.
    """
    url = settings.site.public_url
    if not url:
        raise InputError(
            "there is no page that this letter could lead to",
            hint="set site.public_url to where newsletter serve answers",
        )
    token = make_token(SAMPLE.handle, TRIAL_KEY, "test")
    if LINK[kind] == "confirm_url":  # the page has the button to refuse as well
        link = page_url(url, "c", token)
        return link, link
    return page_url(url, "p", token), unsubscribe_url(url, SAMPLE.handle, TRIAL_KEY, "test")
