"""Mail servers for tests: aiosmtpd as the world's good one, and one that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.commands import HANGS

#: Words of a script: close the connection; close it for writing; say nothing more.
HANG_UP, SAY_NO_MORE, STALL = "hang up", "say no more", "stall"


class Drip(str):  # noqa: SLOT000  # it has what a script says of it
    """An answer that comes piece by piece, one in a while, for longer than anybody should wait.

    Args:
        piece: what is sent again and again.
        end: what then makes it a good answer.
        first: what is sent at once.
        begun: called when it begins.
    """

    begun: Callable[[], object]
    end: str
    first: str

    def __new__(
        cls, piece: str, end: str, *, first: str = "", begun: Callable[[], object] = lambda: None
    ) -> Self:
        """Make one."""
        drip = super().__new__(cls, piece)
        drip.end, drip.first, drip.begun = end, first, begun
        return drip


class Late(str):  # noqa: SLOT000  # it has what a script says of it
    """An answer that comes whole, after so many seconds of silence."""

    seconds: float

    def __new__(cls, answer: str, seconds: float) -> Self:
        """Make one."""
        late = super().__new__(cls, answer)
        late.seconds = seconds
        return late


#: So many pieces a drip has, and so many seconds lie between two.
PIECES, WHILE = 1000, 0.02

_ANSWERS = {
    "greeting": "220 ready",
    "EHLO": "250 here",
    "HELO": "250 here",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "in data": "",
    "dot": "250 taken",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


class Keeper:
    """What aiosmtpd calls: keeps every mail with its envelope, and counts."""

    def __init__(self) -> None:
        self.mails: list[tuple[str | None, list[str], bytes]] = []
        self.connections: list[object] = []
        self.resets = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one mail."""
        assert isinstance(envelope.content, bytes)
        assert session.peer is not None
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        self.connections.append(session.peer)
        return "250 kept"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Count one RSET."""
        self.resets += 1
        return "250 ok"


class _Controller(Controller):
    """Listens on a door that is open already: no port is guessed."""

    def __init__(self, keeper: Keeper, door: socket.socket, **options: Any) -> None:
        self.door = door
        super().__init__(keeper, hostname="127.0.0.1", port=door.getsockname()[1], **options)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self.door, ssl=self.ssl_context)


@contextlib.contextmanager
def aiosmtpd(keeper: Keeper, *, tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    """A real mail server on a free port of this machine."""
    door = socket.create_server(("127.0.0.1", 0))
    controller = _Controller(keeper, door, ssl_context=tls, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


class Scripted:
    """A mail server that answers as told, connection by connection.

    Args:
        script: for each verb, for "greeting", "in data" and "dot", what to answer: one text, or
            several, one for each time it comes up; the last one stays. Lines of one answer leave
            in one segment, and encrypted in a record each.
        tls: encrypts after STARTTLS, or from the first byte where `at_once` says so.

    Attributes:
        seen: every line it was told outside of mails.
        mails: every mail whose final dot it saw, without doubled dots.
        connections: how many there were.
        dripped: pieces of drips that were sent.
        cut_off: whether somebody hung up in the middle of an answer.
    """

    def __init__(
        self,
        script: Mapping[str, str | Sequence[str]],
        *,
        tls: ssl.SSLContext | None = None,
        at_once: bool = True,
    ) -> None:
        self._tls, self._at_once = tls, at_once
        self.dripped = 0
        self.cut_off = False
        told = {k: [v] if isinstance(v, str) else list(v) for k, v in script.items()}
        self._script = {k: [v] for k, v in _ANSWERS.items()} | told
        self._over = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        # Small, so that a sender notices when nobody reads.
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._door.settimeout(0.05)
        self.port: int = self._door.getsockname()[1]
        self.seen: list[str] = []
        self.mails: list[bytes] = []
        self.connections = 0
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def verbs(self) -> list[str]:
        """What was asked of it, without the arguments."""
        return [line.split()[0].upper() for line in self.seen]

    def close(self) -> None:
        """End all that goes on."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._door.close()

    def _listen(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._door.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(HANGS)
        with contextlib.ExitStack() as stack:
            broken = contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError)
            stack.enter_context(broken)
            if self._tls and self._at_once:
                connection = self._tls.wrap_socket(connection, server_side=True)
            stack.enter_context(connection)
            lines = stack.enter_context(connection.makefile("rb"))
            answer = self._answer(connection, "greeting")
            while answer and (line := lines.readline()):
                self.seen.append(line.decode("latin-1").rstrip() or "?")
                verb = self.seen[-1].split()[0].upper()
                answer = self._answer(connection, verb)
                if answer.startswith("354"):
                    answer = self._mail(connection, lines)
                if verb == "STARTTLS" and self._tls:
                    connection = stack.enter_context(
                        self._tls.wrap_socket(connection, server_side=True)
                    )
                    lines = stack.enter_context(connection.makefile("rb"))
                if verb == "QUIT":
                    return

    def _mail(self, connection: socket.socket, lines: BinaryIO) -> str:
        first = lines.readline()
        if self._script["in data"] != [""]:
            answer = self._answer(connection, "in data")
            while answer and (line := lines.readline()) != b".\r\n":
                answer = answer if line else ""
            return answer
        whole = [first]
        while whole[-1] not in {b".\r\n", b""}:
            whole.append(lines.readline())
        if not whole[-1]:
            return ""
        self.mails.append(b"".join(x[1:] if x.startswith(b".") else x for x in whole[:-1]))
        return self._answer(connection, "dot")

    def _answer(self, connection: socket.socket, what: str) -> str:
        """Answer one thing; "" when the connection is to end."""
        answers = self._script.get(what, ["500 what"])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == SAY_NO_MORE:
            connection.shutdown(socket.SHUT_WR)
            return answer
        if answer == STALL:
            self._over.wait(2 * HANGS)  # longer than a command is waited for
        if answer in {STALL, HANG_UP}:
            return ""
        if isinstance(answer, Late):
            self._over.wait(answer.seconds)
        if isinstance(answer, Drip):
            self._drip(connection, answer)
            return answer.end
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for line in f"{answer}\r\n".encode("latin-1").splitlines(keepends=True):
            try:
                connection.sendall(line)
            except ConnectionError:
                self.cut_off = True
                raise
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        return answer

    def _drip(self, connection: socket.socket, drip: Drip) -> None:
        connection.sendall(drip.first.encode("latin-1"))
        drip.begun()
        for _ in range(PIECES):
            if self._over.wait(WHILE):
                return
            connection.sendall(drip.encode("latin-1"))
            self.dripped += 1
        connection.sendall(drip.end.encode() + b"\r\n")


@contextlib.contextmanager
def scripted(
    *, tls: ssl.SSLContext | None = None, at_once: bool = True, **script: Any
) -> Iterator[Scripted]:
    """Start one; "in data" is written `in_data`."""
    told = {name.replace("_", " "): value for name, value in script.items()}
    server = Scripted(told, tls=tls, at_once=at_once)
    try:
        yield server
    finally:
        server.close()
