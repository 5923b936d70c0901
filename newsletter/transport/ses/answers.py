"""What boto3 raises, in the words of the outcome table.

What an error proves depends on whether the request was on the wire: before, nothing was accepted.
"""

from __future__ import annotations

from typing import Final

import botocore.exceptions as failures
import botocore.parsers

from newsletter.errors import AccountError, NewsletterError
from newsletter.outbox import Effect, Outcome, Result
from newsletter.outbox.verdicts import api_error, lost, not_sent, unreachable

#: What OpenSSL says while shaking hands, before a request is on the wire.
_HANDSHAKE: Final = (
    "CERTIFICATE_VERIFY_FAILED", "HANDSHAKE", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL",
    "UNKNOWN_PROTOCOL", "TLSV1_ALERT", "NO_PROTOCOLS",
)  # fmt: skip
#: No connection was made, so nothing was accepted.
_UNREACHABLE: Final = (
    failures.EndpointConnectionError,
    failures.ConnectTimeoutError,
    failures.ProxyConnectionError,
)
#: What the network does; said of a request that was not sent, it came of looking for credentials.
_NETWORK: Final = (failures.ConnectionError, failures.HTTPClientError)
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
        return unreachable(f"SES cannot be reached ({name})")
    if isinstance(error, failures.SSLError):
        handshake = any(word in str(error).upper() for word in _HANDSHAKE)
        reason = f"the encryption failed ({name})"
        return unreachable(reason) if handshake else lost(reason)
    return lost(f"no answer that can be read ({name})")


def unsent(error: Exception) -> Outcome:
    """What an error means when nothing has left: credentials, endpoint, our own request."""
    name = type(error).__name__
    if isinstance(error, _NETWORK):
        return unreachable(f"credentials cannot be fetched ({name})")
    if isinstance(error, failures.ClientError):
        # Of the service that gives credentials, not of SES.
        outcome = _judge(error)
        if outcome.result is Result.DEFERRED or outcome.result is Result.UNKNOWN:
            return unreachable(f"credentials cannot be fetched ({name})")
        return not_sent(outcome.reason, Effect.ABORT)
    return not_sent(f"AWS cannot be used ({name})", Effect.ABORT)


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
    if isinstance(error, failures.ClientError):
        code = str(error.response.get("Error", {}).get("Code", "an error"))
        return AccountError(
            "AWS refuses these credentials or this account",
            cause=code,
            hint="aws sts get-caller-identity shows who you are; newsletter settings the region",
        )
    if isinstance(error, _UNREACHABLE):
        return AccountError(
            "SES cannot be reached", cause=type(error).__name__, hint="look at network and region"
        )
    return AccountError(
        "AWS cannot be used from here",
        cause=type(error).__name__,
        hint="see that credentials are there (AWS_PROFILE, aws sso login, or a role)",
    )
