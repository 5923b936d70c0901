"""Who may ask the preview: pages of this machine, and nobody's page from elsewhere.

The port is open to every program here, browsers included, and a browser runs pages of anybody.
A foreign name that leads to this machine (DNS rebinding) shows in Host, a foreign page in Origin.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HERE: Final = re.compile(r"(localhost|127\.0\.0\.1)(:\d{1,5})?", re.IGNORECASE)
_LOOKING: Final = frozenset({"GET", "HEAD"})


class LoopbackOnly:
    """Answers 400 to a request for another host, 403 to a change asked for by another page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        answer = _refusal(scope) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    headers = Headers(scope=scope)
    host, origin = headers.get("host", ""), headers.get("origin")
    if not _HERE.fullmatch(host):
        return PlainTextResponse("this host is not served here\n", status_code=400)
    if scope["method"] in _LOOKING or origin in {None, f"http://{host}"}:
        return None
    return PlainTextResponse("another page may not do that\n", status_code=403)
