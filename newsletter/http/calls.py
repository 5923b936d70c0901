"""Calls to addresses the owner has configured: the webhook and the heartbeat.

They may lead into a private network, for their owner wrote them. A redirect is an answer like any
other and is not followed. Neither address nor answer is repeated anywhere: both may hold a secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from newsletter.http import Address, Fetcher

_SECONDS: Final = 10.0
_FINE: Final = range(200, 300)
_KNOW_FAILURES: Final = frozenset({"hc-ping.com", "uptime.betterstack.com", "betteruptime.com"})


def post(url: str, body: Mapping[str, object] | None = None, *, seconds: float = _SECONDS) -> str:
    """POST an object as JSON, or nothing.

    Args:
        url: an http or https address.
        body: what to send, None for an empty body.
        seconds: after which the call is given up.

    Returns:
        why it failed, in a few words without the address; "" when the answer was 2xx.
    """
    headers = {"User-Agent": "newsletter"}
    data = b""
    if body is not None:
        data = json.dumps(body, ensure_ascii=False).encode()
        headers["Content-Type"] = "application/json"
    owner = Fetcher(seconds=seconds, allowed=_anywhere)
    reply = owner.ask(url, method="POST", body=data, headers=headers)
    if reply.status in _FINE:
        return ""
    return reply.problem or f"it answered {reply.status}"


def failure_url(url: str) -> str:
    """Where a monitor hears of a failure, "" where its service knows no such call.

    Healthchecks.io and Better Stack take the heartbeat's own address with `/fail` behind it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.hostname not in _KNOW_FAILURES:
        return ""
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))


def _anywhere(_: Address) -> bool:
    return True
