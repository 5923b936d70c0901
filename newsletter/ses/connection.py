"""One connection to SES, directly or through a proxy, and the record of what happened on it.

Whether a mail may have been accepted is a fact of the wire and not of an exception: a read that
fails behind a proxy, or a TLS alert after the request, looks like a connection that never was. So
each step is noted as it is done, and the last one just before the first byte of the request.
"""

from __future__ import annotations

import base64
import contextlib
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from urllib3.util.ssltransport import SSLTransport

from newsletter.ses.http1 import (
    ClosedError,
    HttpResponse,
    MalformedResponseError,
    read_answer,
    read_head,
    serialize,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PORTS: Final = {"http": 80, "https": 443}
_BUFFER: Final = 8_192

T = TypeVar("T")


class RequestStage(IntEnum):
    """How far one delivery has come on the wire."""

    NOTHING = 0
    CONNECTED = 1  # to the proxy, where there is one
    TUNNELLED = 2  # the proxy has made the connection
    ENCRYPTED = 3
    BEGUN = 4  # the first byte of the request may be on its way


@dataclass(slots=True)
class RequestProgress:
    """What has happened on the wire since a delivery began."""

    stage: RequestStage = RequestStage.NOTHING

    @property
    def begun(self) -> bool:
        """Whether a byte of the request may have left; if not, nothing can have been accepted."""
        return self.stage is RequestStage.BEGUN


class NotConnectedError(Exception):
    """No connection came about; the message says in words why, and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where requests go.

    Attributes:
        secure: whether SES is spoken to by TLS.
        host: of SES; an IPv6 address without brackets.
        proxy: URL of the proxy, "" for none.
    """

    secure: bool
    host: str
    port: int
    proxy: str = field(default="", repr=False)

    @property
    def netloc(self) -> str:
        """SES's host as the Host header and the signature have it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.secure else "http"]
        return host if self.port == usual else f"{host}:{self.port}"


def route_to(url: str, proxy: str) -> Route:
    """The route to a URL.

    Args:
        url: of SES.
        proxy: as in HTTPS_PROXY, with or without its scheme; "" for none.

    Raises:
        ValueError: the URL has no host, or no possible port.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not an address")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy.removeprefix('//')}"
    port = parts.port or _PORTS[parts.scheme]
    return Route(secure=parts.scheme == "https", host=parts.hostname, port=port, proxy=proxy)


@dataclass(slots=True)
class _Clock:
    """When the waiting of a connection ends; its layers share one.

    Attributes:
        until: seconds of the monotonic clock.
        poll: whether nothing waits at all.
    """

    until: float
    poll: bool = False


class _Timed:
    """A socket all of whose waits end at one moment, however many there are.

    A server that sends a byte now and then, in its answer or while shaking hands, gains no time.
    What has come is read all the same: a machine that stood still for a while asks too late for an
    answer that was in time.
    """

    def __init__(self, sock: socket.socket | SSLTransport, clock: _Clock) -> None:
        # Of urllib3's transport only what both have is used.
        self._sock: Any = sock
        self.clock = clock
        self.close, self.fileno = sock.close, sock.fileno

    def recv(self, size: int) -> bytes:
        data: bytes = self._read(lambda: self._sock.recv(size))
        return data

    def recv_into(self, buffer: WriteableBuffer) -> int:
        return int(self._read(lambda: self._sock.recv_into(buffer)))

    def sendall(self, data: ReadableBuffer) -> None:
        left = memoryview(data)
        while left:
            if (seconds := self._left()) <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(seconds)
            left = left[self._sock.send(left) :]

    def settimeout(self, _: float | None) -> None:
        """A layer above may not wait longer."""

    def encrypted(self, context: ssl.SSLContext, host: str) -> _Timed:
        """With TLS on top, also where there is some already, as behind a proxy with TLS.

        Raises:
            OSError: the handshake failed, or took too long.
        """
        below: Any = self
        return _Timed(SSLTransport(below, context, server_hostname=host), self.clock)

    def _read(self, read: Callable[[], T]) -> T:
        """Wait for what is left of the time, or not at all; what is there already is always read.

        Raises:
            BlockingIOError: there is nothing, and nothing waits.
            TimeoutError: the time is over.
        """
        seconds = 0.0 if self.clock.poll else max(0.0, self._left())
        self._sock.settimeout(seconds)
        try:
            return read()
        except BlockingIOError:
            if self.clock.poll:
                raise
            raise TimeoutError("timed out") from None

    def _left(self) -> float:
        return self.clock.until - time.monotonic()


class _Incoming(io.RawIOBase):
    """What a connection receives, for a buffer in front of it."""

    def __init__(self, sock: _Timed) -> None:
        self._sock = sock
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        try:
            count = self._sock.recv_into(buffer)
        except BlockingIOError:
            if self._sock.clock.poll:
                return None
            raise
        self.ended = self.ended or not count
        return count


class SesConnection:
    """A connection to SES, ready for a request.

    Args:
        route: where to.
        context: gives the certificates to trust; asked only where there is TLS.
        seconds: for everything until it is ready: proxy and TLS as well, a name server apart.
        record: notes what has happened.

    Raises:
        NotConnectedError: it did not come about.
    """

    def __init__(
        self,
        route: Route,
        context: Callable[[], ssl.SSLContext],
        seconds: float,
        record: RequestProgress,
    ) -> None:
        self.route = route
        self._clock = _Clock(time.monotonic() + seconds)
        self._sock: _Timed | None = None
        try:
            self._open(context, record)
        except (OSError, ValueError, ClosedError, MalformedResponseError) as error:
            self.close()
            raise NotConnectedError(_words(route, record.stage, error)) from error
        except BaseException:
            self.close()
            raise

    def exchange(
        self, method: str, path: str, headers: Mapping[str, Any], body: bytes, *,
        seconds: float, record: RequestProgress,
    ) -> HttpResponse:  # fmt: skip
        """Send one request, once, and read its answer.

        Args:
            method: such as POST.
            path: with its query.
            headers: all but Host.
            body: what Content-Length says.
            seconds: for the request and its whole answer.
            record: says afterwards whether anything may have left.

        Raises:
            ClosedError, MalformedResponseError, OSError: no answer that can be read.
            ValueError: the request cannot be written down; nothing has left.
        """
        assert self._sock is not None
        sent = {"Host": self.route.netloc, **headers}
        if self.forwards:
            path = f"http://{self.route.netloc}{path}"
            sent |= self._login
        request = serialize(method, path, sent, body)
        self._clock.until = time.monotonic() + seconds
        # Before the write: what fails half-way has been begun.
        record.stage = RequestStage.BEGUN
        self._sock.sendall(request)
        return read_answer(self._stream)

    def is_silent(self) -> bool:
        """Whether nothing has come that nobody has asked for; a server that hung up is not silent.

        Such an answer would be taken for the one to the next request.
        """
        self._clock.poll = True
        try:
            return not self._stream.peek(1) and not self._incoming.ended
        except OSError:
            return False
        finally:
            self._clock.poll = False

    def close(self) -> None:
        """Hang up."""
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.close()

    @property
    def forwards(self) -> bool:
        """Whether a proxy reads the requests itself, instead of tunnelling them."""
        return bool(self.route.proxy) and not self.route.secure

    def _open(self, context: Callable[[], ssl.SSLContext], record: RequestProgress) -> None:
        route, proxy = self.route, urlsplit(self.route.proxy)
        host, port = route.host, route.port
        if route.proxy:
            if proxy.scheme not in _PORTS or not proxy.hostname:
                raise NotConnectedError("the proxy's address is not one of http:// or https://")
            host, port = proxy.hostname, proxy.port or _PORTS[proxy.scheme]
        self._login = _login(proxy)
        self._sock = _Timed(_connected(host, port, self._clock), self._clock)
        record.stage = RequestStage.CONNECTED
        if proxy.scheme == "https":
            self._sock = self._sock.encrypted(context(), host)
        self._listen()
        if route.secure:
            if route.proxy:
                self._tunnel()
                record.stage = RequestStage.TUNNELLED
            self._sock = self._sock.encrypted(context(), route.host)
            record.stage = RequestStage.ENCRYPTED
            self._listen()
        if not self.is_silent():
            raise NotConnectedError("what answers there is not SES: it speaks before it is asked")

    def _listen(self) -> None:
        assert self._sock is not None
        self._incoming = _Incoming(self._sock)
        self._stream = io.BufferedReader(self._incoming, _BUFFER)

    def _tunnel(self) -> None:
        """Have the proxy make the connection (RFC 9110, 9.3.6)."""
        assert self._sock is not None
        route = self.route
        host = f"[{route.host}]" if ":" in route.host else route.host
        target = f"{host}:{route.port}"
        self._sock.sendall(serialize("CONNECT", target, {"Host": target, **self._login}, b""))
        status, _, _ = read_head(self._stream)
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise NotConnectedError("the proxy wants a log-in (HTTP 407)")
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotConnectedError(f"the proxy makes no connection to SES (HTTP {status})")
        if not self.is_silent():
            raise NotConnectedError("the proxy hung up, or speaks before it is asked")


def _login(proxy: SplitResult) -> dict[str, str]:
    """The proxy's log-in as a header, where its URL has one."""
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _connected(host: str, port: int, clock: _Clock) -> socket.socket:
    """A connection to the first of a name's addresses that answers; each gets its share of time.

    Raises:
        OSError: none does, or the name has none.
        ValueError: it is no name.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failed: OSError = OSError("no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            share = (clock.until - time.monotonic()) / (len(addresses) - number)
            if share <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(share)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise failed


def _words(route: Route, stage: RequestStage, error: Exception) -> str:
    """What a person reads of a connection that did not come about."""
    name = type(error).__name__
    match error:
        case TimeoutError():
            why = "no answer in time"
        case ssl.SSLCertVerificationError():
            why = "its certificate is not trusted"
        case socket.gaierror():
            why = "its name cannot be looked up"
        case ConnectionRefusedError():
            why = "it refuses connections"
        case _:
            why = name
    if stage is RequestStage.NOTHING:
        return f"{'the proxy' if route.proxy else 'SES'} cannot be reached ({why})"
    if route.proxy and stage is RequestStage.CONNECTED:
        return f"the proxy makes no connection to SES ({why})"
    return f"no encrypted connection to SES comes about ({why})"
