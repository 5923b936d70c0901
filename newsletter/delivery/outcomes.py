"""The outcome table: what the world may answer, and what follows for delivery and run.

Try again only what is proven not to have been accepted; what is not proven is unknown; end the run
for what would fail for everybody. Transports say which row they have seen, never what follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from newsletter.delivery import Effect, Outcome, Result


class Seen(StrEnum):
    """What was seen of one mail: the rows of the table."""

    TAKEN = "taken"  # accepted, with a name for it
    MALFORMED = "malformed"  # our own request, before it left
    UNREACHABLE = "unreachable"  # nothing of the request was begun to be written
    EVERYBODY = "everybody"  # credentials, identity, sandbox, the account's or server's state
    TOO_FAST = "too fast"  # a rate throttle
    QUOTA = "quota"  # the day's
    REFUSED = "refused"  # for this recipient
    UNFIT = "unfit"  # for this recipient, by us, before anything left
    PUT_OFF = "put off"  # for this recipient, for now (SMTP 4xx)
    UNPROVEN = "unproven"  # lost once begun, or an answer SES did not write; any 5xx, 408
    UNNAMED = "unnamed"  # a success that does not name the mail


#: What follows for the delivery, and for the run.
TABLE: Final[Mapping[Seen, tuple[Result, Effect]]] = MappingProxyType(
    {
        Seen.TAKEN: (Result.ACCEPTED, Effect.GO_ON),
        Seen.MALFORMED: (Result.NOT_SENT, Effect.REJECT),
        Seen.UNREACHABLE: (Result.DEFERRED, Effect.BACK_OFF),
        Seen.EVERYBODY: (Result.NOT_SENT, Effect.ABORT),
        Seen.TOO_FAST: (Result.DEFERRED, Effect.SLOW_DOWN),
        Seen.QUOTA: (Result.NOT_SENT, Effect.STOP),
        Seen.REFUSED: (Result.REFUSED, Effect.GO_ON),
        Seen.UNFIT: (Result.REFUSED, Effect.OURS),
        Seen.PUT_OFF: (Result.DEFERRED, Effect.GO_ON),
        Seen.UNPROVEN: (Result.UNKNOWN, Effect.GO_ON),
        Seen.UNNAMED: (Result.UNKNOWN, Effect.PAUSE),
    }
)

#: Said of a signature that is too old or too new by AWS's clock.
CLOCK: Final = "this machine's clock is wrong"

#: Errors of SES's API (SESv2 reference, "SendEmail" and "Common errors") that every further mail
#: would meet as well: credentials, identity, the account's or configuration set's state, or a
#: request no mail could make right.
_FOR_EVERYBODY: Final = {
    code: words
    for words, codes in {
        "the credentials have expired": "ExpiredToken ExpiredTokenException",
        f"{CLOCK}: set it by the network": "RequestExpired RequestInTheFuture RequestTimeTooSkewed",
        "the credentials are not accepted": """
            IncompleteSignature IncompleteSignatureException InvalidAccessKeyId
            InvalidClientTokenId InvalidSignatureException
            MissingAuthenticationToken MissingAuthenticationTokenException SignatureDoesNotMatch
            UnrecognizedClientException""",
        "the credentials may not send": """
            AccessDenied AccessDeniedException NotAuthorized OptInRequired UnauthorizedOperation""",
        "SES has suspended the account": "AccountSuspendedException",
        "sending is paused for the account": "SendingPausedException",
        "the sender's domain is not verified": "MailFromDomainNotVerifiedException",
        "the configuration set does not exist": "NotFoundException",
        "the endpoint does not know the request": """
            InvalidAction MalformedHttpRequestException MissingAction UnknownOperationException""",
    }.items()
    for code in codes.split()
}
#: Said when the service gave up on a request, whatever the status: how far it came is not told.
_GIVEN_UP: Final = frozenset(
    """
    InternalFailure InternalServiceErrorException RequestAbortedException RequestTimeout
    RequestTimeoutException ServiceUnavailable
    """.split()
)
_THROTTLES: Final = re.compile(r"TooManyRequests|LimitExceeded|Throttl|RequestLimit|SlowDown")
_DAILY: Final = re.compile(r"daily|24.?hour|quota", re.IGNORECASE)
#: AWS has the same errors for a wrong key and for a wrong clock, and tells the two apart in words.
_SKEWED: Final = re.compile(
    r"signature (has )?expired|not yet current|is now earlier than|is still later than",
    re.IGNORECASE,
)
_UNVERIFIED: Final = re.compile(r"not verified", re.IGNORECASE)

#: What an error's name looks like; whatever else stands there may hold anything.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,79}")
#: SES's names for mails have 60 letters. The bound leaves room for others and keeps what is no
#: name out of the records: events are matched by it, and people read it on their terminals.
_MESSAGE_ID: Final = re.compile(r"[!-~]{1,200}")

#: "Done", here or on the way (RFC 5321, 4.2.3). A greeting (220) or a goodbye (221) in its place
#: is of the 200s, too, and says nothing about a mail.
_SMTP_TAKEN: Final = frozenset({250, 251, 252})
_BAD_REQUEST: Final = 400
_TIMEOUT: Final = 408
_TOO_MANY: Final = 429
_SERVER: Final = 500


def judged(seen: Seen, reason: str) -> Outcome:
    """The outcome of one mail.

    Args:
        seen: the row of the table.
        reason: what a person reads in `newsletter status`, without any address.
    """
    result, effect = TABLE[seen]
    return Outcome(result=result, reason=reason, effect=effect)


def taken(message_id: str) -> Outcome:
    """Accepted, under this name."""
    result, effect = TABLE[Seen.TAKEN]
    return Outcome(result=result, message_id=message_id, effect=effect)


def api_error(code: str, status: int, text: str) -> Outcome:
    """An error SES answered with; only a 4xx proves that nothing was accepted, and 408 does not.

    Args:
        code: the name SES gave the error, such as "MessageRejected"; "" where it gave none, and
            then it may be anybody's answer, in place of one of SES's that said 200.
        status: the HTTP status.
        text: its message; looked at for what to say, never kept, for it may hold addresses.
    """
    code = code if _NAME.fullmatch(code) else ""
    if not _BAD_REQUEST <= status < _SERVER or status == _TIMEOUT or code in _GIVEN_UP:
        return judged(Seen.UNPROVEN, f"HTTP {status} {code}".rstrip())
    if not code:
        return judged(Seen.UNPROVEN, f"HTTP {status}, not from SES")
    if _THROTTLES.search(code) or status == _TOO_MANY:
        if _DAILY.search(text):
            return judged(Seen.QUOTA, "the day's quota is used up")
        return judged(Seen.TOO_FAST, code)
    if words := _FOR_EVERYBODY.get(code):
        if "ignature" in code and _SKEWED.search(text):
            words = _FOR_EVERYBODY["RequestExpired"]
        return judged(Seen.EVERYBODY, f"{words} ({code})")
    if _UNVERIFIED.search(text):
        return judged(Seen.EVERYBODY, f"an address is not verified, as in the sandbox ({code})")
    # What SES has against one mail is always a 400; another status comes of where it was sent.
    return judged(Seen.REFUSED if status == _BAD_REQUEST else Seen.EVERYBODY, code)


def api_success(message_id: object) -> Outcome:
    """SES said 200; without a name for the mail nobody can say what it did.

    Args:
        message_id: whatever stood in its place.
    """
    if isinstance(message_id, str) and _MESSAGE_ID.fullmatch(message_id):
        return taken(message_id)
    return judged(Seen.UNNAMED, "an answer without a message id")


def smtp_reply(code: int, message_id: str) -> Outcome:
    """A mail server's answer about one recipient (RFC 5321, 4.2.1).

    421 in place of an answer to the whole mail is none: `transport.smtp` knows when it was said.
    """
    match code // 100:
        case 2 if code in _SMTP_TAKEN:
            return taken(message_id)
        case 4:
            return judged(Seen.PUT_OFF, f"SMTP {code}")
        case 5:
            return judged(Seen.REFUSED, f"SMTP {code}")
        case _:
            return judged(Seen.UNPROVEN, f"SMTP {code}")
