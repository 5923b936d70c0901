"""The archive on the readers' server: the same files as in a folder, from memory.

Built beside, in a thread, when the author's files have changed; readers get the last good one
meanwhile. A page that is asked for and not there is worth a look at once, for it may be that of an
issue whose first mail has just arrived.
"""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import re
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from newsletter.errors import NewsletterError
from newsletter.project import files
from newsletter.publishing.archive import Archive, ArchiveFile
from newsletter.publishing.live import LiveArchive
from newsletter.publishing.redirects import UnfitArchiveError, bare_path, base_path
from newsletter.settings import Settings

_LOG: Final = logging.getLogger(__name__)
#: As pictures of mails are called: a hash of what they are, which never changes.
_PUBLISHED: Final = re.compile(r"(?:[^/]+/)*[^/]+\.[0-9a-f]{8}\.(?:png|jpg|gif)")
#: Pictures that are read at a time.
_AT_ONCE: Final = 2
_LOOK_SECONDS: Final = 5.0
_LOOK_AGAIN_SECONDS: Final = 1.0
_TYPES: Final = {"feed.xml": "application/atom+xml", "rss.xml": "application/rss+xml"}
#: Pages are for everybody: found by search engines, kept for a while, and in no frame elsewhere.
_HEADERS: Final = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Robots-Tag": "all",
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """One archive, its pages made."""

    archive: Archive
    pages: Mapping[str, bytes]
    moved: Mapping[str, int]


@dataclass(slots=True)
class ArchiveServer:
    """Answers for the archive.

    Attributes:
        settings: the newsletter's.
        folder: the newsletter's.
        live: lays out the archive from the author's files.
        stamp: differs whenever one of these files does; it reads none of them.
        seconds: a clock that goes on.
    """

    settings: Settings
    folder: Path
    live: LiveArchive
    stamp: Callable[[], Hashable]
    seconds: Callable[[], float] = time.monotonic
    _shown: _Shown | None = None
    _seen: Hashable = None
    _looked: float = float("-inf")
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    @property
    def is_here(self) -> bool:
        """Whether mails lead to the archive on this very server."""
        site = self.settings.site
        archive, public = urlsplit(site.archive_url), urlsplit(site.public_url)
        return bool(archive.netloc) and archive.netloc == public.netloc

    async def answer(self, request: Request) -> Response | None:
        """A page, a redirect, a mail's picture, or None for what is none of the archive's."""
        path, base = request.url.path, base_path(self.settings.site.archive_url)
        if picture := await run_in_threadpool(self._picture, path):
            return picture
        if self._looked + _LOOK_SECONDS < self.seconds():
            await self._look()
        found = self._find(path, base)
        if found is None and self._looked + _LOOK_AGAIN_SECONDS < self.seconds():
            await self._look()
            found = self._find(path, base)
        shown = self._shown
        if isinstance(found, str) and shown:
            found = await self._file(request, shown, found)
        if not found and shown and path.startswith(base):
            found = _page(shown, "404.html", 404)
        return found if isinstance(found, Response) else None

    async def _file(self, request: Request, shown: _Shown, name: str) -> Response | None:
        """A file of the archive, or word that a reader's copy of it is still good."""
        held = request.headers.get("if-none-match", "").replace("W/", "").split(",")
        if (tag := _tag(shown.archive.files[name])) in [one.strip() for one in held]:
            return Response(status_code=304, headers={**_HEADERS, "ETag": tag})
        if name in shown.pages:
            return _page(shown, name, 200)
        # A picture is read when it is asked for, for together they may be large; few at a time,
        # and beside those who leave.
        async with self._reading:
            return await run_in_threadpool(_page, shown, name, 200)

    async def moved(self, request: Request) -> Response | None:
        """The way on from an address that an issue had earlier, None where it was none."""
        found = await self.answer(request)
        return found if isinstance(found, RedirectResponse) else None

    def _picture(self, path: str) -> Response | None:
        """A picture that mails show, where they are published into a folder of this host."""
        site, to = self.settings.site, self.settings.images.to
        base = base_path(site.assets_url)
        here = urlsplit(site.assets_url).netloc == urlsplit(site.public_url).netloc
        name = path.removeprefix(base)
        if not (to and here and "://" not in to and path.startswith(base)):
            return None
        if not _PUBLISHED.fullmatch(name) or not files.image_exists(self.folder / to, name):
            return None
        headers = {**_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response((self.folder / to / name).read_bytes(), headers=headers,
                        media_type=mimetypes.guess_type(name)[0])  # fmt: skip

    def _find(self, path: str, base: str) -> Response | str | None:
        """The way on from an address, or the name of the file that it is of."""
        if self._shown is None:
            return None
        if (number := self._shown.moved.get(bare_path(path))) is not None:
            return RedirectResponse(f"{base}{number}/", status_code=301, headers=_HEADERS)
        if f"{path}/" == base:
            return RedirectResponse(base, status_code=301, headers=_HEADERS)
        if not path.startswith(base):
            return None
        name = path.removeprefix(base)
        if not name or name.endswith("/"):
            name = f"{name}index.html"
        elif f"{name}/index.html" in self._shown.archive.files:
            return RedirectResponse(f"{path}/", status_code=301, headers=_HEADERS)
        return name if name in self._shown.archive.files else None

    async def _look(self) -> None:
        async with self._busy:
            self._looked = self.seconds()
            await run_in_threadpool(self._renew)

    def _renew(self) -> None:
        """Build again where a file has changed; what cannot be built keeps the last good one."""
        try:
            stamp = self.stamp()
            if stamp == self._seen:
                return
            self._seen = stamp
            self._shown = _made(self.live.build())
        except (NewsletterError, OSError) as error:
            _LOG.error("the archive stays as it was: %s", _told(error))  # a sentence, no traceback
            self._withdraw()

    def _withdraw(self) -> None:
        """Show nothing that its author keeps out, whatever else is broken."""
        try:
            if self._shown and (archive := self.live.without_withdrawn()):
                self._shown = _made(archive)
        except (NewsletterError, OSError) as error:
            self._shown = None
            _LOG.error("the archive is not shown until that is fixed: %s", _told(error))


def _page(shown: _Shown, name: str, status: int) -> Response | None:
    data = shown.pages.get(name)
    try:
        data = shown.archive.files[name].make() if data is None else data
    except (NewsletterError, OSError) as error:
        _LOG.error("a picture is missing in the archive: %s", error)
        return None
    kind = _TYPES.get(name) or mimetypes.guess_type(name)[0] or "text/plain"
    headers = {**_HEADERS, "ETag": _tag(shown.archive.files[name])}
    return Response(data, status_code=status, media_type=kind, headers=headers)


def _tag(file: ArchiveFile) -> str:
    """What tells two of a file's contents apart."""
    return f'"{file.inputs[:32]}"'


def _made(archive: Archive) -> _Shown:
    pages = {name: file.make() for name, file in archive.files.items() if not file.picture}
    moved = {one.bare: one.number for one in archive.redirects}
    return _Shown(archive, pages, moved)


def _told(error: Exception) -> str:
    if isinstance(error, UnfitArchiveError):
        return f"{error.findings[0].place}: {error.findings[0].message}"
    return str(error)
