"""A gateway between the program and a fake SES, which goes wrong on its own account.

It stands in the way in four ways: as SES itself ("direct", and "tls" for HTTPS), as an HTTP proxy
that reads requests ("plain"), and as one that tunnels ("connect") - there it also speaks TLS at the
tunnel's end, so that it can lose an answer it has seen. Every SendEmail is forwarded before
anything goes wrong with its answer.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.fake_ses import FakeSes
from tests.support.certificates import server_side
from tests.support.commands import HANGS
from tests.support.odd_answers import GOOD_ANSWERS, INSTEAD, PREVIOUS, half, page

WAYS = ("direct", "tls", "plain", "connect")
SECURE = frozenset({"tls", "connect"})
SEND = b"/v2/email/outbound-emails"

#: By its name, or the bytes that come instead of the answer.
Fault = str | bytes
Choice = Callable[[int], Fault]


class _Plain:
    """One side of a connection without TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def recv(self) -> bytes:
        return self.sock.recv(65_536)

    def sendall(self, data: bytes) -> None:
        self.sock.sendall(data)


class _Tls(_Plain):
    """The same with TLS, driven by hand so that it can break in the middle."""

    def __init__(self, below: _Plain, context: ssl.SSLContext) -> None:
        super().__init__(below.sock)
        self._below = below
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
        self._flush()

    def recv(self) -> bytes:
        while True:
            try:
                return self._tls.read(65_536)
            except ssl.SSLWantReadError:
                self._fill()
            except ssl.SSLZeroReturnError:
                return b""

    def sendall(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def alert(self) -> None:
        """Say in TLS that something is wrong: a record too long is answered by a real alert."""
        self._in.write(b"\x17\x03\x03\xff\xff" + b"x" * 64)
        with contextlib.suppress(ssl.SSLError):
            self._tls.read(1)
        self._flush()

    def _fill(self) -> None:
        data = self._below.recv()
        if not data:
            raise ConnectionResetError
        self._in.write(data)

    def _flush(self) -> None:
        self._below.sendall(self._out.read())


class Gateway:
    """The gateway, in a thread of its own with one for each connection.

    Args:
        fake: what stands behind it.
        way: one of WAYS.
        certificate: for TLS.
        choose: what goes wrong with the mail of this number, counted from 1; "" for nothing.
        before: what goes wrong before any request: with the connection, the tunnel, or TLS.
        tls: the newest TLS spoken.
        shielded: whether a proxy is itself spoken to by TLS.
        pause: seconds between two bytes that drip.
        once: whether it hangs up after one answer, without having said so; that is noticed no
            sooner than when the next request is written.
    """

    def __init__(
        self, fake: FakeSes, way: str, certificate: Path | None = None, *,
        choose: Choice = lambda _: "", before: str = "", tls: ssl.TLSVersion | None = None,
        pause: float = 0.02, shielded: bool = False, once: bool = False,
    ) -> None:  # fmt: skip
        self.fake, self.way, self.choose, self.before, self.pause = fake, way, choose, before, pause
        self._once = once
        self._context = server_side(certificate) if certificate and way in SECURE else None
        if self._context and tls:
            self._context.maximum_version = tls
        self._certificate = certificate
        self._shield = server_side(certificate) if certificate and shielded else None
        self.heads: list[bytes] = []
        self._last = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self.mails = 0
        self.lost = 0
        self.connections = 0
        #: The addresses they came from.
        self.peers: set[str] = set()

    def __enter__(self) -> Self:
        self._start(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    @property
    def environ(self) -> dict[str, str]:
        """What sends AWS's clients through here."""
        environ = self.fake.environ
        scheme = "https" if self.way in SECURE else "http"
        proxied = self.way in {"plain", "connect"}
        port = self.fake.address[1] if proxied else self.port
        url = f"{scheme}://127.0.0.1:{port}"
        if proxied:
            shield = "http" if self._shield is None else "https"
            environ[f"{scheme}_proxy"] = f"{shield}://127.0.0.1:{self.port}"
        if self._certificate is not None:
            environ["AWS_CA_BUNDLE"] = str(self._certificate)
        return environ | {"AWS_ENDPOINT_URL_SESV2": url, "AWS_ENDPOINT_URL_STS": url}

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, (peer, _) = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.peers.add(peer)
            self._start(self._connection, sock)

    def _connection(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
        try:
            with contextlib.suppress(OSError):
                side = self._ready(sock)
                while side is not None and self._exchange(side):
                    if self._once:
                        side.recv()
                        break
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _ready(self, sock: socket.socket) -> _Plain | None:
        """The connection when everything before its first request is done, None if it is not."""
        if self.before == "close":
            return None
        if self.before == "reset":
            _reset(sock)
            return None
        if self.before == "speaks":
            sock.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        side = _Plain(sock)
        if self._shield is not None:
            side = _Tls(side, self._shield)
            side.handshake()
        if self.way == "connect":
            self.heads.append(_request(side))
            if not self.heads[-1] or not self._tunnel(side):
                return None
        return side if self._context is None else self._encrypted(side)

    def _tunnel(self, plain: _Plain) -> bool:
        if self.before.startswith("connect-"):
            plain.sendall(page(int(self.before.removeprefix("connect-"))))
            return False
        if self.before == "drip-connect":
            self._drip(plain, b"HTTP/1.1 200 OK\r\nA: " + b"a" * 10_000)
            return False
        if self.before == "garbage-connect":
            plain.sendall(b"220 ready\r\n\r\n")
            return False
        plain.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if self.before == "close-tunnel":
            return False
        if self.before == "reset-tunnel":
            _reset(plain.sock)
            return False
        return True

    def _encrypted(self, below: _Plain) -> _Plain | None:
        assert self._context is not None
        sock = below.sock
        if self.before == "garbage-tls":
            sock.recv(100)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None
        if self.before == "drip-tls":
            sock.recv(100)
            self._drip(_Plain(sock), b"\x16\x03\x03\x40\x00" + b"\x02" * 10_000)
            return None
        if self.before == "reset-tls":
            sock.recv(100)
            _reset(sock)
            return None
        if self.before == "alert-tls":
            sock.recv(4096)
            sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28")
            return None
        tls = _Tls(below, self._context)
        tls.handshake()
        return tls

    def _exchange(self, side: _Plain) -> bool:
        """One request; whether the connection goes on."""
        request = _request(side)
        if not request:
            return False
        self.heads.append(request.partition(b"\r\n\r\n")[0])
        line, _, rest = request.partition(b"\r\n")
        method, target, version = line.split(b" ")
        assert target.startswith(b"http://") == (self.way == "plain"), target
        path = re.sub(rb"^http://[^/]*", b"", target)
        fault: Fault = ""
        if path == SEND:
            with self._lock:
                self.mails += 1
                fault = self.choose(self.mails)
        answer = self._forwarded(b" ".join((method, path, version)) + b"\r\n" + rest)
        if isinstance(fault, bytes):
            side.sendall(fault)
            return True
        if fault in GOOD_ANSWERS:
            self._last = answer
            answer = GOOD_ANSWERS[fault](answer)
            side.sendall(answer)
            return b"\r\nconnection: close" not in answer.lower()
        self.lost += 1
        if fault == PREVIOUS:
            side.sendall(self._last)
            return True
        return self._spoil(side, fault, answer)

    def _spoil(self, side: _Plain, fault: str, answer: bytes) -> bool:
        if fault in INSTEAD:
            side.sendall(INSTEAD[fault](answer))
            return b"-length" not in fault.encode() and not fault.startswith(("cut", "endless"))
        if fault.startswith("half"):
            side.sendall(half(answer))
        if fault.endswith("reset"):
            _reset(side.sock)
        elif fault.endswith("stall"):
            self._ended.wait(30)
        elif fault == "drip":
            self._drip(side, answer)
        elif fault == "alert":
            assert isinstance(side, _Tls)
            side.alert()
            # Time to hear it: a reset would take it back.
            with contextlib.suppress(OSError):
                side.sock.recv(1)
        else:
            assert fault.endswith("close"), fault
        return False

    def _drip(self, side: _Plain, data: bytes) -> None:
        for at in range(len(data)):
            if self._ended.wait(self.pause):
                return
            side.sendall(data[at : at + 1])

    def _forwarded(self, request: bytes) -> bytes:
        with socket.create_connection(self.fake.address, timeout=HANGS) as behind:
            behind.sendall(request)
            return _request(_Plain(behind))


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _request(side: _Plain) -> bytes:
    """Head and body of one message, b"" where the other side hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = side.recv()
        if not more:
            return b""
        data += more
    head = data.partition(b"\r\n\r\n")[0]
    found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    length = len(head) + 4 + (int(found[1]) if found else 0)
    while len(data) < length:
        more = side.recv()
        if not more:
            return b""
        data += more
    return data
