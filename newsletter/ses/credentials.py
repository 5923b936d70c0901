"""Who we are to AWS, asked of STS."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
from botocore.config import Config

from newsletter import __version__, clocks
from newsletter.errors import AccountError, InputError
from newsletter.ses.account import account_error
from newsletter.ses.client import find_region
from newsletter.ses.outcomes import FAILURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose credentials these are.

    Attributes:
        account: the AWS account, 12 digits.
        root: whether they are the account's own, which may do everything.
        source: where botocore found them, such as "env" or "shared-credentials-file".
        ahead: how far our clock is before AWS's, None where its answer has no date.
    """

    account: str
    root: bool
    source: str
    ahead: dt.timedelta | None


def ask_caller(*, region: str, profile: str, environ: Mapping[str, str], seconds: float) -> Caller:
    """Ask AWS who we are; needs no right at all.

    Args:
        region: from the settings, "" to look it up.
        profile: of AWS's own configuration, "" for the usual one.
        environ: AWS_REGION counts here, though botocore ignores it.
        seconds: to connect, and again to answer.

    Raises:
        AccountError: no such profile, no credentials, or AWS does not take them.
        InputError: no region, or an endpoint that is no address.
    """
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=seconds,
        read_timeout=seconds, user_agent=f"newsletter/{__version__}",
    )  # fmt: skip
    try:
        session = boto3.Session(profile_name=profile or None)
        name, _ = find_region(region, environ, session)
        found = session.get_credentials()
        if found is None:
            raise AccountError(
                "there are no AWS credentials here",
                hint="give this machine a role, or set AWS_PROFILE or transport.ses.profile",
            )
        client: Any = session.client("sts", region_name=name, config=config)
        with contextlib.closing(client):
            told = client.get_caller_identity()
    except FAILURES as error:
        raise account_error(error, "STS") from error
    except ValueError as error:
        raise InputError(
            "the endpoint of STS is not an address", hint="look at AWS_ENDPOINT_URL_STS"
        ) from error
    return Caller(
        account=str(told["Account"]),
        root=str(told["Arn"]).endswith(":root"),
        source=found.method,
        ahead=_ahead(told["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")),
    )


def _ahead(date: str) -> dt.timedelta | None:
    try:
        return clocks.now() - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
