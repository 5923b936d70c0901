"""AWS's control plane: what is there is looked at, what is wanted is written, gently."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import boto3
import botocore.exceptions as failures
from botocore.config import Config

from newsletter import __version__, clocks
from newsletter.errors import AccountError, InputError
from newsletter.ses.account import account_error
from newsletter.ses.client import find_region
from newsletter.ses.outcomes import FAILURES

#: SES takes one request of this kind a second (SESv2 reference, "Throttling").
SES_SECONDS: Final = 1.05
#: Every request here may be repeated: what is there already is not made twice.
_ATTEMPTS: Final = 5
_PATIENCE: Final = 30.0
_SERVICES: Final = ("sesv2", "sqs", "sns", "iam")
_SQS: Final = "AWS.SimpleQueueService."
_ABSENT: Final = frozenset(
    {
        "NotFoundException",
        "NotFound",
        "NoSuchEntity",
        "QueueDoesNotExist",
        "NonExistentQueue",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)
_PRESENT: Final = frozenset(
    {"AlreadyExistsException", "EntityAlreadyExists", "QueueNameExists", "QueueAlreadyExists"}
)
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException",
     "NotAuthorized", "UnauthorizedOperation"}
)  # fmt: skip
_THROTTLED: Final = re.compile("Throttl|TooManyRequests|RequestLimit|LimitExceeded|Timeout")
#: SQS gives the name of a queue free only a minute after that was deleted.
_LOCKED_NAME: Final = "QueueDeletedRecently"


class DeniedError(Exception):
    """These credentials lack a right.

    Attributes:
        action: it, as a policy names it, such as "ses:GetEmailIdentity".
    """

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


class NotNowError(Exception):
    """AWS refused for now; the same may be taken in a moment.

    Attributes:
        action: what was asked, as a policy names it.
        code: AWS's name of the error.
        deleted_recently: whether a name is locked for a minute.
        for_good: whether the same will be refused again.
    """

    def __init__(self, action: str, code: str, *, for_good: bool) -> None:
        super().__init__(f"{action}: {code}")
        self.action = action
        self.code = code
        self.for_good = for_good
        self.deleted_recently = code == _LOCKED_NAME


class ControlPlane:
    """Looks are remembered until something is written; looking is safe between threads.

    Args:
        region: from the settings, "" to look it up.
        profile: of AWS's own configuration, "" for the usual one.
        environ: AWS_REGION counts here, though botocore ignores it.
        sleep: waits so many seconds; tests have one of their own.
        patience: seconds for a connection, and again for an answer; whoever has less than the usual
            does not try again.

    Raises:
        AccountError: a profile that does not exist.
        InputError: no region, or an endpoint that is no address.
    """

    def __init__(
        self,
        *,
        region: str,
        profile: str,
        environ: Mapping[str, str],
        sleep: Callable[[float], None],
        patience: float = _PATIENCE,
    ) -> None:
        self.sleep = sleep
        self._seen: dict[str, dict[str, Any] | None] = {}
        self._clients: dict[str, Any] = {}
        self._next = 0.0
        self._turns = threading.Lock()
        config = Config(
            retries={
                "total_max_attempts": 1 if patience < _PATIENCE else _ATTEMPTS, "mode": "standard",
            },
            connect_timeout=patience, read_timeout=patience, user_agent=f"newsletter/{__version__}",
        )  # fmt: skip
        try:
            session = boto3.Session(profile_name=profile or None)
            self.region, _ = find_region(region, environ, session)
            self.partition = session.get_partition_for_region(self.region)
            for name in _SERVICES:
                self._clients[name] = session.client(name, region_name=self.region, config=config)
        except failures.BotoCoreError as error:
            raise account_error(error) from error
        except ValueError as error:
            raise InputError(
                "an endpoint of AWS is not an address", hint="look at AWS_ENDPOINT_URL"
            ) from error

    def close(self) -> None:
        """Hang up."""
        for client in self._clients.values():
            client.close()

    def read(self, service: str, operation: str, **asked: object) -> dict[str, Any] | None:
        """Look at something, None where it is not there.

        Raises:
            DeniedError: these credentials may not.
            AccountError: AWS cannot be used.
        """
        key = repr((service, operation, sorted(asked.items())))
        if key not in self._seen:
            try:
                self._seen[key] = self._call(service, operation, asked)
            except NotNowError as refused:
                raise _failed(refused) from refused
        return self._seen[key]

    def write(self, service: str, operation: str, **asked: object) -> None:
        """Make, change or delete something; what is so already is no fault.

        Raises:
            DeniedError: these credentials may not.
            NotNowError: AWS refuses; a moment later it may not.
            AccountError: AWS cannot be used.
        """
        self._seen.clear()
        self._call(service, operation, asked)

    def forget(self) -> None:
        """Look anew from now on."""
        self._seen.clear()

    def _call(
        self, service: str, operation: str, asked: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        client = self._clients[service]
        if service == "sesv2":
            self._take_turn()
        try:
            answer: dict[str, Any] = getattr(client, operation)(**asked)
        except failures.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "")).removeprefix(_SQS)
            if code in _ABSENT | _PRESENT:
                return None
            name = client.meta.method_to_api_mapping[operation]
            action = f"{service.removesuffix('v2')}:{name}"
            if code in _DENIED:
                raise DeniedError(action) from error
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status in {401, 403}:
                raise account_error(error) from error
            for_good = status == HTTPStatus.BAD_REQUEST and not _THROTTLED.search(code)
            raise NotNowError(action, code, for_good=for_good) from error
        except FAILURES as error:
            raise account_error(error, service.removesuffix("v2").upper()) from error
        finally:
            if service == "sesv2":
                # From the answer on: when a request arrived is not known here, and it may be late.
                with self._turns:
                    self._next = max(self._next, clocks.seconds() + SES_SECONDS)
        return answer

    def _take_turn(self) -> None:
        with self._turns:
            now = clocks.seconds()
            mine = max(now, self._next)
            self._next = mine + SES_SECONDS
        if mine > now:
            self.sleep(mine - now)


def _failed(refused: NotNowError) -> AccountError:
    if refused.for_good:
        return AccountError(
            f"AWS makes no sense of {refused.action}",
            cause=refused.code,
            hint="newsletter settings shows the names and the region that are asked for",
        )
    return AccountError(
        f"AWS does not answer {refused.action}",
        cause=refused.code,
        hint="run the same command again in a minute",
    )
