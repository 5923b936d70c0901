"""What differs from reader to reader: the values that stand in an issue's slots.

What a subscriber's record holds is put in once, escaped for the place it lands in, and never read
again as anything but text.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from newsletter import text_rules
from newsletter.audience import Subscriber
from newsletter.render import RenderedIssue
from newsletter.render.markdown.fields import RATING, Slot

_BLANKS: Final = re.compile("[ \\t-\\r\\x1c-\\x1f\\x85\\u2028\\u2029]+")

#: The person in previews, builds and test mails; the token in their link opens nothing.
SAMPLE: Final = Subscriber(id=0, handle="0" * 24, address="reader@example.org", name="Sam Reader")


def filled(
    rendered: RenderedIssue, subscriber: Subscriber, unsubscribe_url: str, rating_url: str = ""
) -> RenderedIssue:
    """A letter with every token replaced for one person: what they will read.

    Args:
        rendered: from `render`.
        subscriber: the recipient.
        unsubscribe_url: the person's own link.
        rating_url: the page on which the person rates the issue.
    """
    values = values_for(rendered.slots, subscriber, unsubscribe_url, rating_url)
    tokens = token_pattern(rendered.slots)

    def text(part: str) -> str:
        return tokens.sub(lambda found: values[found[0]], part)

    def page(part: str) -> str:
        return tokens.sub(lambda found: html.escape(values[found[0]]), part)

    links = (
        k._replace(text=text(k.text), written=text(k.written), url=text(k.url))
        for k in rendered.links
    )
    return dataclasses.replace(
        rendered,
        subject=subject_line(rendered.subject, rendered.slots, values),
        preheader=text(rendered.preheader),
        html=page(rendered.html),
        text=text(rendered.text),
        mjml=page(rendered.mjml),
        links=tuple(links),
    )


def values_for(
    slots: Mapping[str, Slot], subscriber: Subscriber, unsubscribe_url: str, rating_url: str
) -> dict[str, str]:
    """What stands for each token in one reader's mail; nothing is escaped for HTML yet."""
    links = {"": unsubscribe_url, RATING: rating_url}
    return {t: _value(slot, subscriber, links) for t, slot in slots.items()}


def _value(slot: Slot, subscriber: Subscriber, links: Mapping[str, str]) -> str:
    if slot.name in links:
        return links[slot.name]
    return escaped(slot, _one_line(subscriber.value(slot.name)) or slot.fallback)


def escaped(slot: Slot, value: str) -> str:
    """A value as its slot takes it: percent-encoded where it becomes part of a link."""
    return quote(value, safe="") if slot.url else value


def _one_line(text: str) -> str:
    # Half a character can be written in no mail.
    whole = text if text.isascii() else text.encode(errors="ignore").decode()
    return " ".join(whole.split())


def subject_line(subject: str, slots: Mapping[str, Slot], values: Mapping[str, str]) -> str:
    """A subject in one line, with the fallback for each value that no header can hold."""

    def fallback(token: str) -> str:
        slot = slots[token]
        return escaped(slot, slot.fallback) if slot.name else values[token]

    def fitting(token: str) -> str:
        value = values[token]
        return value if text_rules.stands_in_header(value) else fallback(token)

    line = _spliced(subject, slots, fitting)
    # Pieces that are harmless by themselves may not be so together.
    return line if text_rules.is_safe_in_header(line) else _spliced(subject, slots, fallback)


def _spliced(subject: str, slots: Mapping[str, Slot], value: Callable[[str], str]) -> str:
    """A subject in one line; an author's no-break or thin space is meant and stays."""
    whole = token_pattern(slots).sub(lambda found: value(found[0]), subject)
    return _BLANKS.sub(" ", whole).strip(" ")


def token_pattern(slots: Mapping[str, Slot]) -> re.Pattern[str]:
    """The tokens of this letter and no others: an author may have written "__NL" before one."""
    return re.compile("|".join(slots))
