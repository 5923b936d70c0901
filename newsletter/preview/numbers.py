"""The preview's pages of numbers: those of `newsletter stats --html`, kept up to date."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from newsletter.errors import NewsletterError
from newsletter.preview.pages import TEMPLATES
from newsletter.preview.reload import Changes, events
from newsletter.project import Project
from newsletter.settings import Settings
from newsletter.stats.page import Live, page, policy
from newsletter.store import Store, history, runs

_SCRIPT: Final = "/static/preview.js"
#: Issues that the page of all of them leads to.
_LED_TO: Final = 24

#: Makes a page: of an issue by its number, or of all (None); None where an issue was not sent.
Numbers = Callable[[int | None], str | None]


class NumbersPages:
    """What the addresses of numbers answer.

    Args:
        numbers: makes the pages; may raise what keeps one from being made.
        changes: rings when something changed.
    """

    def __init__(self, numbers: Numbers, changes: Changes) -> None:
        self._numbers = numbers
        self._changes = changes

    async def show(self, request: Request) -> Response:
        """The page of all issues, or of one."""
        number = request.path_params.get("number")
        try:
            found = await run_in_threadpool(self._numbers, number)
        except NewsletterError as fault:
            return HTMLResponse(TEMPLATES.fill("numbers.html", fault=fault))
        if found is None:
            raise HTTPException(404)
        return HTMLResponse(found, headers={"Content-Security-Policy": policy(script=True)})

    async def tell(self, request: Request) -> Response:
        """The stream that tells when such a page is out of date."""
        number = request.path_params.get("number")

        def version() -> str:
            try:
                found = self._numbers(number) or ""
            except NewsletterError as fault:
                found = str(fault)
            return hashlib.sha256(found.encode()).hexdigest()[:16]

        return StreamingResponse(events(self._changes, version), media_type="text/event-stream")


def read_numbers(
    root: Path,
    settings: Callable[[], Settings],
    clock: Callable[[], dt.datetime],
    number: int | None,
) -> str | None:
    """Count, and make the page.

    Args:
        root: the newsletter's folder.
        settings: reads its settings.
        clock: now, with a time zone.
        number: of an issue; None for all of them.

    Raises:
        NewsletterError: the settings or the records cannot be read.
    """
    project = Project(root, settings())
    now = clock().astimezone(ZoneInfo(project.settings.site.timezone))
    name = project.settings.site.name
    with Store.open(project.store_url, create=False, read_only=True) as store:
        if number is None:
            found = history.overview(store, now=now)
            sent = [row.issue for row in found.issues[:_LED_TO]]
            links = [("/", "All issues"), *((f"/numbers/{n}", f"Issue {n}") for n in sent)]
            return page(found, name, now=now, live=Live(script=_SCRIPT, links=links))
        run = runs.find(store, number, rehearsal=False)
        if run is None or not run.begun:
            return None
        links = [("/numbers", "Numbers"), (f"/issues/{number}", f"The issue {number}")]
        report = history.of_issue(store, run)
        return page(report, name, now=now, live=Live(script=_SCRIPT, links=links))
