"""A Starlette application on a socket: where it listens, how it stops, what every answer says."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.errors import InputError
from newsletter.server.connections import (
    QUEUE,
    TAKEN_AT_ONCE,
    Gate,
    Limits,
    Sparing,
    within_descriptors,
)

LOOPBACK: Final = "127.0.0.1"
_LAST_PORT: Final = 65535
# Answers under way when the server is told to stop; an open page's stream ends by itself.
_GRACE_SECONDS: Final = 1


def listen(host: str, port: int, *, tries: int = 1) -> socket.socket:
    """Take a port, or the next free one; from here on requests are waited for.

    Args:
        host: a name or number of this machine.
        port: 1 to 65535, or 0 for any free one.
        tries: how many ports to try, counted from `port`.

    Raises:
        InputError: none is free, or this machine does not go by that name.
    """
    last = min(port + tries - 1, _LAST_PORT)
    for number in range(port, last + 1):
        try:
            return _socket(host, number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise InputError(
                    f"nothing can listen on {host}, port {number}",
                    cause=error.strerror,
                    hint="choose another with --port",
                ) from error
    taken = f"port {port} is" if last == port else f"the ports {port} to {last} are all"
    raise InputError(f"{taken} taken", hint="choose another with --port")


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def url_of(door: socket.socket) -> str:
    """Where a listening socket is reached, as browsers write it."""
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    app: ASGIApp,
    door: socket.socket,
    *,
    ready: Callable[[], None],
    closing: Callable[[], None],
    log_level: str,
    limits: Limits | None = None,
) -> None:
    """Answer requests until Ctrl-C or SIGTERM, then return.

    Args:
        app: what answers.
        door: a listening socket; it is closed in the end.
        ready: called once requests are answered and signals are heard.
        closing: called first when the end has come, on the loop, to end streams.
        log_level: the least of what is told on stderr. No request is ever logged, for tokens
            stand in addresses.
        limits: for an app that anybody may connect to; descriptors are asked for accordingly.
    """
    gate = None if limits is None else Gate(within_descriptors(limits))
    config = uvicorn.Config(
        app, log_config=None, log_level=log_level, access_log=False, ws="none", loop="asyncio",
        server_header=False, timeout_graceful_shutdown=_GRACE_SECONDS, proxy_headers=False,
        http="h11" if gate is None else gate.protocol(), backlog=TAKEN_AT_ONCE,
        timeout_keep_alive=(limits or Limits()).idle,
    )  # fmt: skip
    with contextlib.nullcontext() if gate is None else _spared(gate.limits.summary):
        _Server(config, ready, closing, gate).run(sockets=[door])


@contextmanager
def _spared(seconds: float) -> Iterator[None]:
    """What many requests have in common is told once in so many seconds."""
    spare = Sparing(seconds)
    loggers = [logging.getLogger(name) for name in ("asyncio", "uvicorn.error", "newsletter.site")]
    for logger in loggers:
        logger.addFilter(spare)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(spare)


class _Server(uvicorn.Server):
    """A server for which Ctrl-C is the usual way to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        closing: Callable[[], None],
        gate: Gate | None,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._closing = closing
        self._gate = gate

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where only when a Ctrl-C would end in silence already."""
        await super().startup(sockets)
        for door in sockets or ():
            door.listen(QUEUE)
        if self._gate is not None:
            asyncio.get_running_loop().set_exception_handler(self._gate.hear)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams end before waiting for them."""
        self._closing()
        await super().shutdown(sockets)
        if self._gate is not None:
            self._gate.tell()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal; uvicorn would raise it again, and end in a traceback."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self.handle_exit) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def open_browser(url: str) -> subprocess.Popen[bytes] | None:
    """Show a page in the author's browser, where there is a screen.

    A process of its own: what a browser says does not belong into this terminal, and Ctrl-C here
    must not close it there.
    """
    screens = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform != "darwin" and not any(os.environ.get(name) for name in screens):
        return None
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603  # this Python, and an address made here
        [sys.executable, "-m", "webbrowser", url],
        stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True,
    )  # fmt: skip


class WithHeaders:
    """Adds headers to every answer that does not carry them."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)
