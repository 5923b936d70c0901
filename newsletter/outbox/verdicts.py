"""The outcome table: what the world may answer, and what follows for delivery and run.

    proven not accepted, only this one    refused          go on
    proven not accepted, for now          deferred         back off, or slow down
    proven not accepted, for everybody    not sent         stop, or abort
    not proven                            unknown          go on, until too many

Try again only what is proven not to have been accepted: a 4xx is, whatever its name, but 408.
"""

from __future__ import annotations

import re
from typing import Final

from newsletter.outbox import Effect, Outcome, Result

#: Errors of SES's API (SESv2 reference, "SendEmail" and "Common errors") that every further mail
#: would meet as well: credentials, identity, the account's or configuration set's state.
_FOR_EVERYBODY: Final = frozenset(
    """
    AccessDenied AccessDeniedException AccountSuspendedException ExpiredToken
    ExpiredTokenException IncompleteSignature InvalidAccessKeyId InvalidClientTokenId
    InvalidSignatureException MailFromDomainNotVerifiedException MissingAuthenticationToken
    MissingAuthenticationTokenException NotAuthorized NotFoundException OptInRequired
    RequestExpired RequestTimeTooSkewed SendingPausedException SignatureDoesNotMatch
    UnauthorizedOperation UnrecognizedClientException
    """.split()
)
_THROTTLES: Final = re.compile(r"TooManyRequests|LimitExceeded|Throttl|RequestLimit|SlowDown")
_DAILY: Final = re.compile(r"daily|24.?hour|quota", re.IGNORECASE)
_UNVERIFIED: Final = re.compile(r"not verified", re.IGNORECASE)

#: What an error's name looks like; whatever else stands there may hold anything.
_NAME: Final = re.compile(r"[A-Za-z0-9_.]{1,80}")

_BAD_REQUEST: Final = 400
_TIMEOUT: Final = 408
_TOO_MANY: Final = 429
_SERVER: Final = 500
_FORBIDDEN: Final = frozenset({401, 403})


def api_error(code: str, status: int, text: str) -> Outcome:
    """An error SES answered with.

    Args:
        code: its name, such as "MessageRejected"; kept only where it looks like one.
        status: the HTTP status.
        text: its message; looked at, never kept, for it may hold addresses.
    """
    code = code if _NAME.fullmatch(code) else ""
    if not _BAD_REQUEST <= status < _SERVER or status == _TIMEOUT:
        named = "" if code == str(status) else code
        return unknown(f"HTTP {status} {named}".strip())
    if _THROTTLES.search(code) or status == _TOO_MANY:
        if _DAILY.search(text):
            return not_sent("the day's quota is used up", Effect.STOP)
        return deferred(code or "throttled", Effect.SLOW_DOWN)
    if code in _FOR_EVERYBODY or status in _FORBIDDEN:
        return not_sent(code or f"HTTP {status}", Effect.ABORT)
    if _UNVERIFIED.search(text):
        return not_sent("an address is not verified (sandbox)", Effect.ABORT)
    return refused(code or f"HTTP {status}")


def api_success(message_id: str | None) -> Outcome:
    """SES said 200; without a message id nobody can say what it did."""
    if message_id:
        return Outcome(result=Result.ACCEPTED, message_id=message_id)
    return unknown("an answer without a message id", Effect.PAUSE)


def smtp_reply(code: int, message_id: str) -> Outcome:
    """A mail server's answer about one recipient, before or after DATA (RFC 5321, 4.2.1)."""
    match code // 100:
        case 2:
            return Outcome(result=Result.ACCEPTED, message_id=message_id)
        case 4:
            return deferred(f"SMTP {code}", Effect.GO_ON)
        case 5:
            return refused(f"SMTP {code}")
        case _:
            return unknown(f"SMTP {code}")


def unreachable(reason: str) -> Outcome:
    """No connection was made, so nothing was accepted: DNS, refused, timeout, TLS, proxy."""
    return deferred(reason, Effect.BACK_OFF)


def lost(reason: str) -> Outcome:
    """The connection broke when the mail may have been taken already (RFC 1047)."""
    return unknown(reason)


def refused(reason: str) -> Outcome:
    """For this recipient only."""
    return Outcome(result=Result.REFUSED, reason=reason)


def deferred(reason: str, effect: Effect) -> Outcome:
    """Not now."""
    return Outcome(result=Result.DEFERRED, reason=reason, effect=effect)


def not_sent(reason: str, effect: Effect) -> Outcome:
    """Not this one, and not the next."""
    return Outcome(result=Result.NOT_SENT, reason=reason, effect=effect)


def unknown(reason: str, effect: Effect | None = None) -> Outcome:
    """Nobody can say."""
    return Outcome(result=Result.UNKNOWN, reason=reason, effect=effect or Effect.GO_ON)
