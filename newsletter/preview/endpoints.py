"""The preview's pages and files: what can be looked at, and nothing that can be changed."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse

from newsletter.check.mail import LIMIT
from newsletter.errors import NewsletterError
from newsletter.preview import choices
from newsletter.preview.archive_pages import ArchivePage
from newsletter.preview.choices import ViewChoices
from newsletter.preview.front_page import FrontPage
from newsletter.preview.pages import TEMPLATES
from newsletter.preview.readers import READERS, reader
from newsletter.preview.reload import Changes, events
from newsletter.preview.sending import Obstacle, Ready
from newsletter.preview.source import coloured
from newsletter.preview.threads import apart
from newsletter.preview.views import View, Views

# The page's script may look into the mail, to keep its place; the mail itself may do nothing.
_SANDBOX: Final = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"
_MAIL_POLICY: Final = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline' https:; "
    "img-src %s; font-src https: data:; base-uri 'none'; "
    f"form-action 'none'; frame-ancestors 'self'; sandbox {_SANDBOX}"
)
_PICTURES: Final = {"on": "'self' https: http: data:", "off": "'none'"}
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'none'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' https: data:; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'self'; sandbox {_SANDBOX}"
)
_ALONE: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class Endpoints:
    """What the preview's addresses answer.

    Args:
        views: looks at issues.
        front_page: looks up what the first page shows.
        changes: rings when something changed.
        token: of this run, for the page's presses.
        ready: looks up what a send of an issue would do; asked only where that is shown.
        archive: finds a file of the archive as it will be.
    """

    def __init__(
        self,
        views: Views,
        front_page: Callable[[], FrontPage],
        changes: Changes,
        *,
        token: str,
        ready: Callable[[int], Ready],
        archive: ArchivePage,
    ) -> None:
        self._archive = archive
        self._views = views
        self._front_page = front_page
        self._changes = changes
        self._token = token
        self._ready = ready

    async def index(self, _: Request) -> Response:
        """The first page, with the list of issues."""
        page = await run_in_threadpool(self._front_page)
        return HTMLResponse(TEMPLATES.fill("index.html", page=page, version=_version_of(page)))

    async def issue(self, request: Request) -> Response:
        """The page of one issue or letter, with the part the address names."""
        chosen = ViewChoices.read(request.query_params)
        view = await self._view(request, chosen)
        if chosen.tab not in {*dict(view.tabs), choices.OVERVIEW}:
            chosen = replace(chosen, tab="mail")
        return HTMLResponse(await apart(lambda: self._filled(view, chosen)))

    async def mail(self, request: Request) -> Response:
        """The mail alone, as the frame shows it."""
        chosen = ViewChoices.read(request.query_params)
        view = await self._view(request, chosen)
        if view.preview is None:
            raise HTTPException(404)
        headers = {
            "Content-Security-Policy": _MAIL_POLICY % _PICTURES[chosen.images],
            # The page asks for itself and its mail at once, and a save may come between the two.
            "X-Mail-Version": view.mail_version(chosen.colours),
        }
        return HTMLResponse(view.mail(chosen.colours), headers=headers)

    async def file(self, request: Request) -> Response:
        """A part of the mail as a file to keep."""
        view = await self._view(request, ViewChoices.read(request.query_params))
        kind = request.path_params["kind"]
        data = _files_of(view).get(kind)
        if data is None:
            raise HTTPException(404)
        stem = f"{view.shown:03d}" if isinstance(view.shown, int) else view.shown
        name = f"{stem}.{'txt' if kind == 'text' else kind}"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": _ALONE,
        }
        # Plain text whatever it is: nothing in it may ever run here.
        media = "message/rfc822" if kind == "eml" else "text/plain"
        return Response(data, media_type=media, headers=headers)

    async def picture(self, request: Request) -> Response:
        """A picture that is made for an issue or a letter, or lies beside it."""
        name = request.path_params["name"]
        kind = mimetypes.guess_type(name)[0] or ""
        headers = {"Content-Security-Policy": _ALONE}
        view = await self._view(request, ViewChoices())
        if view.preview and (made := view.preview.pictures.get(name)):
            return Response(made.data, media_type=kind, headers=headers)
        path = await run_in_threadpool(view.file, name)
        if path is None or not kind.startswith("image/"):
            raise HTTPException(404)
        return FileResponse(path, media_type=kind, headers=headers)

    async def archive(self, request: Request) -> Response:
        """A file of the archive as it will be; what stands in its way instead of a page."""
        number, path = request.path_params["shown"], request.path_params["path"]
        name = f"{path}index.html" if not path or path.endswith("/") else path
        headers = {"Content-Security-Policy": _PAGE_POLICY}
        try:
            data = await run_in_threadpool(self._archive, number, name)
        except NewsletterError as error:
            return HTMLResponse(TEMPLATES.fill("no_page.html", error=error), headers=headers)
        if data is None:
            raise HTTPException(404)
        kind = mimetypes.guess_type(name)[0] or "text/plain"
        return Response(data, media_type=kind, headers=headers)

    async def index_events(self, _: Request) -> Response:
        """The stream that tells when the first page is out of date."""
        return self._stream(lambda: _version_of(self._front_page()))

    async def issue_events(self, request: Request) -> Response:
        """The stream that tells when the page of an issue or letter is out of date."""
        shown = (await self._view(request, ViewChoices())).shown

        def version() -> str:
            view = self._views.view(shown)
            return view.version if view else "gone"

        return self._stream(version)

    def _stream(self, version: Callable[[], str]) -> Response:
        return StreamingResponse(events(self._changes, version), media_type="text/event-stream")

    async def _view(self, request: Request, chosen: ViewChoices) -> View:
        shown = request.path_params["shown"]
        view = await run_in_threadpool(self._views.view, shown, reader(chosen.reader))
        if view is None:
            raise HTTPException(404)
        return view

    def _filled(self, view: View, chosen: ViewChoices) -> str:
        return TEMPLATES.fill(
            "issue.html",
            view=view,
            inbox=view.inbox,
            preview=view.preview,
            chosen=chosen,
            limit=LIMIT,
            sandbox=_SANDBOX,
            coloured=coloured,
            choices=choices,
            readers=READERS,
            token=self._token,
            ready=self._told_ready(view) if chosen.tab == "send" else None,
        )

    def _told_ready(self, view: View) -> Ready:
        """What a send would do; while something is wrong, that and nothing else."""
        if view.fault:
            return Ready(stops=(Obstacle(reason=str(view.fault), way=view.fault.hint or ""),))
        assert isinstance(view.shown, int)  # a letter has no such part
        return self._ready(view.shown)


def _files_of(view: View) -> dict[str, bytes]:
    """The parts of a mail that can be kept as files."""
    preview = view.preview
    if preview is None:
        return {}
    return {
        "html": preview.html.encode(), "mjml": preview.mjml.encode(),
        "text": view.text.encode(), "eml": preview.mail,
    }  # fmt: skip


def _version_of(page: FrontPage) -> str:
    return hashlib.sha256(repr(page).encode()).hexdigest()[:16]
