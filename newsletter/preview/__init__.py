"""The preview: where the newsletter stands, and each issue as its readers will see it.

    /                              the first page: the list, what is next, the issues
    /issues/74                     the page of one: its parts, its row, what the checks say
    /issues/74/mail                the mail alone, for the page's frame
    /issues/74/files/eml           a part as a file: html, mjml, text or eml
    /issues/74/assets/images/x.png a picture that lies beside the issue
    /issues/74/archive/74/         its page in the archive as it will be, and what belongs to it
    /issues/74/events, /events     told when the page is out of date
    /issues/74/editor              POST: open a line in the author's editor
    /issues/74/test                POST: send one test mail
    /issues/74/links               POST: ask what its links answer
    /letters/confirm               the page of a letter about the list; mail, files, assets, events
                                   and editor below it as for an issue
    /numbers, /numbers/74          how the list grew, what became of the issues, or of one

Issues are found by number, letters by kind, never by a path. What is chosen (see `choices`) stands
in the query.
Whatever is not just shown is a POST with the token of this run.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from newsletter.audience.letters import LetterKind
from newsletter.preview.actions import Actions, AskLinks, Editor, SendTrial
from newsletter.preview.archive_pages import ArchivePage, ArchivePreview
from newsletter.preview.asking import Asking
from newsletter.preview.editor import editor_command
from newsletter.preview.endpoints import Endpoints
from newsletter.preview.front_page import FrontPage, read_front_page
from newsletter.preview.guard import LoopbackOnly
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.letter_previews import LetterPreviews
from newsletter.preview.numbers import Numbers, NumbersPages, read_numbers
from newsletter.preview.pages import STATIC, TEMPLATES
from newsletter.preview.reload import Changes, watch
from newsletter.preview.sending import Ready, Sending
from newsletter.preview.views import Builder, LetterBuilder, Views
from newsletter.project import files
from newsletter.server import WithHeaders, run
from newsletter.settings import Settings

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _IssueNumber(Convertor[int]):
    """As many digits as a number of a file has; Python refuses to read thousands."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


class _LetterKind(Convertor[LetterKind]):
    """The letters there are."""

    regex = "|".join(LetterKind)

    def convert(self, value: str) -> LetterKind:
        return LetterKind(value)

    def to_string(self, value: LetterKind) -> str:
        return value.value


register_url_convertor("issue", _IssueNumber())
register_url_convertor("letter", _LetterKind())


def application(
    *,
    builder: Builder,
    front_page: Callable[[], FrontPage],
    folder: Path,
    changes: Changes,
    token: str,
    editor: Editor,
    ready: Callable[[int], Ready],
    trial: SendTrial,
    ask: AskLinks,
    archive: ArchivePage,
    numbers: Numbers,
    letters: LetterBuilder = lambda _: None,
    watching: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """The preview as a Starlette application.

    Args:
        builder: makes the preview of an issue for a reader, None for a number without one. It is
            asked at every look, so it had better remember; it may raise, and the last good preview
            stays.
        front_page: looks up what the first page shows.
        folder: where the issues lie; pictures beside them and the letters are served, nothing else.
        changes: rings when something changed.
        token: of this run, hard to guess; every press has to carry it.
        editor: finds the author's editor.
        ready: looks up what a send of an issue would do.
        trial: sends one test mail of an issue.
        ask: asks for the links of an issue.
        archive: finds a file of the archive as it will be once an issue is sent.
        numbers: makes the pages of numbers.
        letters: makes the previews of letters about the list, as `builder` does.
        watching: runs as long as the application, to ring that bell.
    """
    views = Views(builder, folder, hashlib.sha256(token.encode()).hexdigest(), letters)
    endpoints = Endpoints(views, front_page, changes, token=token, ready=ready, archive=archive)
    figures = NumbersPages(numbers, changes)
    actions = Actions(views, folder.parent, token, editor=editor, trial=trial, ask=ask)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.ensure_future(watching()) if watching else None
        yield
        if task:
            task.cancel()
            await asyncio.wait([task])

    issue, letter = "/issues/{shown:issue}", "/letters/{shown:letter}"
    app = Starlette(
        routes=[
            Route("/", endpoints.index),
            Route("/events", endpoints.index_events),
            *_looks(issue, endpoints, actions),
            *_looks(letter, endpoints, actions),
            Route(f"{issue}/archive/{{path:path}}", endpoints.archive),
            Route(f"{issue}/test", actions.send_trial, methods=["POST"]),
            Route(f"{issue}/links", actions.ask_links, methods=["POST"]),
            Route("/numbers", figures.show),
            Route("/numbers/events", figures.tell),
            Route("/numbers/{number:issue}", figures.show),
            Route("/numbers/{number:issue}/events", figures.tell),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(WithHeaders, headers=_HEADERS), Middleware(LoopbackOnly)],
        exception_handlers={404: _nothing_here},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _looks(home: str, endpoints: Endpoints, actions: Actions) -> list[Route]:
    """What an issue and a letter about the list have alike."""
    return [
        Route(home, endpoints.issue),
        Route(f"{home}/mail", endpoints.mail),
        Route(f"{home}/events", endpoints.issue_events),
        Route(f"{home}/files/{{kind}}", endpoints.file),
        Route(f"{home}/assets/{{name:path}}", endpoints.picture),
        Route(f"{home}/editor", actions.open_editor, methods=["POST"]),
    ]


def serve(
    root: Path,
    settings: Callable[[], Settings],
    door: socket.socket,
    ready: Callable[[], None],
    *,
    clock: Callable[[], dt.datetime],
    editor: str = "",
) -> None:
    """Run the preview of the newsletter in `root` until Ctrl-C.

    Args:
        root: its folder.
        settings: reads its settings.
        door: a listening socket.
        ready: called once pages are served.
        clock: now, with a time zone.
        editor: the command that opens a line of a file, "" for the one of this machine.

    Raises:
        InputError: `editor` is no command.
    """
    editor_command(editor, {})
    previews, changes = IssuePreviews(root, settings, clock), Changes()
    letters = LetterPreviews(root, settings, clock)
    sending = Sending(root, previews.prepared, os.environ, clock)
    app = application(
        builder=previews.preview,
        letters=letters.preview,
        front_page=lambda: replace(
            read_front_page(root, settings, previews.prepared, clock), letters=letters.listed()
        ),
        folder=root / files.ISSUES,
        changes=changes,
        token=secrets.token_urlsafe(24),
        editor=lambda: editor_command(editor, os.environ),
        ready=sending.ready,
        trial=sending.trial,
        ask=Asking(previews.prepared).links,
        archive=ArchivePreview(root, settings, clock).page,
        numbers=lambda number: read_numbers(root, settings, clock, number),
        watching=lambda: watch(previews.folders, changes),
    )
    # Nothing may appear in the terminal but the address; faults are shown on the page.
    run(app, door, ready=ready, closing=changes.close, log_level="critical")


async def _nothing_here(_: Request, __: Exception) -> Response:
    return HTMLResponse(TEMPLATES.fill("missing.html"), status_code=404)
