"""A mail server, driven step by step so that it is known which step failed.

Until the final dot is on its way a broken connection proves that nothing was accepted; after it,
nothing is proven (RFC 1047). `smtplib.sendmail` tells the two apart no more than a coin does.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Final, Literal

from newsletter.message import Message
from newsletter.outbox import Effect, Outcome
from newsletter.outbox.verdicts import lost, not_sent, smtp_reply, unreachable

Security = Literal["starttls", "tls", "none"]

_TIMEOUT: Final = 60.0
#: Servers close what is idle; below the shortest limit in use.
_IDLE: Final = 10.0
_READY: Final = 354
_BYE: Final = 421
_LOST = (smtplib.SMTPServerDisconnected, ConnectionError, TimeoutError, ssl.SSLError, OSError)


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


class SmtpTransport:
    """Hands each mail to a mail server; a connection per thread, used again while it is fresh."""

    name = "smtp"
    rehearsal = False
    stamps = False

    def __init__(self, server: Server) -> None:
        """Take the server; a connection is made with the first mail."""
        self.server = server
        self._own = threading.local()

    def describe(self) -> str:
        """Where mail goes."""
        return f"the mail server {self.server.host}:{self.server.port}"

    def rate(self) -> None:
        """As fast as the server answers."""

    def begin(self, issue: int) -> None:
        """Nothing to do before a run."""

    def close(self) -> None:
        """Say goodbye on this thread's connection."""
        connection = self._take()
        if connection is not None:
            _quit(connection)

    def deliver(self, message: Message) -> Outcome:
        """Hand over one mail, once."""
        try:
            connection = self._connected()
        except smtplib.SMTPAuthenticationError as error:
            return not_sent(f"the log-in is refused (SMTP {error.smtp_code})", Effect.ABORT)
        except smtplib.SMTPNotSupportedError:
            return not_sent("the server does not offer what the settings ask for", Effect.ABORT)
        except (smtplib.SMTPException, OSError) as error:
            return unreachable(f"the mail server cannot be reached ({type(error).__name__})")
        outcome, usable = _hand_over(connection, message)
        if usable:
            self._own.connection = connection
            self._own.used = time.monotonic()
        else:
            _quit(connection)
        return outcome

    def _take(self) -> smtplib.SMTP | None:
        connection: smtplib.SMTP | None = getattr(self._own, "connection", None)
        self._own.connection = None
        return connection

    def _connected(self) -> smtplib.SMTP:
        connection = self._take()
        if connection is not None:
            if time.monotonic() - self._own.used < _IDLE and _answers(connection):
                return connection
            _quit(connection)
        return _connect(self.server)


def _connect(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_TIMEOUT, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT)
    try:
        connection.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            connection.starttls(context=context)
            connection.ehlo()
        if server.username:
            connection.login(server.username, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _answers(connection: smtplib.SMTP) -> bool:
    """Whether a connection kept from the last mail is still there, and empty (RSET)."""
    try:
        return connection.rset()[0] == 250  # noqa: PLR2004  # RFC 5321: OK
    except _LOST:
        return False


def _hand_over(connection: smtplib.SMTP, message: Message) -> tuple[Outcome, bool]:
    """MAIL, RCPT, DATA, the mail, the dot; and whether the connection can be used again."""
    try:
        code, _ = connection.mail(message.sender)
        if code // 100 == 5:  # noqa: PLR2004  # the sender is refused, whoever it is for
            return not_sent(f"the sender is refused (SMTP {code})", Effect.ABORT), False
        if code // 100 == 2:  # noqa: PLR2004
            code, _ = connection.rcpt(message.to)
        if code // 100 == 2:  # noqa: PLR2004
            code, _ = connection.docmd("DATA")
        if code != _READY:
            return smtp_reply(code, ""), code != _BYE
        connection.send(_dotted(message.data))
    except _LOST as error:
        return unreachable(f"the mail server hung up ({type(error).__name__})"), False
    try:
        connection.send(b".\r\n")
        code, _ = connection.getreply()
    except _LOST as error:
        return lost(f"the mail server hung up after the mail ({type(error).__name__})"), False
    return smtp_reply(code, _message_id(message.data)), code != _BYE


def _dotted(data: bytes) -> bytes:
    """The mail with its leading dots doubled, ending in CRLF (RFC 5321, 4.5.2)."""
    doubled = re.sub(rb"(?m)^\.", b"..", data)
    return doubled if doubled.endswith(b"\r\n") else doubled + b"\r\n"


def _message_id(data: bytes) -> str:
    found = re.search(rb"(?m)^Message-ID: <([^>]+)>", data)
    return found[1].decode("ascii") if found else "unnamed"


def _quit(connection: smtplib.SMTP) -> None:
    try:
        connection.quit()
    except _LOST:
        connection.close()
