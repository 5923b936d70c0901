"""One session with a mail server: every step has a deadline, and what was written is on record.

`smtplib` words the commands and knows the ways to log in. The bytes go through here, for it waits
for each piece of an answer anew, and reads ahead into a buffer in which an answer that came too
early is not seen.
"""

from __future__ import annotations

import re
import select
import smtplib
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

from newsletter.smtp import clear

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: RFC 5321 asks for 512 octets; nobody needs more than this to say yes or no.
_LONGEST_LINE: Final = 8192
#: The longest answer in use is the one to EHLO: some twenty lines.
_MOST_LINES: Final = 256
_READ: Final = 4096
#: After so many bytes of a mail it is asked whether the server has spoken meanwhile.
_WRITE: Final = 65536
_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_READY: Final = 220
_GOODBYE: Final = 221
_BYE: Final = 421
_TAKEN, _LATER, _NEVER = 2, 4, 5  # the first digit of an answer (RFC 5321, 4.2.1)


class SessionError(OSError):
    """The talk is over; the words are for people and hold nothing that the server said."""


class EarlyError(SessionError):
    """The server spoke before it was asked."""


class Session(smtplib.SMTP):
    """A session that answers one question at a time.

    Nothing is written while anything is there to be read: an answer to a question that was not
    asked yet would be taken for the answer to it, and every later one for another mail's.

    Attributes:
        dot_begun: whether the end of the present mail may have left, whatever was raised since.
            A write that fails may have handed over what it was given: the kernel keeps what it
            took, TLS a record that is half written, and a signal may end a call that was done.
    """

    def __init__(self, *, seconds: float) -> None:
        """Nothing is connected yet.

        Args:
            seconds: in which an answer that has begun must be whole, however long it is awaited.
        """
        super().__init__()
        self.dot_begun = False
        self._seconds = seconds
        self._until = 0.0
        self._unread = bytearray()
        self._heard_all = 0
        self._gone = False
        self._garbled = False

    def allow(self, seconds: float) -> None:
        """All that is read and written from now on must be done within so many seconds."""
        self._until = time.monotonic() + seconds

    # --- beginning ---------------------------------------------------------------------------

    def dial(self, host: str, port: int) -> None:
        """Connect; each address of the host gets its share of the time that is left.

        Raises:
            OSError: none could be reached.
            ValueError: the name can be none.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for left, (family, kind, protocol, _, address) in zip(
            range(len(found), 0, -1), found, strict=True
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self._left() / left)
                sock.connect(address)
            except OSError:
                sock.close()
                if left == 1:
                    raise
            else:
                # The dot follows its mail at once, not when the mail has been acknowledged.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # For good, as all that waits in `clear` has its deadline with the kernel.
                sock.settimeout(None)
                self.sock = sock
                return

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Encrypt all that follows; what the server said in clear does not count any more.

        Raises:
            SessionError: something was put behind the server's last words in clear.
            OSError: the certificate is not trusted, or the handshake failed.
        """
        self._expect_silence()
        sock = self._socket()
        sock.settimeout(self._left())
        self.sock = context.wrap_socket(sock, server_hostname=host)
        # For good: to switch it on and off costs a call of the system each time, and each of those
        # lets another thread run.
        self.sock.settimeout(0)

    def greet(self) -> None:
        """Hear the greeting.

        Raises:
            SMTPConnectError: it is a refusal.
        """
        code, words = self.getreply()
        if code != _READY:
            raise smtplib.SMTPConnectError(code, words)

    # --- what smtplib does through -----------------------------------------------------------

    def send(self, s: ReadableBuffer | str) -> None:
        """Write a command; not while there is anything to be read.

        Raises:
            SessionError: the server spoke before it was asked, or hung up.
            OSError: it could not be written in time.
        """
        self._expect_silence()
        self._write(s.encode("ascii") if isinstance(s, str) else bytes(s))

    def getreply(self) -> tuple[int, bytes]:
        """Read one answer: its code, 200 to 599, and its text, the lines joined by LF.

        Raises:
            SessionError: it is none (another code, another code in its next line, too long), or
                the server hung up.
            OSError: it did not come in time.
        """
        if not self._unread:
            self._read()
        self._until = min(self._until, time.monotonic() + self._seconds)
        first, more, text = self._line()
        texts = [text]
        while more:
            code, more, text = self._line()
            texts.append(text)
            if code != first or len(texts) > _MOST_LINES:
                raise SessionError("the mail server's answer makes no sense")
        return first, b"\n".join(texts)

    # --- the mail ----------------------------------------------------------------------------

    def begin_mail(self) -> None:
        """What is said of the dot is about another mail from now on."""
        self.dot_begun = False

    def send_mail(self, text: bytes) -> bool:
        """Write a mail and its final dot; false when the server spoke first: the dot is kept back.

        From the dot's first byte on nobody can say that the mail has not arrived; what is said at
        any moment before it is an early answer, however late within the mail it is noticed.

        Raises:
            SessionError: the server spoke before the mail began, or hung up before its dot.
            OSError: it could not be written in time; see `dot_begun`.
        """
        self._expect_silence()
        for start in range(0, len(text), _WRITE):
            try:
                self._write(text[start : start + _WRITE])
            except OSError:
                # Who will not read on has perhaps said why.
                if not self._heard():
                    raise
            if self._heard():
                return False
        if self._gone:
            raise SessionError("the mail server hung up")
        self.dot_begun = True
        self._write(b".\r\n")
        return True

    # --- what else there is to be read -------------------------------------------------------

    @property
    def has_heard(self) -> bool:
        """Whether the server has said anything at all."""
        return self._heard_all > 0

    def is_silent(self) -> bool:
        """Whether the session can go on: nothing is there to be read, and nobody hung up."""
        return not self._heard() and not self._gone

    def is_last_word(self, code: int) -> bool:
        """End the session, and whether the server then took leave without another answer.

        Answers come in the order of the questions, so that a second one about the mail comes before
        the one to QUIT, however late it is. More like the first change nothing.

        Raises:
            SessionError: what it said makes no sense.
            TimeoutError: it neither took leave nor hung up in time.
        """
        try:
            self._write(b"QUIT\r\n")
        except TimeoutError:
            raise
        except OSError:
            pass  # It hung up; what it has said before can be read.
        while True:
            try:
                other, _ = self.getreply()
            except OSError:
                if self._gone:
                    return not self._unread and not self._garbled
                raise
            if other == _GOODBYE:
                return not self._heard()
            if other != _BYE and other // 100 != code // 100:
                return False

    def is_contradicted(self, code: int) -> bool:
        """Whether what stands behind an answer leaves open which of them is about the mail.

        A "no" lets the mail be sent again, so it must stand alone, but for its like and for the
        goodbye that a server may say at any time (421; RFC 5321, 3.8). A "yes" is put in doubt
        by a clear "no" alone.
        """
        others = set()
        if self._heard():
            for line in self._unread.removesuffix(b"\n").split(b"\n"):
                found = _LINE.fullmatch(line.removesuffix(b"\r"))
                others.add(int(found[1]) if found else 0)
        kinds = {other // 100 for other in others - {_BYE}}
        if code // 100 == _TAKEN:
            return bool(kinds & {_LATER, _NEVER})
        return bool(kinds - {code // 100})

    def _expect_silence(self) -> None:
        if self._heard():
            raise EarlyError("the mail server spoke before it was asked")
        if self._gone:
            raise SessionError("the mail server hung up")

    def _heard(self) -> bool:
        """Whether there is anything to be read, in a buffer of ours, of TLS's or of the kernel's.

        Reading is the one way to know where it is encrypted: readable, it may hold no answer at
        all. In clear, what has come is counted.
        """
        if not self._unread and not self._gone:
            sock = self._socket()
            in_clear = not isinstance(sock, ssl.SSLSocket)
            if in_clear and clear.arrived(sock) == self._heard_all:
                return False
            try:
                self._keep(clear.receive_now(sock, _READ) if in_clear else sock.recv(_READ))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            except OSError as error:
                self._lose(error)
        return bool(self._unread)

    # --- bytes -------------------------------------------------------------------------------

    def _line(self) -> tuple[int, bool, bytes]:
        """The next line of an answer: its code, whether more follow, its text."""
        while (end := self._unread.find(b"\n")) < 0 and len(self._unread) <= _LONGEST_LINE:
            self._read()
        line = bytes(self._unread[: end + 1]).rstrip(b"\r\n")
        del self._unread[: end + 1]
        found = _LINE.fullmatch(line)
        if end < 0 or end > _LONGEST_LINE or not found:
            raise SessionError("the mail server's answer makes no sense")
        return int(found[1]), found[2] == b"-", (found[3] or b"").strip(b" \t")

    def _read(self) -> None:
        if not self._gone:
            try:
                self._keep(self._receive())
            except TimeoutError:
                raise
            except OSError as error:
                self._lose(error)
                raise
        if self._gone:
            raise SessionError("the mail server hung up")

    def _lose(self, error: OSError) -> None:
        """Note that nothing more can be read: it hung up, or what it wrote cannot be decrypted."""
        self._gone = True
        self._garbled = not isinstance(error, ConnectionError)

    def _keep(self, data: bytes) -> None:
        self._unread += data
        self._heard_all += len(data)
        self._gone = not data

    def _receive(self) -> bytes:
        """What there is to be read, as soon as there is any; nothing once the server hung up.

        What has come is read also when the time is over: a machine that stood still for a while
        asks too late for an answer that was in time.
        """
        sock = self._socket()
        if not isinstance(sock, ssl.SSLSocket):
            try:
                if (left := self._until - time.monotonic()) <= 0:
                    return clear.receive_now(sock, _READ)
                return clear.receive(sock, _READ, seconds=left)
            except BlockingIOError:
                raise TimeoutError from None
        # What TLS has decrypted already makes no socket readable.
        event = 0 if sock.pending() else select.POLLIN
        while True:
            if event:
                self._wait(sock, event)
            try:
                return sock.recv(_READ)
            except ssl.SSLWantReadError:
                event = select.POLLIN
            except ssl.SSLWantWriteError:
                event = select.POLLOUT

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        sock = self._socket()
        event = 0
        while rest and not isinstance(sock, ssl.SSLSocket):
            try:
                rest = rest[clear.send(sock, rest, seconds=self._left()) :]
            except BlockingIOError:
                raise TimeoutError from None
        while rest:
            self._wait(sock, event)
            try:
                rest, event = rest[sock.send(rest) :], 0
            except ssl.SSLWantWriteError:
                event = select.POLLOUT
            except ssl.SSLWantReadError:
                event = select.POLLIN

    def _wait(self, sock: socket.socket, event: int) -> None:
        """Wait until a socket is ready for one of `select`'s events, 0 for none.

        Raises:
            TimeoutError: the time that was allowed is over.
        """
        # What has come is read in any case.
        left = max(0.0, self._until - time.monotonic()) if event == select.POLLIN else self._left()
        if event:
            poll = select.poll()
            poll.register(sock, event)
            if not poll.poll(left * 1000):
                raise TimeoutError

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _socket(self) -> socket.socket:
        if self.sock is None:
            raise SessionError("the mail server hung up")
        return self.sock
