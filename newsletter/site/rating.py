"""The page on which a reader says what they think of an issue.

The link in a mail chooses an answer on the page and notes nothing: programs that follow links rate
nothing. Only the button counts, once for each reader and issue, and the last press is what stands.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from newsletter.audience.tokens import read_rating_token
from newsletter.site.answers import Answers, beside, body, form_fields, token_of
from newsletter.store import Store, ratings, signing_keys
from newsletter.store.ratings import AskedRating
from newsletter.text_rules import one_line

_TEMPLATE: Final = "rating.html"
#: Characters that are kept of what a reader writes; a browser takes no more.
_WORDS: Final = 2000
#: Threads that ratings may take; readers who leave have the others.
_AT_ONCE: Final = 4


class Rating:
    """The rating page.

    Args:
        store: the records.
        answers: look and language.
        clock: says what time it is, in UTC.
    """

    def __init__(self, store: Store, answers: Answers, clock: Callable[[], dt.datetime]) -> None:
        self._store = store
        self._answers = answers
        self._clock = clock
        self._threads = asyncio.Semaphore(_AT_ONCE)

    async def show(self, request: Request) -> Response:
        """The answers, that of the link chosen; nothing changes."""
        return await self._ask(request)

    async def act(self, request: Request) -> Response:
        """Note the answer, durably, before ours begins; without one the page is shown."""
        try:
            data = await body(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody gets it; half a form changes nothing
        if data is None:
            return self._answers.page("busy", status=413)
        fields = form_fields(data)
        answer, words = fields.get("answer", ""), _written(fields.get("words", ""))
        if not answer:
            return await self._ask(request, words)
        async with self._threads:
            asked = await run_in_threadpool(self._rate, request, answer, words)
        return self._page(request, asked, kind="rated")

    async def _ask(self, request: Request, words: str = "") -> Response:
        """The page, with what was written on it a moment ago."""
        async with self._threads:
            asked = await run_in_threadpool(self._look, request)
        if asked and words:
            asked = asked._replace(words=words)
        return self._page(request, asked, chosen=_parts(request)[1])

    def _read(self, request: Request) -> tuple[str, int] | None:
        return read_rating_token(_parts(request)[0], signing_keys.link_keys(self._store))

    def _look(self, request: Request) -> AskedRating | None:
        link = self._read(request)
        return None if link is None else ratings.look(self._store, *link)

    def _rate(self, request: Request, answer: str, words: str) -> AskedRating | None:
        link = self._read(request)
        if link is None:
            return None
        now = self._clock()
        return ratings.rate(self._store, *link, answer=answer, words=words, now=now)

    def _page(
        self, request: Request, asked: AskedRating | None, *, chosen: str = "", kind: str = "rate"
    ) -> Response:
        if asked is None:
            return self._answers.page("no_rating")
        return self._answers.page(
            kind,
            template=_TEMPLATE,
            asked=asked,
            chosen=chosen if chosen in asked.labels else asked.answer,
            longest=_WORDS,
            # Without the answer of the mail's link: what is on record shows.
            again=beside(request, f"v/{_parts(request)[0]}"),
        )


def _parts(request: Request) -> tuple[str, str]:
    """The token of a link, and the answer that it chooses, "" for none."""
    token, _, answer = token_of(request).partition("/")
    return token, answer


def _written(text: str) -> str:
    """What a reader wrote, line by line, without what cannot be seen."""
    lines = [one_line(line) for line in text.splitlines()]
    return "\n".join(lines).strip()[:_WORDS]
