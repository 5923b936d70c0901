"""What boto3 raises, in the words of the outcome table.

What an error proves depends on whether the request was on the wire: before, nothing was accepted.
"""

from __future__ import annotations

from typing import Final

import botocore.exceptions as failures
import botocore.parsers

from newsletter.errors import AccountError, NewsletterError
from newsletter.outbox import Outcome, Result
from newsletter.outbox.verdicts import Seen, api_error, judged

#: What OpenSSL and urllib3 say while shaking hands, before a request is on the wire.
_HANDSHAKE: Final = (
    "CERTIFICATE_VERIFY_FAILED", "HANDSHAKE", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL",
    "UNKNOWN_PROTOCOL", "TLSV1_ALERT", "NO_PROTOCOLS", "DOESN'T MATCH", "SUBJECTALTNAME",
)  # fmt: skip
#: No connection was made, so nothing was accepted.
_UNREACHABLE: Final = (
    failures.EndpointConnectionError,
    failures.ConnectTimeoutError,
    failures.ProxyConnectionError,
)
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


def sent(error: Exception) -> Outcome:
    """What an error means when the request was on the wire, or on its way to it."""
    name = type(error).__name__
    if isinstance(error, failures.ClientError):
        return _judge(error)
    if isinstance(error, _UNREACHABLE):
        return judged(Seen.UNREACHABLE, f"SES cannot be reached ({name})")
    if isinstance(error, failures.SSLError):
        handshake = any(word in str(error).upper() for word in _HANDSHAKE)
        seen = Seen.UNREACHABLE if handshake else Seen.UNPROVEN
        return judged(seen, f"the encryption failed ({name})")
    return judged(Seen.UNPROVEN, f"no answer that can be read ({name})")


def unsent(error: Exception) -> Outcome:
    """What an error means when nothing has left: credentials, endpoint, our own request."""
    name = type(error).__name__
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
    return api_error(
        str(about.get("Code", "")),
        int(metadata.get("HTTPStatusCode", 0)),
        str(about.get("Message", "")),
    )


def account_error(error: Exception) -> NewsletterError:
    """What is wrong for every mail, in a sentence; the cause never holds a key."""
    name = type(error).__name__
    if isinstance(error, failures.ClientError):
        outcome = _judge(error)
        if outcome.result is Result.DEFERRED or outcome.result is Result.UNKNOWN:
            return AccountError(
                "SES does not tell this account's limits now",
                cause=outcome.reason,
                hint="run the same command again in a minute",
            )
        return AccountError(
            "AWS refuses these credentials or this account",
            cause=outcome.reason,
            hint="aws sts get-caller-identity shows who you are; newsletter settings the region",
        )
    if isinstance(error, (*_NETWORK, failures.SSLError)):
        return AccountError(
            "SES cannot be reached", cause=name, hint="look at network, proxy and region"
        )
    if isinstance(error, botocore.parsers.ResponseParserError):
        return AccountError(
            "what answers there is not SES", cause=name, hint="look at AWS_ENDPOINT_URL_SESV2"
        )
    return AccountError(
        "AWS cannot be used from here",
        cause=name,
        hint="see that credentials are there (AWS_PROFILE, aws sso login, or a role)",
    )
