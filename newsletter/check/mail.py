"""Rules about the finished mail: its size, what it must say, what must not be left in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import lxml.html

from newsletter.check.rule import Fault, Letter, rule
from newsletter.errors import Place
from newsletter.render.markdown.fields import RESERVED, UNSUBSCRIBE

#: Gmail cuts a longer HTML part and hides the rest, the way out with it.
LIMIT: Final = 102_400
_NEAR: Final = 92_160


@rule("size", "error", "The HTML is over 102,400 bytes; Gmail cuts it there.")
def _size(letter: Letter) -> Iterator[Fault]:
    size = len(letter.rendered.html.encode())
    if size > LIMIT:
        place = Place(letter.issue.file, 1)
        yield place, f"the HTML has {size:,} bytes; Gmail cuts it at {LIMIT:,}", "shorten it"


@rule("size-near", "warning", "The HTML is over 90 KB; little is left of Gmail's 102,400 bytes.")
def _near(letter: Letter) -> Iterator[Fault]:
    size = len(letter.rendered.html.encode())
    if _NEAR < size <= LIMIT:
        place = Place(letter.issue.file, 1)
        yield place, f"the HTML has {size:,} of Gmail's {LIMIT:,} bytes", "do not add much"


@rule("no-unsubscribe", "error", "A part of the mail has no unsubscribe link.")
def _no_way_out(letter: Letter) -> Iterator[Fault]:
    hint = "let the theme show {{ unsubscribe_url }}"
    hrefs = [link.url for link in letter.rendered.links]
    if not any(UNSUBSCRIBE in href for href in hrefs):
        yield Place(letter.issue.file, 1), "the HTML part has no unsubscribe link", hint
    if UNSUBSCRIBE not in letter.rendered.text:
        yield Place(letter.issue.file, 1), "the text part has no unsubscribe link", hint


@rule("no-address", "error", "A part of the mail has no postal address, which many laws demand.")
def _no_address(letter: Letter) -> Iterator[Fault]:
    place = Place(letter.issue.file, 1)
    address = _words(letter.options.postal_address)
    if not address:
        yield place, "there is no postal address", "set site.postal_address"
        return
    shown = _words(str(lxml.html.document_fromstring(letter.rendered.html).xpath("string(//body)")))
    for part, text in (("HTML", shown), ("text", _words(letter.rendered.text))):
        if address not in text:
            hint = "let the theme show {{ site.postal_address }}"
            yield place, f"the {part} part does not show the postal address", hint


@rule("token-left", "error", "A placeholder of the program was left in the mail.")
def _token(letter: Letter) -> Iterator[Fault]:
    for part in (letter.rendered.html, letter.rendered.text, letter.rendered.subject):
        if RESERVED in re.sub("|".join(letter.rendered.slots), "", part):
            message = "a placeholder of the program was left in the mail"
            yield Place(letter.issue.file, 1), message, "take it out of the theme"


def _words(text: str) -> str:
    """What counts when addresses are compared: themes break lines and put commas as they like."""
    return re.sub(r"[\s,]+", "", text)
