"""The page on which a reader leaves.

GET and HEAD show a page with one button and change nothing, for programs that look for harm in
mails follow every link. POST acts, whoever sends it and whatever it carries: the button, or a
mail program that knows RFC 8058. The token is the only thing that counts.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import hashlib
import logging
import socket
from collections.abc import Callable, Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.links import Key, read_token
from newsletter.settings import Settings
from newsletter.store.sql import Store
from newsletter.web.app import WithHeaders, run
from newsletter.web.pages import page
from newsletter.web.words import words

Keys = Callable[[], Mapping[int, Key]]
Leave = Callable[[str], object]

_LOG: Final = logging.getLogger(__name__)
_SOURCE: Final = "unsubscribe page"
# Bodies say nothing that matters, but a connection closed on an unread one loses the answer.
_BODY_BYTES: Final = 64 * 1024
_BODY_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = "60"


def application(*, keys: Keys, leave: Leave, settings: Settings) -> Starlette:
    """The public pages as a Starlette application.

    Args:
        keys: all keys that ever signed links; called in a thread.
        leave: notes that the person with this handle leaves; called in a thread, and once it has
            returned this must be durable.
        settings: the newsletter's, for name, language and colours.
    """
    pages = _Pages(keys, leave, settings)
    app = Starlette(
        routes=[
            Route("/u/{token}", pages.ask, methods=["GET"]),
            Route("/u/{token}", pages.act, methods=["POST"]),
            Route("/healthz", pages.health),
        ],
        middleware=[Middleware(WithHeaders, headers=pages.headers())],
        exception_handlers={404: pages.unknown, NewsletterError: pages.busy},
    )
    app.router.redirect_slashes = False
    return app


def serve(
    store: Store,
    settings: Settings,
    clock: Callable[[], dt.datetime],
    door: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Answer readers until Ctrl-C or SIGTERM.

    Args:
        store: the records, open for writing.
        settings: the newsletter's.
        clock: says what time it is, in UTC.
        door: a listening socket.
        ready: called once readers are answered.
    """

    def leave(handle: str) -> None:
        store.unsubscribe(handle, source=_SOURCE, now=clock())

    app = application(keys=store.link_keys, leave=leave, settings=settings)
    run(app, door, ready=ready, closing=lambda: None, log_level="error")


class _Pages:
    def __init__(self, keys: Keys, leave: Leave, settings: Settings) -> None:
        self._keys = keys
        self._leave = leave
        self._words = words(settings.site.language, settings.site.name)
        self._name = settings.site.name
        self._style = _style(settings.theme.accent, settings.theme.accent_dark)

    def headers(self) -> dict[str, str]:
        """What every answer carries. The page's style is named by its hash, all else is refused."""
        style = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{style}'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        }

    async def ask(self, request: Request) -> Response:
        handle = await self._handle(request)
        return self._page("ask" if handle else "unknown")

    async def act(self, request: Request) -> Response:
        handle = await self._handle(request)
        if handle:
            await run_in_threadpool(self._leave, handle)
        await _drain(request)
        return self._page("left" if handle else "unknown")

    async def health(self, _: Request) -> Response:
        await run_in_threadpool(self._keys)
        return PlainTextResponse("ok\n")

    async def unknown(self, _: Request, __: Exception) -> Response:
        return self._page("unknown")

    async def busy(self, request: Request, fault: Exception) -> Response:
        """The records cannot be used just now: never say that it worked."""
        _LOG.error("somebody was asked to come back later: %s", fault)
        await _drain(request)
        return self._page("busy", {"Retry-After": _RETRY_SECONDS})

    async def _handle(self, request: Request) -> str | None:
        keys = await run_in_threadpool(self._keys)
        return read_token(request.path_params["token"], keys)

    def _page(self, kind: str, headers: Mapping[str, str] | None = None) -> Response:
        status = {"unknown": 404, "busy": 503}.get(kind, 200)
        html = page("leave.html", kind=kind, words=self._words, name=self._name, style=self._style)
        return HTMLResponse(html, status_code=status, headers=headers)


async def _drain(request: Request) -> None:
    """Read the body and forget it; neither a long nor a slow one holds the answer up."""
    read = 0
    with contextlib.suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                read += len(chunk)
                if read >= _BODY_BYTES:
                    return


def _style(accent: str, accent_dark: str) -> str:
    return page(
        "leave.css",
        accent=accent, on_accent=_ink_on(accent),
        accent_dark=accent_dark, on_accent_dark=_ink_on(accent_dark),
    )  # fmt: skip


def _ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a six-digit hex colour (WCAG's luminance)."""
    shares = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)  # noqa: PLR2004
    red, green, blue = linear
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if luminance > 0.179 else "#ffffff"  # noqa: PLR2004  # equal contrast
