"""Rules about the finished mail: its size, what it must say, what must not be left in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import lxml.html

from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.errors import Place
from newsletter.render.markdown.fields import RATE, RESERVED, UNSUBSCRIBE

#: Gmail cuts a longer HTML part and hides the rest, the way out with it.
LIMIT: Final = 102_400
_NEAR: Final = 92_160


@rule("size", "error", "The HTML is over 102,400 bytes; Gmail cuts it there.")
def _size(context: RuleContext) -> Iterator[Fault]:
    size = context.size
    if size > LIMIT:
        place = Place(context.issue.file, 1)
        yield place, f"the HTML has {size:,} bytes; Gmail cuts it at {LIMIT:,}", "shorten it"


@rule("size-near", "warning", "The HTML is over 90 KB; little is left of Gmail's 102,400 bytes.")
def _near(context: RuleContext) -> Iterator[Fault]:
    size = context.size
    if _NEAR < size <= LIMIT:
        place = Place(context.issue.file, 1)
        yield place, f"the HTML has {size:,} of Gmail's {LIMIT:,} bytes", "do not add much"


@rule("no-unsubscribe", "error", "A part of the mail has no unsubscribe link.")
def _no_way_out(context: RuleContext) -> Iterator[Fault]:
    hint = "let the theme show {{ unsubscribe_url }}"
    hrefs = [link.url for link in context.rendered.links]
    if not any(UNSUBSCRIBE in href for href in hrefs):
        yield Place(context.issue.file, 1), "the HTML part has no unsubscribe link", hint
    if UNSUBSCRIBE not in context.rendered.text:
        yield Place(context.issue.file, 1), "the text part has no unsubscribe link", hint


@rule(
    "no-ratings", "warning", "Readers are asked how the issue was, but the theme shows no answers."
)
def _no_answers(context: RuleContext) -> Iterator[Fault]:
    if context.options.ratings and RATE not in context.rendered.html:
        message = "ratings.ask is set, but the theme shows nothing to answer with"
        yield (
            Place(context.issue.file, 1),
            message,
            "docs/ratings.md has the lines for footer.mjml and issue.txt",
        )


@rule("no-address", "error", "A part of the mail has no postal address, which many laws demand.")
def _no_address(context: RuleContext) -> Iterator[Fault]:
    place = Place(context.issue.file, 1)
    address = _words(context.options.postal_address)
    if not address:
        yield place, "there is no postal address", "set site.postal_address"
        return
    shown = _words(
        str(lxml.html.document_fromstring(context.rendered.html).xpath("string(//body)"))
    )
    for part, text in (("HTML", shown), ("text", _words(context.rendered.text))):
        if address not in text:
            hint = "let the theme show {{ site.postal_address }}"
            yield place, f"the {part} part does not show the postal address", hint


@rule("token-left", "error", "A placeholder of the program was left in the mail.")
def _token(context: RuleContext) -> Iterator[Fault]:
    for part in (context.rendered.html, context.rendered.text, context.rendered.subject):
        if RESERVED in re.sub("|".join(context.rendered.slots), "", part):
            message = "a placeholder of the program was left in the mail"
            yield Place(context.issue.file, 1), message, "take it out of the theme"


def _words(text: str) -> str:
    """What counts when addresses are compared: themes break lines and put commas as they like."""
    return re.sub(r"[\s,]+", "", text)
