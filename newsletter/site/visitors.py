"""Who asks, where a proxy stands in between: told by the proxy, and believed of that one alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_FORWARDED: Final = b"x-forwarded-for"


class BehindProxies:
    """Puts the visitor's address in the place of the proxy's.

    Each proxy adds the address it was asked from to the end of X-Forwarded-For, and anybody can
    have written what stands before. So it is read from its end: the first address that is not a
    trusted proxy's is the visitor's. Where something else than an address stands, nobody's is.

    Args:
        app: what answers.
        trusted: addresses and networks of the proxies.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str]) -> None:
        self._app = app
        self._trusted = [ipaddress.ip_network(one) for one in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "http" and scope["client"]:
            scope = {**scope, "client": self._visitor(scope)}
        await self._app(scope, receive, send)

    def _visitor(self, scope: Scope) -> tuple[str, int] | None:
        asked_from: tuple[str, int] = scope["client"]
        address = _address(asked_from[0])
        told = b",".join(value for name, value in scope["headers"] if name == _FORWARDED)
        if address is None or not self._trusts(address) or not told.strip():
            return asked_from
        for word in reversed(told.decode("latin-1").split(",")):
            address = _address(word.strip())
            if address is None:
                return None
            if not self._trusts(address):
                break
        return str(address), 0

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> _Address | None:
    """An address; an IPv4 address written as IPv6 becomes IPv4."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
