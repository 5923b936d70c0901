"""Who asks, where a proxy stands in between: told by the proxy, and believed of that one alone."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.networks import is_public

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOG: Final = logging.getLogger(__name__)
_FORWARDED: Final = b"x-forwarded-for"
#: Some proxies write the port, too, and an IPv6 address in brackets.
_WRITTEN: Final = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|(\d+(?:\.\d+){3}):\d{1,5}")
#: Nobody's address (RFC 4291, section 2.5.2): it stands for all of whom nothing is known.
_UNKNOWN: Final = "::"


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


def visitor_of(request: Request) -> str:
    """The network address that a form came from; all of whom nothing is known share one."""
    address = _address(request.client.host) if request.client else None
    return str(address) if address else _UNKNOWN


class SharedAddresses:
    """Tells once where people are sent away because they share the address of a proxy."""

    def __init__(self) -> None:
        self._told = False

    def refused(self, visitor: str) -> None:
        """Somebody was sent away as one too many from their network.

        Args:
            visitor: from `visitor_of`.
        """
        if self._told or is_public(ipaddress.ip_address(visitor)):
            return
        self._told = True
        whose = "no known address" if visitor == _UNKNOWN else visitor
        _LOG.warning(
            "sign-ups from %s are refused, for they are too many for one network; where a proxy "
            "stands there, name it in web.trusted_proxies and let it say X-Forwarded-For", whose,
        )  # fmt: skip


def _address(text: str) -> _Address | None:
    """An address without port, brackets and zone; an IPv4 address written as IPv6 becomes IPv4."""
    if written := _WRITTEN.fullmatch(text):
        text = written[1] or written[2]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
