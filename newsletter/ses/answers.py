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
from newsletter.delivery.outcomes import CLOCK, Seen, api_error, api_success, judged
from newsletter.errors import AccountError, NewsletterError
from newsletter.ses.connection import UnreachableError
from newsletter.ses.http1 import Answer, ClosedError, MalformedAnswerError
from newsletter.ses.wire import REQUEST_ID

#: What the network does; said of a request that was not sent, it came of looking for credentials.
_NETWORK: Final = (failures.ConnectionError, failures.HTTPClientError)
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
_OK: Final = 200


def judge(answer: Answer) -> Outcome:
    """What an answer to SendEmail means."""
    if answer.status == _OK:
        named = _REQUEST_ID.fullmatch(answer.header(REQUEST_ID))
        return api_success(read(answer).get("MessageId") if named else None)
    return api_error(error_code(answer), answer.status, _text(answer))


def read(answer: Answer) -> dict[str, Any]:
    """The JSON object an answer is; {} where it is anything else."""
    if not answer.whole:
        return {}
    try:
        content = json.loads(answer.body.decode())
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def error_code(answer: Answer) -> str:
    """The name SES gave its error (AWS restJson1, "Operation error serialization").

    "" where SES did not write the answer: it lacks AWS's request id, or an error's name, or two
    names stand in it.
    """
    if not answer.whole or not _REQUEST_ID.fullmatch(answer.header(REQUEST_ID)):
        return ""
    content = read(answer)
    named = {value for name, value in answer.headers if name == "x-amzn-errortype"}
    found = {_bare(name) for name in (*named, content.get("__type"), content.get("code")) if name}
    return found.pop() if len(found) == 1 else ""


def _bare(name: object) -> str:
    """An error's name without the namespace before it and the address behind it."""
    return name.partition(":")[0].rpartition("#")[2].strip() if isinstance(name, str) else ""


def _text(answer: Answer) -> str:
    content = read(answer)
    text = content.get("message") or content.get("Message")
    return text if isinstance(text, str) else ""


def sent(error: Exception) -> Outcome:
    """What an error means once a byte of the request may have left: nothing is proven."""
    return judged(Seen.UNPROVEN, f"no answer that can be read ({_why(error)})")


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it took too long"
        case ClosedError():
            return "the connection was closed"
        case ConnectionError():
            return "the connection broke"
        case MalformedAnswerError():
            return str(error)
        case _:
            return type(error).__name__


def unsent(error: Exception) -> Outcome:
    """What an error means when nothing has left: network, credentials, our own request."""
    name = type(error).__name__
    if isinstance(error, UnreachableError):
        return judged(Seen.UNREACHABLE, str(error))
    if isinstance(error, _NETWORK):
        return judged(Seen.UNREACHABLE, f"credentials cannot be fetched ({name})")
    if isinstance(error, failures.ClientError):
        # Of the service that gives credentials, not of SES.
        outcome = _judge(error)
        if outcome.result is Result.DEFERRED or outcome.result is Result.UNKNOWN:
            return judged(Seen.UNREACHABLE, f"credentials cannot be fetched ({name})")
        return judged(Seen.EVERYBODY, outcome.reason)
    if isinstance(error, _MALFORMED):
        return judged(Seen.MALFORMED, f"the request is malformed ({name})")
    return judged(Seen.EVERYBODY, f"AWS cannot be used ({name})")


def _judge(error: failures.ClientError) -> Outcome:
    answer = error.response
    about, metadata = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, status = str(about.get("Code", "")), int(metadata.get("HTTPStatusCode", 0))
    # botocore names an error without a name by its status.
    return api_error("" if code == str(status) else code, status, str(about.get("Message", "")))


def account_error(error: Exception) -> NewsletterError:
    """What is wrong for every mail, in a sentence; the cause never holds a key."""
    name = type(error).__name__
    if isinstance(error, failures.ClientError):
        return _refused(_judge(error))
    if isinstance(error, UnreachableError):
        return _unreachable(str(error))
    if isinstance(error, (*_NETWORK, failures.SSLError)):
        return _unreachable(name)
    if isinstance(error, (OSError, ClosedError)):
        return _unreachable(_why(error))
    if isinstance(error, (botocore.parsers.ResponseParserError, MalformedAnswerError)):
        return _no_ses(name)
    return AccountError(
        "AWS cannot be used from here",
        cause=name,
        hint="see that credentials are there (AWS_PROFILE, aws sso login, or a role)",
    )


def account_refused(answer: Answer) -> NewsletterError:
    """Why SES did not answer for the account with a 200."""
    if answer.status < _OK or (not error_code(answer) and not answer.status >= 500):  # noqa: PLR2004
        return _no_ses(f"HTTP {answer.status}")
    return _refused(judge(answer))


def _refused(outcome: Outcome) -> NewsletterError:
    if outcome.result is Result.DEFERRED or outcome.result is Result.UNKNOWN:
        return AccountError(
            "SES does not tell this account's limits now",
            cause=outcome.reason,
            hint="run the same command again in a minute",
        )
    if outcome.reason.startswith(CLOCK):
        return AccountError(
            CLOCK,
            cause=outcome.reason,
            hint="set it by the network (timedatectl set-ntp true), then run the command again",
        )
    return AccountError(
        "AWS refuses these credentials or this account",
        cause=outcome.reason,
        hint="aws sts get-caller-identity shows who you are; newsletter settings the region",
    )


def _unreachable(why: str) -> NewsletterError:
    return AccountError(
        "SES cannot be reached", cause=why, hint="look at network, proxy and region"
    )


def _no_ses(why: str) -> NewsletterError:
    return AccountError(
        "what answers there is not SES",
        cause=why,
        hint="look at the proxy, and at AWS_ENDPOINT_URL_SESV2",
    )
