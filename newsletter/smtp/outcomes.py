"""What a mail server's replies mean for a delivery, and what it means where none come."""

from __future__ import annotations

import binascii
import smtplib
import socket
import ssl
from typing import Final

from newsletter.delivery import Outcome
from newsletter.delivery.outcomes import Verdict, accepted_as, judged
from newsletter.smtp.opening import SecurityError, SilentError
from newsletter.smtp.session import SessionError

_WANTS_LOG_IN: Final = 530  # RFC 4954, 6
_NEVER: Final = 5  # the first digit of an answer (RFC 5321, 4.2.1)
#: "Done", here or on the way (RFC 5321, 4.2.3). A greeting (220) or a goodbye (221) in its place
#: is of the 200s, too, and says nothing about a mail.
_SMTP_TAKEN: Final = frozenset({250, 251, 252})

_SMTP: Final = "transport.smtp."
#: Who is called.
_ADDRESS: Final = (f"{_SMTP}host", f"{_SMTP}port")
_LOG_IN: Final = (f"{_SMTP}username", f"{_SMTP}password")
_SECURITY: Final = (f"{_SMTP}security", f"{_SMTP}port")


def smtp_reply(code: int, message_id: str) -> Outcome:
    """A mail server's answer about one recipient (RFC 5321, 4.2.1).

    421 in place of an answer to the whole mail is none: the session knows when it was said.
    """
    match code // 100:
        case 2 if code in _SMTP_TAKEN:
            return accepted_as(message_id)
        case 4:
            return judged(Verdict.DEFERRED, f"SMTP {code}")
        case 5:
            return judged(Verdict.REFUSED, f"SMTP {code}")
        case _:
            return judged(Verdict.UNPROVEN, f"SMTP {code}")


def sender_refused(code: int) -> Outcome:
    """A mail server's "no" to whoever sends, and so to every mail."""
    if code == _WANTS_LOG_IN:
        return judged(Verdict.FATAL, f"the mail server wants a log-in (SMTP {code})", _LOG_IN)
    return judged(Verdict.FATAL, f"the sender is refused (SMTP {code})")


def no_session(error: OSError | ValueError, place: str) -> Outcome:
    """What follows when no session came about, so that nothing was handed over.

    Only codes and names of errors are kept: a server's words may hold the user name.

    Args:
        error: what was raised.
        place: where the server is, for people.
    """
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code) if code // 100 == _NEVER:
            return judged(Verdict.FATAL, f"the log-in is refused (SMTP {code})", _LOG_IN)
        case smtplib.SMTPNotSupportedError():
            return judged(Verdict.FATAL, f"the mail server does not offer {error}", _SECURITY)
        case SecurityError():
            return judged(Verdict.FATAL, str(error), _SECURITY)
        case SilentError():
            return judged(Verdict.UNREACHABLE, str(error), (*_ADDRESS, f"{_SMTP}security"))
        case smtplib.SMTPResponseException(smtp_code=code) if code // 100 == _NEVER:
            return judged(Verdict.FATAL, f"the mail server takes no mail from here (SMTP {code})")
        case smtplib.SMTPResponseException(smtp_code=code):
            return judged(Verdict.UNREACHABLE, f"the mail server takes no mail now (SMTP {code})")
        case smtplib.SMTPException():
            return judged(Verdict.FATAL, "the mail server offers no log-in that is known here")
        case SessionError() | TimeoutError():
            return judged(Verdict.UNREACHABLE, what_broke(error))
        case ssl.SSLCertVerificationError():
            why = error.verify_message.rstrip(".")
            words = f"the mail server's certificate is not trusted: {why}"
            return judged(Verdict.UNREACHABLE, words, _ADDRESS)
        case binascii.Error():
            # A challenge while logging in that is not base64.
            return judged(Verdict.UNREACHABLE, "the mail server's answer makes no sense")
        case ValueError():
            # Raised for the letters of a host name, a user name or a password.
            return judged(Verdict.FATAL, "the mail server's name or the log-in is not ASCII")
        case _:
            return away(place, _why_not(error))


def away(place: str, why: str) -> Outcome:
    """Nobody is there at the address."""
    return judged(Verdict.UNREACHABLE, f"{place} cannot be reached ({why})", _ADDRESS)


def _why_not(error: OSError) -> str:
    """Why no connection came about, in words for people."""
    match error:
        case ConnectionRefusedError():
            return "it refuses connections"
        case socket.gaierror():
            return "its name cannot be looked up"
        case ssl.SSLError():
            return "no encrypted connection comes about"
        case _ if error.strerror:
            return error.strerror[0].lower() + error.strerror[1:]
        case _:
            return "the connection broke"


def what_broke(error: OSError) -> str:
    """What became of a session, in words for people."""
    match error:
        case SessionError():
            return str(error)
        case TimeoutError():
            return "the mail server did not answer in time"
        case _:
            return "the mail server hung up"
