"""The pages for readers: subscribing, leaving, what they want to get, how an issue was.

GET and HEAD show a page with one button and change nothing, for programs that look for harm in
mails follow every link. POST acts, whoever sends it: the button, or a mail program that knows
RFC 8058. The token is the only thing that counts; for leaving, the body says nothing.

Whoever leaves has left when the answer begins, also while another program keeps the records locked:
then it stands beside them, and is made up for as soon as they are free.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from newsletter.audience.tokens import make_token, read_token
from newsletter.errors import NewsletterError, PausedError
from newsletter.server import WithHeaders, run
from newsletter.server.connections import Limits
from newsletter.settings import Settings
from newsletter.site.answers import Answers, beside, drain, token_of
from newsletter.site.archive import ArchiveServer
from newsletter.site.choices import PreferencePage
from newsletter.site.following import Following
from newsletter.site.pages import TEMPLATES
from newsletter.site.rating import Rating
from newsletter.site.subscribing import Confirming, Signups, Subscribing
from newsletter.site.visitors import BehindProxies
from newsletter.store import Store, consents, retention, signing_keys, subscribers

Clock = Callable[[], dt.datetime]

_LOG: Final = logging.getLogger(__name__)
#: How somebody left: by the button of the page, or by that of their mail program.
_BY_PAGE: Final = "unsubscribe page"
_BY_PROGRAM: Final = "mail program (one click)"
_RETRY_SECONDS: Final = "60"
#: How long a reader's browser waits for records that another program keeps locked.
PATIENCE: Final = 2.0
_CATCH_UP_SECONDS: Final = 5.0
_LIMITS: Final = Limits()
_SUBSCRIBE: Final = ("/subscribe", "/subscribe/")
#: No page of the archive begins so.
_PERSONAL: Final = ("/u/", "/p/", "/c/", "/r/", "/v/")
_NO_PHRASES: Final[Mapping[str, str]] = {}


def application(
    *,
    store: Store,
    settings: Settings,
    clock: Clock,
    phrases: Mapping[str, str] = _NO_PHRASES,
    archive: ArchiveServer | None = None,
    signups: Signups | None = None,
) -> Starlette:
    """The public pages as a Starlette application.

    Args:
        store: the records, open for writing.
        settings: the newsletter's, for name, language, colours and topics.
        clock: says what time it is, in UTC.
        phrases: words of the author's own, over those that are shipped.
        archive: answers for past issues, None where they are read elsewhere.
        signups: what sign-up needs; without it nobody can subscribe here.
    """
    answers = Answers(settings, phrases)
    choices = PreferencePage(
        store, answers, clock, settings.web.topics, signups,
        moved=archive.moved if archive else None,
    )  # fmt: skip
    subscribing = Subscribing(store, answers, settings, clock, signups)
    pages = _Pages(store, answers, clock, archive, has_form=subscribing.has_form)
    following = Following(store, answers, clock, counting=settings.clicks.count)
    rating = Rating(store, answers, clock)
    confirming = Confirming(store, answers, settings, clock, signups)

    @contextlib.asynccontextmanager
    async def closing(_: Starlette) -> AsyncIterator[None]:
        yield
        await following.close()

    app = Starlette(
        routes=[
            *(Route(path, subscribing.show, methods=["GET"]) for path in _SUBSCRIBE),
            *(Route(path, subscribing.act, methods=["POST"]) for path in _SUBSCRIBE),
            Route("/c/{token:path}", confirming.show, methods=["GET"]),
            Route("/c/{token:path}", confirming.act, methods=["POST"]),
            Route("/u/{token:path}", pages.ask, methods=["GET"]),
            Route("/u/{token:path}", pages.act, methods=["POST"]),
            Route("/p/{token:path}", choices.ask, methods=["GET"]),
            Route("/p/{token:path}", choices.act, methods=["POST"]),
            Route("/r/{token:path}", following.follow, methods=["GET"]),
            Route("/v/{token:path}", rating.show, methods=["GET"]),
            Route("/v/{token:path}", rating.act, methods=["POST"]),
            Route("/healthz", pages.health),
        ],
        middleware=[
            Middleware(BehindProxies, trusted=settings.web.trusted_proxies),
            Middleware(WithHeaders, headers=answers.headers()),
        ],
        exception_handlers={404: pages.unknown, NewsletterError: pages.busy},
        lifespan=closing,
    )
    app.router.redirect_slashes = False
    return app


def serve(
    store: Store,
    settings: Settings,
    clock: Clock,
    door: socket.socket,
    ready: Callable[[], None],
    *,
    phrases: Mapping[str, str] = _NO_PHRASES,
    archive: ArchiveServer | None = None,
    signups: Signups | None = None,
    limits: Limits = _LIMITS,
) -> None:
    """Answer readers until Ctrl-C or SIGTERM.

    Args:
        store: the records, open for writing.
        settings: the newsletter's.
        clock: says what time it is, in UTC.
        door: a listening socket.
        ready: called once readers are answered.
        phrases: words of the author's own, over those that are shipped.
        archive: answers for past issues, None where they are read elsewhere.
        signups: what sign-up needs; without it nobody can subscribe here.
        limits: how long readers' programs may take, and how many there may be at once.
    """
    kept = dt.timedelta(days=settings.web.keep_visitors)
    # While another program writes, readers go first; the next start forgets them.
    with contextlib.suppress(PausedError):
        consents.forget_visitors(store, before=clock() - kept)
        if days := settings.retention.left:
            before = clock() - dt.timedelta(days=days)
            retention.forget_left(store, before=before, now=clock())
    TEMPLATES.load()
    app = application(
        store=store, settings=settings, clock=clock, phrases=phrases, archive=archive,
        signups=signups,
    )  # fmt: skip
    run(app, door, ready=ready, closing=lambda: None, log_level="error", limits=limits)


class _Pages:
    def __init__(
        self,
        store: Store,
        answers: Answers,
        clock: Clock,
        archive: ArchiveServer | None,
        *,
        has_form: bool,
    ) -> None:
        self._archive = archive
        self._has_form = has_form
        self._store = store
        self._answers = answers
        self._clock = clock
        self._catching_up: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> Response:
        handle, choices = await self._read(request)
        left = handle is not None and await run_in_threadpool(
            subscribers.has_left, self._store, handle
        )
        return self._page(request, "left" if left else "ask", handle, choices)

    async def act(self, request: Request) -> Response:
        handle, choices = await self._read(request)
        if handle:
            await run_in_threadpool(self._leave, handle, request)
            if self._store.departures.behind and not self._is_catching_up():
                self._catching_up = asyncio.create_task(self._catch_up())
        await drain(request)
        return self._page(request, "left", handle, choices)

    async def health(self, _: Request) -> Response:
        await run_in_threadpool(signing_keys.link_keys, self._store)
        return PlainTextResponse("ok\n")

    async def unknown(self, request: Request, _: Exception) -> Response:
        """What is no page for one reader may be one for all."""
        asks = request.method in {"GET", "HEAD"} and not request.url.path.startswith(_PERSONAL)
        found = await self._archive.answer(request) if self._archive and asks else None
        if not found and asks and self._has_form and request.url.path == "/":
            # Relative: a proxy may serve these pages under a path of its own.
            return RedirectResponse("subscribe", 303)
        return found or self._answers.page("unknown")

    async def busy(self, request: Request, fault: Exception) -> Response:
        """The records cannot be used just now: never say that it worked."""
        _LOG.error("somebody was asked to come back later: %s", fault)
        await drain(request)
        return self._answers.page("busy", headers={"Retry-After": _RETRY_SECONDS})

    def _leave(self, handle: str, request: Request) -> None:
        # Told in the address: what a body holds is not waited for.
        by_page = request.query_params.get("by") == "page"
        evidence = self._answers.evidence(request, _BY_PAGE if by_page else _BY_PROGRAM)
        self._store.departures.leave(handle, evidence, now=self._clock())

    def _is_catching_up(self) -> bool:
        return self._catching_up is not None and not self._catching_up.done()

    async def _catch_up(self) -> None:
        """Lists and counts shall know soon who has left; what is sent respects it anyhow."""
        while self._store.departures.behind:
            await asyncio.sleep(_CATCH_UP_SECONDS)
            with contextlib.suppress(NewsletterError):
                await run_in_threadpool(self._store.departures.catch_up)

    async def _read(self, request: Request) -> tuple[str | None, str]:
        """Whose link it is, and the link to their preferences."""
        keys = await run_in_threadpool(signing_keys.link_keys, self._store)
        handle = read_token(token_of(request), keys)
        if handle is None:
            return None, ""
        newest = list(keys.values())[-1]
        return handle, beside(request, f"p/{make_token(handle, newest, 'preferences')}")

    def _page(self, request: Request, kind: str, handle: str | None, choices: str) -> Response:
        if handle is None:
            return self._answers.nobodys(request)
        return self._answers.page(kind, preferences=choices)
