"""What every answer of the public pages has in common: look, language, headers, a drained body."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Mapping
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from newsletter.server.pages import page
from newsletter.settings import Settings
from newsletter.site.words import words
from newsletter.store.consents import Evidence

# A connection that is closed on an unread body loses the answer.
_BODY_BYTES: Final = 64 * 1024
_BODY_SECONDS: Final = 5.0
_STATUSES: Final = {"unknown": 404, "busy": 503}
_AGENT_LENGTH: Final = 300


class Answers:
    """Pages in the newsletter's look and language.

    Args:
        settings: the newsletter's.
        phrases: words of the author's own, over those that are shipped.
    """

    def __init__(self, settings: Settings, phrases: Mapping[str, str]) -> None:
        self.words = words(settings.site.language, settings.site.name, phrases)
        self._name = settings.site.name
        self._style = _style(settings.theme.accent, settings.theme.accent_dark)
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
        html = page(
            template, kind=kind, words=self.words, name=self._name, style=self._style,
            **{"preferences": "", **values},
        )  # fmt: skip
        return HTMLResponse(html, status_code=status or _STATUSES.get(kind, 200), headers=headers)

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
