"""Links that are counted: whoever follows one is sent on to where it led when its issue was frozen.

Nothing of the request decides where, and nothing of it is kept but the hour and whether a program
seems to have come. What tells many links in a row from a reader is known for two seconds, in
memory; so a server that is killed loses the clicks of the last few.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import ipaddress
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from newsletter.errors import NewsletterError
from newsletter.networks import is_public
from newsletter.site.answers import Answers, token_of
from newsletter.site.visitors import visitor_of
from newsletter.store import Store, clicks
from newsletter.store.clicks import Click

_LOG: Final = logging.getLogger(__name__)
_NAME: Final = re.compile(r"([0-9]{1,9})-([0-9]{1,5})")
#: What looks for harm acts within seconds of a mail's arrival.
_SCANNED: Final = dt.timedelta(minutes=10)
_AGENTS: Final = re.compile(
    r"(?<!cu)bot|crawl|spider|slurp|preview|scan|fetch|proxy|headless|curl|wget|python|java/|"
    r"go-http|okhttp|libwww|proofpoint|mimecast|barracuda|safelinks|facebookexternal|whatsapp",
    re.IGNORECASE,
)
#: More links than these within so many seconds from one network are no reader's.
_LINKS: Final = 3
_BURST_SECONDS: Final = 2.0
_WRITE_SECONDS: Final = 1.0
#: Bits of an address that are a network's.
_PREFIX: Final = {4: 24, 6: 56}
#: What is kept in memory of one network, and of all.
_MOST: Final = 50
_MOST_OF_ALL: Final = 20_000


@dataclass(slots=True)
class _Seen:
    """A click that is not written yet."""

    at: float
    click: Click
    machine: bool


@dataclass(slots=True)
class RecentClicks:
    """The clicks of the last seconds, judged by what came beside them.

    Attributes:
        seconds: a clock that goes on.
    """

    seconds: Callable[[], float] = time.monotonic
    _recent: dict[str, list[_Seen]] = field(default_factory=dict)
    _number: int = 0
    _judged: Counter[Click] = field(default_factory=Counter)

    @property
    def is_empty(self) -> bool:
        """Whether all has been taken."""
        return not self._number and not self._judged

    def note(self, click: Click, network: str) -> None:
        """A link was followed from a network, "" for an unknown one."""
        some = self._recent.get(network, [])
        if not network or len(some) >= _MOST or self._number >= _MOST_OF_ALL:
            self._judge(_Seen(0, click, machine=click.machine or len(some) >= _MOST))
            return
        now = self.seconds()
        self._recent.setdefault(network, some).append(_Seen(now, click, click.machine))
        self._number += 1
        near = [seen for seen in some if seen.at > now - _BURST_SECONDS]
        if len({(seen.click.issue, seen.click.number) for seen in near}) > _LINKS:
            for seen in near:
                seen.machine = True

    def take(self, *, everything: bool = False) -> Counter[Click]:
        """Clicks that nothing can change any more, and how many of each."""
        until = self.seconds() - _BURST_SECONDS
        for network, some in list(self._recent.items()):
            left = [seen for seen in some if seen.at > until and not everything]
            for seen in some[: len(some) - len(left)]:
                self._judge(seen)
            self._number -= len(some) - len(left)
            if left:
                self._recent[network] = left
            else:
                del self._recent[network]
        found, self._judged = self._judged, Counter()
        return found

    def give_back(self, found: Mapping[Click, int]) -> None:
        """They could not be written; the next time they may."""
        self._judged.update(found)

    def _judge(self, seen: _Seen) -> None:
        self._judged[dataclasses.replace(seen.click, machine=seen.machine)] += 1


class Following:
    """The way on from a counted link.

    Args:
        store: the records.
        answers: look and language.
        clock: says what time it is, in UTC.
        counting: whether clicks are counted; links lead on in any case.
    """

    def __init__(
        self, store: Store, answers: Answers, clock: Callable[[], dt.datetime], *, counting: bool
    ) -> None:
        self._store = store
        self._answers = answers
        self._clock = clock
        self._counting = counting
        self._clicks = RecentClicks()
        self._writing: asyncio.Task[None] | None = None
        self._closing = False

    async def follow(self, request: Request) -> Response:
        """Send somebody on; what no mail holds is not there."""
        found = _NAME.fullmatch(token_of(request))
        if found is None:
            return self._answers.page("unknown")
        issue, number = int(found[1]), int(found[2])
        target = await run_in_threadpool(clicks.target, self._store, issue, number)
        if target is None:
            return self._answers.page("unknown")
        if self._counting and request.method == "GET":
            now = self._clock()
            early = now < target.sent_at + _SCANNED
            click = Click(
                issue=issue, number=number, hour=now.replace(minute=0, second=0, microsecond=0),
                machine=early or is_machine(request),
            )  # fmt: skip
            self._clicks.note(click, _network(visitor_of(request)))
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write_on())
        return Response(status_code=302, headers={"Location": target.url})

    async def close(self) -> None:
        """Write what is left; the server ends."""
        self._closing = True
        if self._writing is not None:
            await self._writing
        await self._write(everything=True)

    async def _write_on(self) -> None:
        while not (self._clicks.is_empty or self._closing):
            await asyncio.sleep(_WRITE_SECONDS)
            await self._write()

    async def _write(self, *, everything: bool = False) -> None:
        found = self._clicks.take(everything=everything)
        if not found:
            return
        try:
            await run_in_threadpool(clicks.add, self._store, found)
        except NewsletterError as error:
            self._clicks.give_back(found)
            _LOG.error("clicks are counted later: %s", error)


def is_machine(request: Request) -> bool:
    """Whether a request looks like that of a program and not of a reader's browser."""
    headers = request.headers
    agent = headers.get("user-agent", "")
    ahead = {headers.get(name, "").lower() for name in ("purpose", "sec-purpose", "x-purpose")}
    return (
        not agent
        or bool(_AGENTS.search(agent))
        or "text/html" not in headers.get("accept", "")
        or any(word.startswith(("prefetch", "preview")) for word in ahead)
    )


def _network(visitor: str) -> str:
    address = ipaddress.ip_address(visitor)
    if not is_public(address):  # a proxy's, say, which many readers share
        return ""
    return str(ipaddress.ip_network(f"{address}/{_PREFIX[address.version]}", strict=False))
