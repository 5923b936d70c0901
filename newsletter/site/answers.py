"""What every answer of the public pages has in common: look, language, headers, a drained body."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from newsletter.audience.tokens import is_trial
from newsletter.render import Look
from newsletter.render.colours import as_hex, from_hex, ink_on
from newsletter.settings import Settings
from newsletter.settings.mail import look
from newsletter.site.pages import TEMPLATES
from newsletter.site.words import words
from newsletter.store.consents import Evidence

# A connection that is closed on an unread body loses the answer.
_BODY_BYTES: Final = 64 * 1024
_BODY_SECONDS: Final = 5.0
_STATUSES: Final = {
    "unknown": 404, "busy": 503, "no_signup": 404, "no_rating": 404, "mailbox": 202,
    "no_address": 400, "no_mail": 400, "odd_name": 400, "too_many": 429, "expired": 410,
}  # fmt: skip
_AGENT_LENGTH: Final = 300
_MOST_FIELDS: Final = 200


class Answers:
    """Pages in the newsletter's look and language.

    Args:
        settings: the newsletter's.
        phrases: words of the author's own, over those that are shipped.
    """

    def __init__(self, settings: Settings, phrases: Mapping[str, str]) -> None:
        self.words = words(settings.site.language, settings.site.name, phrases)
        self._name = settings.site.name
        self._privacy = settings.site.privacy_url
        self._style = _style(look(settings))
        self._record_visitors = settings.web.record_visitors

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

    def page(
        self,
        kind: str,
        *,
        template: str = "leave.html",
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
        **values: object,
    ) -> Response:
        """One page; its status follows from its kind unless it is given."""
        html = TEMPLATES.fill(
            template, kind=kind, words=self.words, name=self._name, style=self._style,
            privacy=self._privacy, **{"preferences": "", "form": "", **values},
        )  # fmt: skip
        return HTMLResponse(html, status_code=status or _STATUSES.get(kind, 200), headers=headers)

    def nobodys(self, request: Request) -> Response:
        """The page for a link that is no reader's: it was cut short, or is that of a test mail."""
        return self.page("test" if is_trial(token_of(request)) else "unknown")

    def evidence(self, request: Request, source: str, wording: str = "") -> Evidence:
        """How somebody agreed or left; who they are only where the settings keep it."""
        if not self._record_visitors:
            return Evidence(source=source, wording=wording)
        return Evidence(
            source=source,
            wording=wording,
            ip=request.client.host if request.client else "",
            agent=request.headers.get("user-agent", "")[:_AGENT_LENGTH],
        )


def token_of(request: Request) -> str:
    """The token of a reader's link; programs that copy links may put a slash behind it."""
    token: str = request.path_params["token"]
    return token.rstrip("/")


def beside(request: Request, page: str) -> str:
    """The address of another of our pages: relative, for they may be served below any path."""
    # As it was written: what is decoded may have more slashes than the reader's browser counts.
    path: bytes = request.scope["raw_path"].partition(b"?")[0]
    return "../" * (path.count(b"/") - 1) + page


async def drain(request: Request) -> None:
    """Read a body that does not matter; neither a long nor a slow one holds the answer up."""
    read = 0
    # Starlette's RuntimeError says that it was read already.
    with contextlib.suppress(ClientDisconnect, TimeoutError, RuntimeError):
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                read += len(chunk)
                if read >= _BODY_BYTES:
                    break


async def body(request: Request) -> bytes | None:
    """The whole body, None when it is larger than any form of ours.

    Raises:
        ClientDisconnect: its sender has gone, or was sent away for being slow.
    """
    read = b""
    async for chunk in request.stream():
        read += chunk
        if len(read) > _BODY_BYTES:
            return None
    return read


def form_fields(data: bytes) -> dict[str, str]:
    """The fields of a form (application/x-www-form-urlencoded); nothing where it is none."""
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)


def _style(given: Look) -> str:
    accent, accent_dark = given.light.link, given.dark.link
    return TEMPLATES.fill(
        "leave.css",
        accent=accent, on_accent=as_hex(ink_on(from_hex(accent))),
        accent_dark=accent_dark, on_accent_dark=as_hex(ink_on(from_hex(accent_dark))),
    )  # fmt: skip
