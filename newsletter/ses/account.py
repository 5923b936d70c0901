"""What SES says of the account (GetAccount), and why it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import botocore.exceptions as failures
import botocore.parsers

from newsletter.delivery import Outcome, Result
from newsletter.errors import AccountError, NewsletterError
from newsletter.ses.connection import NotConnectedError
from newsletter.ses.http1 import ClosedError, HttpResponse, MalformedResponseError
from newsletter.ses.outcomes import CLOCK, NETWORK, client_error, error_code, outcome_of, why

#: No account sends more a second, or a day; what is above is no number of SES's.
_MOST: Final = 1e9
_SERVER: Final = 500
#: Max24HourSend where the day has no limit.
_UNLIMITED: Final = -1


#: Mails a second. The slowest accounts, those in the sandbox, may send one; a pace far below would
#: keep the next mail waiting for days.
_SLOWEST: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account's limits; its quotas count recipients.

    Attributes:
        rate: mails a second.
        day: mails in 24 hours, -1 for no limit.
        sent: mails of the last 24 hours.
        sandbox: whether only verified addresses may be mailed.
        standing: what SES thinks of the account: HEALTHY, PROBATION or SHUTDOWN.
    """

    rate: float
    day: float
    sent: float
    sandbox: bool
    standing: str = "HEALTHY"

    @property
    def left(self) -> int | None:
        """Mails left today, None where there is no limit."""
        return None if self.day < 0 else max(0, int(self.day - self.sent))


def read_account(content: Mapping[str, Any]) -> Account:
    """The account from GetAccount's answer.

    Args:
        content: the answer's JSON object, as it came.

    Raises:
        AccountError: sending is switched off, or the limits are not told.
    """
    if not _switch(content, "SendingEnabled"):
        raise AccountError(
            "sending is switched off for this SES account",
            hint="the SES console says why, under Account dashboard",
        )
    quota = content.get("SendQuota")
    if not isinstance(quota, Mapping):
        raise _unreported("SendQuota")
    rate = _number(quota, "MaxSendRate")
    if not rate:
        raise AccountError("this SES account may send no mail (MaxSendRate is 0)")
    if rate < _SLOWEST:
        raise _unreported("MaxSendRate")
    unlimited = quota.get("Max24HourSend") == _UNLIMITED
    return Account(
        rate=rate,
        day=_UNLIMITED if unlimited else _number(quota, "Max24HourSend"),
        sent=_number(quota, "SentLast24Hours"),
        sandbox=not _switch(content, "ProductionAccessEnabled"),
        standing=str(content.get("EnforcementStatus") or "HEALTHY"),
    )


def _switch(content: Mapping[str, Any], name: str) -> bool:
    value = content.get(name, True)
    if not isinstance(value, bool):
        raise _unreported(name)
    return value


def _number(quota: Mapping[str, Any], name: str) -> float:
    value = quota.get(name)
    # A comparison with NaN is false, and a bool is no number here.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise _unreported(name)
    return float(value)


def _unreported(name: str) -> NewsletterError:
    return AccountError(
        "SES does not tell this account's limits",
        cause=f"{name} is missing or makes no sense",
        hint="see that the region is right",
    )


def account_error(error: Exception, service: str = "SES") -> NewsletterError:
    """What is wrong for every mail, in a sentence; the cause never holds a key.

    Args:
        error: what boto3 raised, or the wire.
        service: whom it was asked, as people call it.
    """
    name = type(error).__name__
    if isinstance(error, failures.ClientError):
        return _refused(client_error(error))
    if isinstance(error, NotConnectedError):
        return _unreachable(str(error), service)
    if isinstance(error, (*NETWORK, failures.SSLError)):
        return _unreachable(name, service)
    if isinstance(error, (OSError, ClosedError)):
        return _unreachable(why(error), service)
    if isinstance(error, (botocore.parsers.ResponseParserError, MalformedResponseError)):
        return _no_ses(name, service)
    return AccountError(
        "AWS cannot be used from here",
        cause=name,
        hint="see that credentials are there (AWS_PROFILE, aws sso login, or a role)",
    )


def account_refused(answer: HttpResponse) -> NewsletterError:
    """Why SES did not answer for the account with a 200."""
    if answer.status < HTTPStatus.OK or not (error_code(answer) or answer.status >= _SERVER):
        return _no_ses(f"HTTP {answer.status}")
    return _refused(outcome_of(answer))


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


def _unreachable(cause: str, service: str) -> NewsletterError:
    told = f"{service} cannot be reached"
    if cause.startswith(f"{told} ("):
        cause = cause.removeprefix(f"{told} (").removesuffix(")")
    return AccountError(told, cause=cause, hint="look at network, proxy and region")


def _no_ses(cause: str, service: str = "SES") -> NewsletterError:
    name = "SESV2" if service == "SES" else service
    return AccountError(
        f"what answers there is not {service}",
        cause=cause,
        hint=f"look at the proxy, and at AWS_ENDPOINT_URL_{name}",
    )
