"""The one way out over HTTP: for addresses that other people wrote, and in `calls` the owner's.

Each hop's host is looked up here and connected to by its address, so that what was judged is what
is asked; addresses of this machine and of private networks are refused on every hop, but where the
caller allows them. What the world answers is a value; nothing is raised for it.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from newsletter.networks import Address, is_public

__all__ = ["AGENT", "Address", "Fetcher", "Reply", "is_public"]

AGENT: Final = "newsletter (link check)"
_HOPS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_SEGMENT: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back.

    Attributes:
        url: the address of the last hop.
        status: its HTTP status, 0 when there was no answer.
        problem: why there was none, in a few words; "" when there was one.
        certain: whether asking again would hardly help: no such host, or one we refuse.
        unnamed: whether the host has no address, or none that this machine hears of.
        size: bytes of the body, as told or as read; None when neither.
        body: all of it, where it was asked for and is not too long; else b"".
        headers: of the last hop, by their names in lower case.
        expires: when its certificate does, in seconds since 1970; None without one.
    """

    url: str
    status: int = 0
    problem: str = ""
    certain: bool = False
    unnamed: bool = False
    size: int | None = None
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    expires: float | None = None


def _nothing(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """How addresses are asked.

    Attributes:
        seconds: after which a request is given up, redirects included.
        read: how many bytes of a body without a stated length are read to learn its size.
        keep: how many bytes of a body are kept; of a longer one, none.
        allowed: the addresses that may be connected to.
        refused: whether an address, a redirect's too, must not be asked.
        tls: how certificates are judged.
    """

    seconds: float = 15.0
    read: int = 0
    keep: int = 0
    allowed: Callable[[Address], bool] = is_public
    refused: Callable[[str], bool] = _nothing
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def ask(
        self,
        url: str,
        *,
        method: Literal["GET", "POST"] = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask one address. GET follows up to five redirects, POST follows none.

        Never raises for what the world says; `Reply.problem` tells it.
        """
        until = time.monotonic() + self.seconds
        sent = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        sent.update(headers or {})
        for _ in range(_HOPS + 1):
            reply, location = self._hop(url, method, body, sent, until)
            if not location or method == "POST":
                return reply
            url = location
        return Reply(url=url, problem="it redirects without end", certain=True)

    def ask_all(self, urls: Iterable[str], *, threads: int = 8) -> dict[str, Reply]:
        """GET many addresses at once, those of one host one after the other."""
        hosts: dict[str, list[str]] = {}
        for url in dict.fromkeys(urls):
            hosts.setdefault(url.partition("://")[2].partition("/")[0].lower(), []).append(url)
        with ThreadPoolExecutor(max_workers=threads) as pool:
            answered = pool.map(lambda group: [(u, self.ask(u)) for u in group], hosts.values())
            return {url: reply for group in answered for url, reply in group}

    def _hop(
        self, url: str, method: str, body: bytes, headers: Mapping[str, str], until: float
    ) -> tuple[Reply, str]:
        """One request, and where it was sent on to, if it was."""
        if self.refused(url):
            return Reply(url=url, problem="it is one of our own, which does something"), ""
        try:
            parts = urlsplit(url)
            with self._connected(parts, until) as connection:
                expires = _expires(connection.sock)
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request(method, target, body or None, dict(headers))
                answer = connection.getresponse()
                size, kept = None, b""
                if answer.status not in _MOVED:
                    size = self._size(answer)
                    size, kept = self._body(answer, size) if self.keep else (size, b"")
                if time.monotonic() >= until:
                    raise TimeoutError  # cut off by us, so what came may be half of it
                reply = Reply(
                    url=url, status=answer.status, size=size, body=kept, expires=expires,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                )  # fmt: skip
                location = answer.headers.get("Location", "")
                moved = answer.status in _MOVED and bool(location)
                return reply, urljoin(url, location) if moved else ""
        except _RefusedError as refusal:
            return Reply(url=url, problem=str(refusal), certain=True), ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = time.monotonic() >= until
            unnamed = _is_no_host(error) and not late
            problem = _said(error, late=late)
            return Reply(url=url, problem=problem, certain=unnamed, unnamed=unnamed), ""

    def _size(self, answer: http.client.HTTPResponse) -> int | None:
        if answer.length is not None:
            return answer.length
        size = 0
        while size < self.read and (block := answer.read(min(_SEGMENT, self.read - size))):
            size += len(block)
        return size if self.read else None

    def _body(self, answer: http.client.HTTPResponse, told: int | None) -> tuple[int | None, bytes]:
        """Its size, and all of it where it is not too long."""
        if told is not None and told > self.keep:
            return told, b""
        blocks, size = [], 0
        while size <= self.keep and (block := answer.read(min(_SEGMENT, self.keep + 1 - size))):
            blocks.append(block)
            size += len(block)
        if size <= self.keep and answer.length:  # less came than was told
            raise http.client.IncompleteRead(b"")
        return size, b"" if size > self.keep else b"".join(blocks)

    @contextlib.contextmanager
    def _connected(self, parts: SplitResult, until: float) -> Iterator[http.client.HTTPConnection]:
        """A connection to an address that was looked up and judged here."""
        host = parts.hostname or ""
        if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
            raise _RefusedError("it is no plain web address")
        safe = parts.scheme == "https"
        connection: http.client.HTTPConnection = (
            # Without a context it would read the system's certificates for one of its own.
            http.client.HTTPSConnection(host, parts.port, context=self.tls)
            if safe
            else http.client.HTTPConnection(host, parts.port)
        )
        connection.sock = self._socket(host, connection.port, until)
        # A timeout counts from the last byte; a server that drips must end as well.
        end = threading.Timer(max(0.0, until - time.monotonic()), _shut, (connection,))
        end.daemon = True
        end.start()
        try:
            if safe:
                connection.sock = self.tls.wrap_socket(
                    connection.sock, server_hostname=host, do_handshake_on_connect=False
                )
                connection.sock.do_handshake()
            yield connection
        finally:
            end.cancel()
            connection.close()

    def _socket(self, host: str, port: int, until: float) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        # One that leads inside is enough: the next look-up may give it alone.
        if not all(self.allowed(ipaddress.ip_address(address)) for address in addresses):
            raise _RefusedError("its server is in a private network")
        error: OSError | None = None
        for address in addresses:
            left = until - time.monotonic()
            try:
                return socket.create_connection((address, port), timeout=max(0.1, left))
            except OSError as failed:
                error = failed
        raise error or OSError("no address")


class _RefusedError(Exception):
    """We do not ask that."""


def _expires(connection: socket.socket | None) -> float | None:
    if not isinstance(connection, ssl.SSLSocket):
        return None
    told = (connection.getpeercert() or {}).get("notAfter")
    return float(ssl.cert_time_to_seconds(told)) if isinstance(told, str) else None


def _shut(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _is_no_host(error: Exception) -> bool:
    return isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN


def _said(error: Exception, *, late: bool) -> str:
    """Why there was no answer, in words for people."""
    if late or isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "there is no such host" if _is_no_host(error) else "its name cannot be looked up"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS"
    if isinstance(error, ConnectionRefusedError):
        return "nobody answers there"
    if isinstance(error, ValueError | http.client.InvalidURL):
        return "it is no plain web address"
    return "the connection broke"
