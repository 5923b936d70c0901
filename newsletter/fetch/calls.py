"""Calls to addresses the owner has configured: the webhook and the heartbeat.

They may lead into a private network, for their owner wrote them. A redirect is an answer like any
other and is not followed. Neither address nor answer is repeated anywhere: both may hold a secret.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_SECONDS: Final = 10.0
_FINE: Final = range(200, 300)


def post(url: str, body: Mapping[str, object] | None = None, *, seconds: float = _SECONDS) -> str:
    """POST an object as JSON, or nothing.

    Args:
        url: an http or https address.
        body: what to send, None for an empty body.
        seconds: how long each step may take.

    Returns:
        why it failed, in a few words without the address; "" when the answer was 2xx.
    """
    data = json.dumps(body, ensure_ascii=False).encode() if body is not None else b""
    headers = {"User-Agent": "newsletter", "Content-Length": str(len(data))}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https"
        kind = http.client.HTTPSConnection if safe else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=seconds)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, data, headers)
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _said(error)
    return "" if status in _FINE else f"it answered {status}"


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its host cannot be found"
    if isinstance(error, ssl.SSLError):
        return "its certificate is not valid, or it does not speak TLS"
    if isinstance(error, ConnectionRefusedError):
        return "nobody answers there"
    return "the connection broke"
