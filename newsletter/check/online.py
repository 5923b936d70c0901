"""Rules about the web: what the letter's links and pictures answer, with `check --online` only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from newsletter.audience.tokens import acts_when_opened
from newsletter.check.links import own_links
from newsletter.check.rule import Fault, RuleContext, UrlStatus, rule

#: Gone, or never there: asking again will not help.
_GONE: Final = frozenset({404, 410})
#: Shut for programs, open for people: servers say so to whoever is no browser.
_SHY: Final = frozenset({401, 402, 403, 405, 406, 418, 429, 451, 503, 999})
_BAD: Final = 400
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
#: A picture larger than this keeps readers on the road waiting, and costs them.
_HEAVY: Final = 1_000_000


@rule("link-dead", "error", "A link whose page is not there (`--online`).")
def _dead(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        answer = _answer(context, link.url)
        if answer and _is_dead(answer):
            message = f"the link {link.written} leads nowhere: {_said(answer)}"
            yield context.at(link.line, link.written), message, "fix the address or take it out"


@rule("link-unsure", "warning", "A link whose page could not be seen just now (`--online`).")
def _unsure(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        answer = _answer(context, link.url)
        if answer and not _is_dead(answer) and _is_odd(answer):
            message = f"the link {link.written} could not be seen: {_said(answer)}"
            yield context.at(link.line, link.written), message, "open it in a browser"


@rule("image-dead", "error", "A picture that is not where the mail says (`--online`).")
def _no_picture(context: RuleContext) -> Iterator[Fault]:
    for image in context.rendered.images:
        answer = _answer(context, image.src)
        if answer and (answer.status >= _BAD or answer.problem):
            message = f"the picture {image.src} does not load: {_said(answer)}"
            yield context.at(image.line, "!["), message, "publish it before the letter goes out"


@rule("image-heavy", "warning", "A picture of more than 1 MB (`--online`).")
def _heavy(context: RuleContext) -> Iterator[Fault]:
    for image in context.rendered.images:
        answer = _answer(context, image.src)
        if answer and answer.size is not None and answer.size > _HEAVY:
            message = f"the picture {image.src} has {answer.size / 1_000_000:.1f} MB"
            yield context.at(image.line, "!["), message, "make it smaller: 1200 pixels are enough"


def addresses(context: RuleContext) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The web addresses of the letter to ask: its links and its pictures, each once.

    The theme's own links are left out, and with them every link that would unsubscribe somebody;
    so is an address that differs from reader to reader.
    """
    links = (link.url for link in own_links(context))
    images = (image.src for image in context.rendered.images)

    def asked(urls: Iterator[str]) -> tuple[str, ...]:
        web = (u for u in urls if _WEB.match(u) and "__NL_" not in u)
        return tuple(
            dict.fromkeys(u for u in web if not acts_when_opened(u, context.options.public_url))
        )

    return asked(links), asked(images)


def _answer(context: RuleContext, url: str) -> UrlStatus | None:
    return (context.answers or {}).get(url)


def _is_dead(answer: UrlStatus) -> bool:
    return answer.status in _GONE or answer.certain


def _is_odd(answer: UrlStatus) -> bool:
    return bool(answer.problem) or (answer.status >= _BAD and answer.status not in _SHY)


def _said(answer: UrlStatus) -> str:
    return answer.problem or f"the server answers {answer.status}"
