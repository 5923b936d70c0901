"""Amazon SES, one mail per request (SESv2 SendEmail with raw MIME).

boto3 sends again by itself what it cannot explain, and so sends twice; here every retry is off,
and what is not proven is said to be unknown. Connections idle for two seconds are not used again,
because a server that has closed one makes a mail unknown that never left.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.exceptions as failures
import botocore.parsers
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from newsletter.errors import AccountError, InputError, NewsletterError
from newsletter.message import Message
from newsletter.outbox import Effect, Outcome, Result
from newsletter.outbox.pace import SHARE
from newsletter.outbox.verdicts import api_error, api_success, lost, not_sent, unreachable

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60
_IDLE: Final = 2.0
_CONFIG: Final = Config(
    # Only total_max_attempts means what it says; max_attempts=1 still sends twice.
    retries={"total_max_attempts": 1, "mode": "standard"},
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=_READ_SECONDS,
)

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
_FAILURES: Final = (
    failures.BotoCoreError,
    failures.ClientError,
    botocore.parsers.ResponseParserError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What SES says of the account (GetAccount); its quotas count recipients.

    Attributes:
        rate: mails a second.
        day: mails in 24 hours, -1 for no limit.
        sent: mails of the last 24 hours.
        sandbox: whether only verified addresses may be mailed.
    """

    rate: float
    day: float
    sent: float
    sandbox: bool

    @property
    def left(self) -> int | None:
        """Mails left today, None where there is no limit."""
        return None if self.day < 0 else max(0, int(self.day - self.sent))


class SesTransport:
    """Hands each mail to SES; safe to share between threads.

    Args:
        region: from the settings, "" to look it up.
        profile: of AWS's own configuration, "" for the usual one.
        configuration_set: through which events come back, may be empty.
        max_rate: mails a second at most, None for what the account allows.
        environ: AWS_REGION counts here, though botocore ignores it.
        read_seconds: how long to wait for an answer.
        idle_seconds: after how long a connection is not used again.

    Raises:
        AccountError: no region, or a profile that does not exist.
        InputError: an endpoint that is no address.
    """

    name = "ses"
    rehearsal = False
    stamps = True

    def __init__(
        self,
        *,
        region: str,
        profile: str,
        configuration_set: str,
        max_rate: float | None,
        environ: Mapping[str, str],
        read_seconds: float = _READ_SECONDS,
        idle_seconds: float = _IDLE,
    ) -> None:
        self._max_rate = max_rate
        self._configuration_set = configuration_set
        try:
            self._session = boto3.Session(profile_name=profile or None)
            self.region, self.region_from = _region(region, environ, self._session)
            self._client: Any = self._session.client(
                "sesv2", region_name=self.region, config=_CONFIG
            )
        except failures.BotoCoreError as error:
            raise _account_error(error) from error
        except ValueError as error:
            raise InputError(
                "the endpoint of SES is not an address", hint="look at AWS_ENDPOINT_URL_SESV2"
            ) from error
        self._wire = _Wire(environ.get("AWS_CA_BUNDLE") or True, read_seconds, idle_seconds)
        self._client.meta.events.register("before-send.sesv2.SendEmail", self._wire.send)

    def describe(self) -> str:
        """Where mail goes: account, region and its origin, rate and what is left of the day."""
        account = self.account
        left = "no daily limit" if account.left is None else f"{account.left:,} mails left today"
        sandbox = ", sandbox: verified addresses only" if account.sandbox else ""
        return (
            f"Amazon SES, account ...{self._number()}, {self.region} (from {self.region_from}), "
            f"{account.rate:g} mails/s, {left}{sandbox}"
        )

    def begin(self, issue: int) -> None:
        """Nothing to do before a run; the account was asked for when it was described."""

    def close(self) -> None:
        """Hang up; call it when nothing is in flight."""
        self._wire.close()

    def rate(self) -> float:
        """Mails a second: a little under the account's, or what the settings allow."""
        allowed = self.account.rate * SHARE
        return min(allowed, self._max_rate) if self._max_rate else allowed

    @functools.cached_property
    def account(self) -> Account:
        """The account as it was when first asked for.

        Raises:
            AccountError: see `read_account`.
        """
        return self.read_account()

    def read_account(self) -> Account:
        """Ask SES for the account's limits.

        Raises:
            AccountError: credentials, network, or sending is switched off for the account.
        """
        try:
            answer = self._client.get_account()
            if not answer.get("SendingEnabled", True):
                raise AccountError(
                    "sending is switched off for this SES account",
                    hint="the SES console says why, under Account dashboard",
                )
            quota = answer["SendQuota"]
            if quota["MaxSendRate"] <= 0:
                raise AccountError("this SES account may send no mail (MaxSendRate is 0)")
            return Account(
                rate=quota["MaxSendRate"],
                day=quota["Max24HourSend"],
                sent=quota["SentLast24Hours"],
                sandbox=not answer.get("ProductionAccessEnabled", True),
            )
        except _FAILURES as error:
            raise _account_error(error) from error
        except KeyError as error:
            raise AccountError(
                "SES does not tell this account's limits", hint="see that the region is right"
            ) from error
        finally:
            # Asked once; mails leave by wires of their own.
            self._client.close()

    def deliver(self, message: Message) -> Outcome:
        """Hand over one mail in one request, never more; whatever is raised is an outcome."""
        self._wire.forget()
        try:
            answer = self._client.send_email(**self._request(message))
        except Exception as error:  # noqa: BLE001  # boto3 lets what lies beneath it through
            return _sent(error) if self._wire.used() else _unsent(error)
        return api_success(answer.get("MessageId"))

    def _request(self, message: Message) -> dict[str, Any]:
        tags = {"delivery": f"{message.issue}-{message.position}", "attempt": str(message.attempt)}
        request: dict[str, Any] = {
            "FromEmailAddress": message.sender,
            "Destination": {"ToAddresses": [message.to]},
            "Content": {"Raw": {"Data": message.data}},
            "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        return request

    def _number(self) -> str:
        """The last four digits of the AWS account, "????" where STS does not tell."""
        try:
            sts = self._session.client("sts", region_name=self.region, config=_CONFIG)
            with contextlib.closing(sts):
                return str(sts.get_caller_identity()["Account"])[-4:]
        except (*_FAILURES, KeyError, ValueError):
            return "????"


class _Wire:
    """Sends requests on connections of the thread's own, none idle for long.

    It knows whether a thread's request came as far as here: before, nothing can have left.
    """

    def __init__(self, verify: Any, read_seconds: float, idle_seconds: float) -> None:  # noqa: ANN401  # True, or a bundle's path
        self._verify = verify
        # botocore's stubs know one number; the client itself passes a pair.
        self._seconds: Any = (_CONNECT_SECONDS, read_seconds)
        self._idle = idle_seconds
        self._own = threading.local()
        self._all: list[URLLib3Session] = []

    def forget(self) -> None:
        """Begin a delivery: this thread has sent nothing yet."""
        self._own.sent = False

    def used(self) -> bool:
        """Whether this thread has sent a request, or begun to, since `forget`."""
        return bool(self._own.sent)

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Send one request; botocore's `before-send` event takes the answer as its own."""
        session = self._fresh(request.url)
        self._own.sent = True
        try:
            return session.send(request)
        finally:
            self._own.at = time.monotonic()

    def close(self) -> None:
        """Hang up, for every thread."""
        for session in self._all:
            session.close()

    def _fresh(self, url: str) -> URLLib3Session:
        session: URLLib3Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = URLLib3Session(
                verify=self._verify,
                proxies=get_environ_proxies(url),
                timeout=self._seconds,
                max_pool_connections=1,
            )
            self._all.append(session)
        elif time.monotonic() - self._own.at > self._idle:
            session.close()
        return session


def _region(chosen: str, environ: Mapping[str, str], session: boto3.Session) -> tuple[str, str]:
    """The region and where it came from."""
    candidates = (
        (chosen, "the settings"),
        (environ.get("AWS_REGION", ""), "AWS_REGION"),
        (environ.get("AWS_DEFAULT_REGION", ""), "AWS_DEFAULT_REGION"),
        (session.region_name or "", "the profile"),
    )
    for region, origin in candidates:
        if region:
            return region, origin
    raise AccountError("no AWS region is named", hint="set transport.ses.region")


def _sent(error: Exception) -> Outcome:
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


def _unsent(error: Exception) -> Outcome:
    """What an error means when nothing has left: credentials, endpoint, our own request."""
    name = type(error).__name__
    if isinstance(error, failures.ParamValidationError):
        return not_sent(f"the request is malformed ({name})", Effect.REJECT)
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


def _account_error(error: Exception) -> NewsletterError:
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
