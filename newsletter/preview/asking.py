"""What the links of an issue answer, asked only when its author presses for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from newsletter.audience.tokens import acts_when_opened
from newsletter.check.online import addresses
from newsletter.http import Fetcher, Reply
from newsletter.preview.sending import Reading
from newsletter.preview.threads import apart

#: How many links are asked at once; those of one host one after the other.
_AT_ONCE: Final = 8
_BAD: Final = 400

#: Makes what asks, given what must never be asked.
Asker = Callable[[Callable[[str], bool]], Fetcher]


def asker(refused: Callable[[str], bool]) -> Fetcher:
    """Asks the web, never this machine or a private network."""
    return Fetcher(refused=refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one link answered.

    Attributes:
        good: whether a page is there.
        said: the HTTP status, or why there is none.
    """

    good: bool
    said: str


class Asking:
    """Asks for the links of an issue.

    Args:
        reading: reads an issue.
        asker: makes what asks.
    """

    def __init__(self, reading: Reading, asker: Asker = asker) -> None:
        self._reading = reading
        self._asker = asker

    async def links(self, number: int) -> Mapping[str, Asked] | None:
        """Ask for every link the author wrote; None for a number without an issue.

        Links that unsubscribe or confirm somebody, links of the theme, and links that differ from
        reader to reader are left out; so are, on every hop, this machine and private networks.

        Raises:
            NewsletterError: the issue cannot be read.
        """
        read = await apart(lambda: self._reading(number))
        if read is None:
            return None
        letter = read[1].letter
        public_url = letter.options.public_url
        fetcher = self._asker(lambda url: acts_when_opened(url, public_url))
        slots = asyncio.Semaphore(_AT_ONCE)
        hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def ask(url: str) -> tuple[str, Asked]:
            async with hosts[_host(url)], slots:
                return url, _told(await apart(lambda: fetcher.ask(url)))

        pages, _ = addresses(letter)
        return dict(await asyncio.gather(*map(ask, pages)))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _told(reply: Reply) -> Asked:
    good = not reply.problem and reply.status < _BAD
    return Asked(good=good, said=reply.problem or str(reply.status))
