"""A mail server, driven step by step so that it is known which step failed.

Until the final dot is on its way a broken connection proves that nothing was accepted; after it,
nothing is proven (RFC 1047). `smtplib.sendmail` tells the two apart no more than a coin does.
"""

from __future__ import annotations

import re
import select
import smtplib
import ssl
import time
import weakref
from dataclasses import dataclass
from typing import Final, Literal

from newsletter.message import Message
from newsletter.outbox import Allowance, Outcome
from newsletter.outbox.verdicts import Seen, judged, smtp_reply

Security = Literal["starttls", "tls", "none"]

#: Seconds for each answer but the last.
_TIMEOUT: Final = 60.0
#: Seconds for the answer to a whole mail: giving up on it makes an unknown (RFC 5321, 4.5.3.2.6).
_PATIENCE: Final = 600.0
#: Servers close what is idle; below the shortest limit in use.
_IDLE: Final = 10.0
#: A goodbye is not worth a longer wait.
_GOODBYE: Final = 5.0
_OK: Final = 250
_READY: Final = 354
_BYE: Final = 421
_TAKEN, _LATER, _NEVER = 2, 4, 5  # the first digit of an answer (RFC 5321, 4.2.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where and how to connect; the password never shows in a repr.

    Attributes:
        security: "tls" from the first byte, "starttls" after the greeting, or "none".
        username: "" for no log-in.
    """

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port}, {self.security})"


@dataclass(frozen=True, slots=True)
class _Idle:
    """A connection nobody uses, and since when."""

    connection: smtplib.SMTP
    since: float


class SmtpTransport:
    """Hands each mail to a mail server; one connection for each mail in flight, used again.

    Args:
        server: where to connect; a connection is made with the first mail.
        timeout: seconds to wait for a connection and for each answer.
        patience: seconds to wait for the answer to a whole mail.
        idle: seconds after which an unused connection is not used again.
    """

    name = "smtp"
    rehearsal = False
    stamps = False

    def __init__(
        self,
        server: Server,
        *,
        timeout: float = _TIMEOUT,
        patience: float = _PATIENCE,
        idle: float = _IDLE,
    ) -> None:
        self.server = server
        self._timeout, self._patience, self._longest = timeout, patience, idle
        # Appending and popping are atomic, so threads may share it.
        self._idle: list[_Idle] = []
        weakref.finalize(self, _say_goodbye, self._idle)

    def describe(self) -> str:
        """Where mail goes."""
        return f"the mail server {self.server.host}:{self.server.port}"

    def allowance(self) -> Allowance:
        """As fast as the server answers."""
        return Allowance()

    def begin(self, issue: int) -> None:
        """Nothing to do before a run."""

    def close(self) -> None:
        """Say goodbye on every unused connection; done anyway when the transport is let go."""
        _say_goodbye(self._idle)

    def deliver(self, message: Message) -> Outcome:
        """Hand over one mail, once."""
        try:
            connection = self._connected()
        except (OSError, ValueError) as error:
            return _no_session(error)
        outcome, usable = _hand_over(connection, message, self._patience)
        if usable:
            _wait_at_most(connection, self._timeout)
            self._idle.append(_Idle(connection, time.monotonic()))
        else:
            connection.close()
        return outcome

    def _connected(self) -> smtplib.SMTP:
        """A connection on which nothing has begun: the one used last, or a new one."""
        while self._idle:
            unused = self._idle.pop()
            if time.monotonic() - unused.since >= self._longest:
                _quit(unused.connection)
            elif _answers(unused.connection):
                return unused.connection
            else:
                unused.connection.close()
        return _connect(self.server, self._timeout)


def _connect(server: Server, timeout: float) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=timeout, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=timeout)
    try:
        _open_session(connection, server, context)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_session(connection: smtplib.SMTP, server: Server, context: ssl.SSLContext) -> None:
    connection.ehlo_or_helo_if_needed()
    if server.security == "starttls":
        _expect(connection, "starttls", "STARTTLS")
        connection.starttls(context=context)
        connection.ehlo_or_helo_if_needed()
    if server.username:
        _expect(connection, "auth", "a log-in")
        connection.login(server.username, server.password)


def _expect(connection: smtplib.SMTP, extension: str, name: str) -> None:
    if not connection.has_extn(extension):
        raise smtplib.SMTPNotSupportedError(name)


def _no_session(error: OSError | ValueError) -> Outcome:
    """What follows when no session came about, so that nothing was handed over.

    Only codes and names of errors are kept: a server's words may hold the user name.
    """
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code) if code // 100 == _NEVER:
            return judged(Seen.EVERYBODY, f"the log-in is refused (SMTP {code})")
        case smtplib.SMTPNotSupportedError():
            return judged(Seen.EVERYBODY, f"the mail server does not offer {error}")
        case smtplib.SMTPResponseException(smtp_code=code) if code // 100 == _NEVER:
            return judged(Seen.EVERYBODY, f"the mail server takes no mail from here (SMTP {code})")
        case smtplib.SMTPResponseException(smtp_code=code):
            return judged(Seen.UNREACHABLE, f"the mail server takes no mail now (SMTP {code})")
        case smtplib.SMTPServerDisconnected():
            return judged(Seen.UNREACHABLE, "the mail server hung up")
        case smtplib.SMTPException():
            return judged(Seen.EVERYBODY, "the mail server offers no log-in that is known here")
        case ssl.SSLCertVerificationError():
            return judged(Seen.UNREACHABLE, "the mail server's certificate is not trusted")
        case ValueError():
            # Raised for the letters of a host name, a user name or a password.
            return judged(Seen.EVERYBODY, "the mail server's name or the log-in is not ASCII")
        case _:
            return judged(
                Seen.UNREACHABLE, f"the mail server cannot be reached ({type(error).__name__})"
            )


def _answers(connection: smtplib.SMTP) -> bool:
    """Whether a connection kept from an earlier mail is still there, and empty (RSET)."""
    try:
        return connection.rset()[0] == _OK
    except OSError:
        return False


def _hand_over(connection: smtplib.SMTP, message: Message, patience: float) -> tuple[Outcome, bool]:
    """MAIL, RCPT, DATA, the mail, the dot; and whether the connection can be used again."""
    try:
        if stopped := _prepare(connection, message):
            return stopped
        connection.send(_dotted(message.data))
        if _speaks(connection):
            return _early(connection.getreply()[0]), False
        _wait_at_most(connection, patience)
        # When this fails, the three bytes have not all left, and without them there is no mail.
        connection.send(b".\r\n")
    except OSError as error:
        return judged(Seen.UNREACHABLE, f"the mail server hung up ({type(error).__name__})"), False
    try:
        code, _ = connection.getreply()
    except OSError as error:
        return judged(
            Seen.UNPROVEN, f"the mail server hung up after the mail ({type(error).__name__})"
        ), False
    return smtp_reply(code, _message_id(message.data)), _is_usable(code)


def _prepare(connection: smtplib.SMTP, message: Message) -> tuple[Outcome, bool] | None:
    """MAIL, RCPT, DATA; None when the server waits for the mail."""
    code, _ = connection.mail(message.sender)
    if code // 100 == _NEVER:  # whoever it is for
        return judged(Seen.EVERYBODY, f"the sender is refused (SMTP {code})"), _is_usable(code)
    if code // 100 == _TAKEN:
        code, _ = connection.rcpt(message.to)
        if code // 100 == _TAKEN:
            code, _ = connection.docmd("DATA")
            if code == _READY:
                return None
    if code // 100 in {_LATER, _NEVER}:
        return smtp_reply(code, ""), _is_usable(code)
    return judged(Seen.UNREACHABLE, "the mail server's answer makes no sense"), False


def _is_usable(code: int) -> bool:
    """Whether the session goes on after this answer."""
    return code // 100 in {_TAKEN, _LATER, _NEVER} and code != _BYE


def _speaks(connection: smtplib.SMTP) -> bool:
    """Whether the server has answered, or hung up, before the end of the mail."""
    sock = connection.sock
    return sock is not None and bool(select.select([sock], [], [], 0)[0])


def _early(code: int) -> Outcome:
    """An answer before the dot, which then is not sent; only a "no" is believed."""
    if code // 100 in {_LATER, _NEVER}:
        return smtp_reply(code, "")
    return judged(Seen.UNPROVEN, "the mail server answered before the end of the mail")


def _dotted(data: bytes) -> bytes:
    """The mail with its leading dots doubled, ending in CRLF (RFC 5321, 4.5.2)."""
    doubled = re.sub(rb"(?m)^\.", b"..", data)
    return doubled if doubled.endswith(b"\r\n") else doubled + b"\r\n"


def _message_id(data: bytes) -> str:
    found = re.search(rb"(?m)^Message-ID: <([^>]+)>", data)
    return found[1].decode("ascii") if found else "unnamed"


def _wait_at_most(connection: smtplib.SMTP, seconds: float) -> None:
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


def _say_goodbye(idle: list[_Idle]) -> None:
    while idle:
        _quit(idle.pop().connection)


def _quit(connection: smtplib.SMTP) -> None:
    try:
        _wait_at_most(connection, _GOODBYE)
        connection.quit()
    except OSError:
        connection.close()
