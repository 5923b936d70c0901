"""The preview: the list of issues, and each as its readers will see it.

    /                              the issues
    /issues/74                     the frame: what it weighs, what the checks say, the mail
    /issues/74/mail                the mail alone, for the frame's iframe
    /issues/74/assets/images/x.png a picture that lies beside the issue
    /issues/74/events, /events     told when the page is out of date

Issues are found by number, never by a path. Nothing here changes anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import mimetypes
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from newsletter.check.mail import LIMIT
from newsletter.settings import Settings
from newsletter.store import files
from newsletter.web.app import WithHeaders, run
from newsletter.web.guard import LoopbackOnly
from newsletter.web.pages import STATIC, page
from newsletter.web.proofs import Entry, Proofs
from newsletter.web.reload import Changes, events, watch
from newsletter.web.views import Builder, View, Views

Shelf = Callable[[], Sequence[Entry]]

#: The ways to look at an issue: what stands in the address, what stands on the page.
TABS: Final = (("mail", "Mail"), ("text", "Text"), ("checks", "Checks"))
WIDTHS: Final = (("375", "375"), ("600", "600"), ("full", "Full"))

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# The frame's script may look into the mail, to keep its place; the mail itself may do nothing.
_SANDBOX: Final = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"
_MAIL_POLICY: Final = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline' https:; "
    "img-src 'self' https: http: data:; font-src https: data:; base-uri 'none'; "
    f"form-action 'none'; frame-ancestors 'self'; sandbox {_SANDBOX}"
)
_PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def application(
    *,
    builder: Builder,
    shelf: Shelf,
    folder: Path,
    changes: Changes,
    watching: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """The preview as a Starlette application.

    Args:
        builder: makes the proof of an issue, None for a number without one. It is asked at every
            look, so it had better remember; it may raise, and the last good proof stays.
        shelf: the issues there are.
        folder: where the issues lie; pictures beside them are served, nothing else.
        changes: rings when something changed.
        watching: runs as long as the application, to ring that bell.
    """
    pages = _Pages(Views(builder, folder), shelf, folder, changes)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.ensure_future(watching()) if watching else None
        yield
        if task:
            task.cancel()
            await asyncio.wait([task])

    app = Starlette(
        routes=[
            Route("/", pages.index),
            Route("/events", pages.index_events),
            Route("/issues/{number:int}", pages.issue),
            Route("/issues/{number:int}/mail", pages.mail),
            Route("/issues/{number:int}/events", pages.issue_events),
            Route("/issues/{number:int}/assets/{name:path}", pages.picture),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(WithHeaders, headers=_HEADERS), Middleware(LoopbackOnly)],
        exception_handlers={404: _nothing_here},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def serve(
    root: Path,
    settings: Callable[[], Settings],
    door: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Run the preview of the newsletter in `root` until Ctrl-C.

    Args:
        root: its folder.
        settings: reads its settings.
        door: a listening socket.
        ready: called once pages are served.
    """
    proofs, changes = Proofs(root, settings), Changes()
    app = application(
        builder=proofs.proof,
        shelf=proofs.shelf,
        folder=root / files.ISSUES,
        changes=changes,
        watching=lambda: watch(proofs.folders, changes),
    )
    # Nothing may appear in the terminal but the address; faults are shown on the page.
    run(app, door, ready=ready, closing=changes.close, log_level="critical")


class _Pages:
    def __init__(self, views: Views, shelf: Shelf, folder: Path, changes: Changes) -> None:
        self._views = views
        self._shelf = shelf
        self._folder = folder
        self._changes = changes

    async def index(self, _: Request) -> Response:
        entries = await run_in_threadpool(self._shelf)
        return HTMLResponse(page("index.html", entries=entries, version=_version_of(entries)))

    async def issue(self, request: Request) -> Response:
        view = await self._view(request)
        return HTMLResponse(page("issue.html", **_shown(view, request)))

    async def mail(self, request: Request) -> Response:
        view = await self._view(request)
        if view.proof is None:
            raise HTTPException(404)
        return HTMLResponse(view.mail, headers={"Content-Security-Policy": _MAIL_POLICY})

    async def picture(self, request: Request) -> Response:
        name = request.path_params["name"]
        kind = mimetypes.guess_type(name)[0] or ""
        there = await run_in_threadpool(files.image_exists, self._folder, name)
        if not (there and kind.startswith("image/")):
            raise HTTPException(404)
        headers = {"Content-Security-Policy": _PICTURE_POLICY}
        return FileResponse(self._folder / name, media_type=kind, headers=headers)

    async def index_events(self, _: Request) -> Response:
        return self._stream(lambda: _version_of(self._shelf()))

    async def issue_events(self, request: Request) -> Response:
        number = (await self._view(request)).number

        def version() -> str:
            view = self._views.view(number)
            return view.version if view else "gone"

        return self._stream(version)

    def _stream(self, version: Callable[[], str]) -> Response:
        return StreamingResponse(events(self._changes, version), media_type="text/event-stream")

    async def _view(self, request: Request) -> View:
        view = await run_in_threadpool(self._views.view, request.path_params["number"])
        if view is None:
            raise HTTPException(404)
        return view


async def _nothing_here(_: Request, __: Exception) -> Response:
    return HTMLResponse(page("missing.html"), status_code=404)


def _version_of(entries: Sequence[Entry]) -> str:
    return hashlib.sha256(repr(entries).encode()).hexdigest()[:16]


def _shown(view: View, request: Request) -> dict[str, object]:
    """What the template of an issue's page is given."""
    return {
        "view": view,
        "limit": LIMIT,
        "sandbox": _SANDBOX,
        "tabs": TABS,
        "widths": WIDTHS,
        "tab": _chosen(request, "tab", TABS, "mail"),
        "width": _chosen(request, "width", WIDTHS, "full"),
    }


def _chosen(request: Request, name: str, ways: tuple[tuple[str, str], ...], otherwise: str) -> str:
    """One of the `ways` as the address has it; whatever else stands there counts as nothing."""
    wanted = request.query_params.get(name)
    return wanted if wanted in dict(ways) else otherwise
