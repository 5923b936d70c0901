"""Web servers for tests, on this machine only, that answer as they are told."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Told:
    """What a server answers by path, and what it was asked.

    Attributes:
        answers: path, with or without its query -> (status, headers, body), or what to do with the open connection.
        asked: "METHOD path" of every request, in order.
        bodies: what was sent along.
        headers: of the last request.
    """

    answers: Mapping[
        str, tuple[int, dict[str, str], bytes] | Callable[[BaseHTTPRequestHandler], None]
    ]
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    at_once: int = 0
    most_at_once: int = 0

    def url(self, path: str, *, scheme: str = "http") -> str:
        """The address of a path, by the server's number."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"


@contextlib.contextmanager
def web_server(told: Told, *, tls: ssl.SSLContext | None = None) -> Iterator[Told]:
    """Serve on a free port of this machine until the block ends."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with lock:
                told.at_once += 1
                told.most_at_once = max(told.most_at_once, told.at_once)
            told.asked.append(f"{self.command} {self.path}")
            told.headers = dict(self.headers)
            told.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            bare = told.answers.get(self.path.partition("?")[0], (404, {}, b"no"))
            answer = told.answers.get(self.path, bare)
            with contextlib.suppress(OSError):
                if callable(answer):
                    answer(self)
                else:
                    self.answer(*answer)

        do_POST = do_GET  # noqa: N815

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            # Whoever has the answer may ask again before this thread has ended.
            with lock:
                told.at_once -= 1
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # torn connections are meant
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """A header line that never ends, a byte at a time: no single wait is long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(3000):
        handler.wfile.write(b"x")
        time.sleep(0.02)


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Nothing at all, until the other side gives up."""
    handler.connection.settimeout(60)
    with contextlib.suppress(OSError):
        handler.rfile.read(1)


def torn(handler: BaseHTTPRequestHandler) -> None:
    """Half an answer."""
    handler.wfile.write(b"HTTP/1.1 2")
