"""How a session with a mail server opens, and whether that fits `transport.smtp.security`."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

from newsletter.smtp.session import EarlyError, Session, SessionError

if TYPE_CHECKING:
    from newsletter.smtp import Server

#: Seconds after which it is tried whether who says nothing waits for TLS.
_SILENT: Final = 5.0
#: What OpenSSL calls words in clear.
_IN_CLEAR: Final = frozenset({"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})


class SecurityError(SessionError):
    """The server's port begins in another way than the settings say."""


class SilentError(SessionError):
    """The server took the connection and said nothing."""


def encrypt_at_once(session: Session, server: Server, context: ssl.SSLContext) -> None:
    """Encrypt from the first byte.

    Raises:
        SecurityError: the server speaks in clear.
        OSError: as `Session.encrypt`.
    """
    told = f'port {server.port} does not begin with TLS: set transport.smtp.security = "starttls"'
    try:
        session.encrypt(context, server.host)
    except EarlyError:
        raise SecurityError(told) from None
    except ssl.SSLError as error:
        if error.reason in _IN_CLEAR:
            raise SecurityError(told) from None
        raise


def hear_greeting(session: Session, server: Server, seconds: float) -> None:
    """Hear the greeting; a port that begins with TLS says nothing in clear.

    Args:
        session: connected.
        server: where to.
        seconds: to wait for it.

    Raises:
        SecurityError: the port begins with TLS.
        SilentError: nothing was said.
        OSError: as `Session.greet`.
    """
    until = time.monotonic() + seconds
    share = min(_SILENT, seconds / 3)
    session.allow(share)
    try:
        session.greet()
    except TimeoutError:
        is_open = server.security != "tls" and not session.has_heard
        if is_open and _begins_with_tls(server, share):
            way = 'set transport.smtp.security = "tls"'
            raise SecurityError(f"port {server.port} begins with TLS: {way}") from None
    else:
        return
    session.allow(until - time.monotonic())  # some let everybody wait
    try:
        session.greet()
    except TimeoutError:
        if session.has_heard:
            raise
        raise SilentError("the mail server did not answer in time") from None


def _begins_with_tls(server: Server, seconds: float) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is said to it
    try:
        with (
            socket.create_connection((server.host, server.port), timeout=seconds) as sock,
            context.wrap_socket(sock, server_hostname=server.host),
        ):
            return True
    except (OSError, ValueError):
        return False
