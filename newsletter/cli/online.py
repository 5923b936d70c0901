"""What `check --online` asks the web."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from newsletter.audience.tokens import acts_when_opened
from newsletter.check import UrlStatus
from newsletter.check.online import addresses
from newsletter.cli.show import say
from newsletter.http import Fetcher, Reply, is_public
from newsletter.humanize import plural
from newsletter.project.issues import PreparedIssue, answered

#: How much of a picture is read whose server does not say how large it is.
_PICTURE: Final = 4_000_000


def asked(letters: Sequence[PreparedIssue]) -> list[PreparedIssue]:
    """The issues, checked again with what their links and pictures answer.

    An address that several of them hold is asked once; one of our own that unsubscribes or
    confirms somebody never, not even where a redirect leads there.
    """
    found = [addresses(one.letter) for one in letters]
    pages = list(dict.fromkeys(url for links, _ in found for url in links))
    pictures = list(dict.fromkeys(url for _, images in found for url in images))
    say(f"asking for {plural(len(pages), 'link')} and {plural(len(pictures), 'picture')}")
    ours = {one.options.public_url for one in letters}

    def refused(url: str) -> bool:
        return any(acts_when_opened(url, public) for public in ours)

    fetcher = Fetcher(allowed=is_public, refused=refused)
    replies = fetcher.ask_all(pages)
    replies |= dataclasses.replace(fetcher, read=_PICTURE).ask_all(pictures)
    connected = any(reply.status for reply in replies.values())
    if replies and not connected:
        say("no address answered; is this machine online?")
    answers = {url: _answer(reply, connected=connected) for url, reply in replies.items()}
    return [answered(one, answers) for one in letters]


def _answer(reply: Reply, *, connected: bool) -> UrlStatus:
    # Without a network no name is known, which says nothing about the link.
    certain = reply.certain and (connected or not reply.unnamed)
    return UrlStatus(status=reply.status, problem=reply.problem, certain=certain, size=reply.size)
