"""What SES answers and what boto3 raises, in the words of the outcome table.

Proof is a fact of the wire: before the first byte of a request nothing can have been accepted,
whatever is raised; after it only an answer that SES itself wrote tells anything. The kind of an
exception chooses the words that a person reads, and what the run does about it; never what is
proven.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import botocore.exceptions as failures
import botocore.parsers

from newsletter.delivery import Outcome, Result
from newsletter.delivery.outcomes import Verdict, accepted_as, judged
from newsletter.ses.connection import NotConnectedError
from newsletter.ses.http1 import ClosedError, HttpResponse, MalformedResponseError
from newsletter.ses.wire import REQUEST_ID

#: What the network does; said of a request that was not sent, it came of looking for credentials.
NETWORK: Final = (failures.ConnectionError, failures.HTTPClientError)
#: Our own request's fault.
_MALFORMED: Final = (
    failures.MissingParametersError,
    failures.ParamValidationError,
    failures.ValidationError,
)
#: What boto3 raises besides; its parser's own error is no BotoCoreError.
FAILURES: Final = (
    failures.BotoCoreError,
    failures.ClientError,
    botocore.parsers.ResponseParserError,
)
#: How AWS names an answer; whatever else answers in its place has no such name.
_REQUEST_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
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

_OK: Final = 200
_BAD_REQUEST: Final = 400
_TIMEOUT: Final = 408
_TOO_MANY: Final = 429
_SERVER: Final = 500


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
        return judged(Verdict.UNPROVEN, f"HTTP {status} {code}".rstrip())
    if not code:
        return judged(Verdict.UNPROVEN, f"HTTP {status}, not from SES")
    if _THROTTLES.search(code) or status == _TOO_MANY:
        if _DAILY.search(text):
            return judged(Verdict.QUOTA, "the day's quota is used up")
        return judged(Verdict.THROTTLED, code)
    if words := _FOR_EVERYBODY.get(code):
        if "ignature" in code and _SKEWED.search(text):
            words = _FOR_EVERYBODY["RequestExpired"]
        return judged(Verdict.FATAL, f"{words} ({code})")
    if is_unverified(text):
        return judged(Verdict.FATAL, f"an address is not verified, as in the sandbox ({code})")
    # What SES has against one mail is always a 400; another status comes of where it was sent.
    return judged(Verdict.REFUSED if status == _BAD_REQUEST else Verdict.FATAL, code)


def api_success(message_id: object) -> Outcome:
    """SES said 200; without a name for the mail nobody can say what it did.

    Args:
        message_id: whatever stood in its place.
    """
    if isinstance(message_id, str) and _MESSAGE_ID.fullmatch(message_id):
        return accepted_as(message_id)
    return judged(Verdict.UNNAMED, "an answer without a message id")


def outcome_of(answer: HttpResponse) -> Outcome:
    """What an answer to SendEmail means, or a refusal of any request."""
    if answer.status == _OK:
        return api_success(read(answer).get("MessageId") if named(answer) else None)
    return api_error(error_code(answer), answer.status, _text(answer))


def named(answer: HttpResponse) -> bool:
    """Whether AWS has named an answer; what else answers in its place has no such name."""
    return _REQUEST_ID.fullmatch(answer.header(REQUEST_ID)) is not None


def is_unverified(text: str) -> bool:
    """Whether an error says that an address is not verified."""
    return _UNVERIFIED.search(text) is not None


def read(answer: HttpResponse) -> dict[str, Any]:
    """The JSON object an answer is; {} where it is anything else."""
    if not answer.whole:
        return {}
    try:
        content = json.loads(answer.body.decode())
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def error_code(answer: HttpResponse) -> str:
    """The name SES gave its error (AWS restJson1, "Operation error serialization").

    "" where SES did not write the answer: it lacks AWS's request id, or an error's name, or two
    names stand in it.
    """
    if not answer.whole or not named(answer):
        return ""
    content = read(answer)
    told = {value for name, value in answer.headers if name == "x-amzn-errortype"}
    found = {_bare(name) for name in (*told, content.get("__type"), content.get("code")) if name}
    return found.pop() if len(found) == 1 else ""


def _bare(name: object) -> str:
    """An error's name without the namespace before it and the address behind it."""
    return name.partition(":")[0].rpartition("#")[2].strip() if isinstance(name, str) else ""


def _text(answer: HttpResponse) -> str:
    content = read(answer)
    text = content.get("message") or content.get("Message")
    return text if isinstance(text, str) else ""


def failed_after_request(error: Exception) -> Outcome:
    """What an error means once a byte of the request may have left: nothing is proven."""
    return judged(Verdict.UNPROVEN, f"no answer that can be read ({why(error)})")


def why(error: Exception) -> str:
    """What happened, in words that hold no secret."""
    match error:
        case TimeoutError():
            return "it took too long"
        case ClosedError():
            return "the connection was closed"
        case ConnectionError():
            return "the connection broke"
        case MalformedResponseError():
            return str(error)
        case _:
            return type(error).__name__


def failed_before_request(error: Exception) -> Outcome:
    """What an error means when nothing has left: network, credentials, our own request."""
    name = type(error).__name__
    if isinstance(error, NotConnectedError):
        return judged(Verdict.UNREACHABLE, str(error))
    if isinstance(error, NETWORK):
        return judged(Verdict.UNREACHABLE, f"credentials cannot be fetched ({name})")
    if isinstance(error, failures.ClientError):
        # Of the service that gives credentials, not of SES.
        outcome = client_error(error)
        if outcome.result is Result.DEFERRED or outcome.result is Result.UNKNOWN:
            return judged(Verdict.UNREACHABLE, f"credentials cannot be fetched ({name})")
        return judged(Verdict.FATAL, outcome.reason)
    if isinstance(error, _MALFORMED):
        return judged(Verdict.MALFORMED, f"the request is malformed ({name})")
    return judged(Verdict.FATAL, f"AWS cannot be used ({name})")


def client_error(error: failures.ClientError) -> Outcome:
    """What an error means that botocore read from an answer."""
    answer = error.response
    about, metadata = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, status = str(about.get("Code", "")), int(metadata.get("HTTPStatusCode", 0))
    # botocore names an error without a name by its status.
    return api_error("" if code == str(status) else code, status, str(about.get("Message", "")))
