"""The way to Amazon SES: the account asked, mails handed over, nothing sent twice.

boto3 sends again by itself what it cannot explain, and so sends twice; here every retry is off,
requests go over a wire of our own that writes each one once and records whether it has begun to,
and what is not proven is said to be unknown. Connections idle for two seconds are not used again,
because a server that has closed one makes a mail unknown that never left.

A request's body is written by us and put in just before botocore signs it: its own checks and
JSON writer cost more than a third of all the time a mail takes. Credentials, endpoint and signature
stay botocore's; the endpoint is asked of it once (`pattern`).
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.exceptions as failures
import botocore.session
from botocore.config import Config
from botocore.validate import ParamValidator

from newsletter import __version__
from newsletter.delivery import Allowance, Outcome
from newsletter.delivery.bulk import HandOver, MayHandOver, held_back
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.delivery.pace import SHARE
from newsletter.errors import InputError
from newsletter.feedback import is_account
from newsletter.message import Message
from newsletter.message.merge import MergeMail, MergeTemplate
from newsletter.ses import bulk, single
from newsletter.ses.account import Account, account_error, account_refused, read_account
from newsletter.ses.outcomes import (
    failed_after_request,
    failed_before_request,
    outcome_of,
    read,
)
from newsletter.ses.pattern import RequestPattern, pattern_of
from newsletter.ses.recent import RecentNames
from newsletter.ses.wire import CONNECT_SECONDS, Wire, response

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse

    from newsletter.ses.http1 import HttpResponse

_READ_SECONDS: Final = 60
_IDLE: Final = 2.0
#: How many of SES's names for mails are known again, should an answer be handed out twice.
_MAILS: Final = 20_000
_CONFIG: Final = Config(
    # Only total_max_attempts means what it says; max_attempts=1 still sends twice.
    retries={"total_max_attempts": 1, "mode": "standard"},
    connect_timeout=CONNECT_SECONDS,
    read_timeout=_READ_SECONDS,
    # What botocore would look at is empty; the first real request is looked at below.
    parameter_validation=False,
    # Composing its own takes botocore longer than signing.
    user_agent=f"newsletter/{__version__}",
)


class SesTransport:
    """Hands mails to SES, one by one or in bulk; safe to share between threads.

    Args:
        region: from the settings, "" to look it up.
        profile: of AWS's own configuration, "" for the usual one.
        configuration_set: through which events come back, may be empty.
        max_rate: mails a second at most, None for what the account allows.
        bulk_wanted: whether a run's mails are to leave in bulk.
        environ: AWS_REGION counts here, though botocore ignores it.
        read_seconds: how long to wait for a whole answer, from the first byte of the request.
        idle_seconds: after how long a connection is not used again.
        connect_seconds: how long to wait for a connection, with proxy and TLS.

    Raises:
        AccountError: a profile that does not exist.
        InputError: no region, or an endpoint that is no address.
    """

    name = "ses"
    rehearsal = False
    stamps = True
    most = bulk.MOST

    def __init__(
        self,
        *,
        region: str,
        profile: str,
        configuration_set: str,
        max_rate: float | None,
        environ: Mapping[str, str],
        bulk_wanted: bool = False,
        read_seconds: float = _READ_SECONDS,
        idle_seconds: float = _IDLE,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._max_rate = max_rate
        self.bulk_wanted = bulk_wanted
        self._configuration_set = configuration_set
        try:
            # boto3 offers no way to its own session's settings.
            settings = botocore.session.Session()
            self._session = boto3.Session(botocore_session=settings, profile_name=profile or None)
            self.region, self.region_from = find_region(region, environ, self._session)
            self._client: Any = self._session.client(
                "sesv2", region_name=self.region, config=_CONFIG
            )
        except failures.BotoCoreError as error:
            raise account_error(error) from error
        except ValueError as error:
            raise InputError(
                "the endpoint of SES is not an address", hint="look at AWS_ENDPOINT_URL_SESV2"
            ) from error
        bundle = environ.get("AWS_CA_BUNDLE") or settings.get_config_variable("ca_bundle") or ""
        self._wire = Wire(bundle, read_seconds, idle_seconds, connect_seconds)
        self._bodies = threading.local()
        self._account: Account | None = None
        self._caller = ""
        self._validated: set[str] = set()
        self._patterns: dict[str, RequestPattern | None] = {}
        self._mails = RecentNames(_MAILS)
        events = self._client.meta.events
        for operation in (single.OPERATION, bulk.OPERATION):
            events.register(f"before-call.sesv2.{operation}", self._put_body)
            events.register(f"before-sign.sesv2.{operation}", self._note_pattern)
        for operation in ("GetAccount", single.OPERATION, bulk.OPERATION):
            events.register(f"before-send.sesv2.{operation}", self._send)

    def describe(self) -> str:
        """Where mail goes: account, region and its origin, and whether it is a sandbox."""
        sandbox = ", sandbox: verified addresses only" if self.account.sandbox else ""
        number = "????" if self._number() == "?" else self._number()[-4:]
        way = "Amazon SES in bulk" if self.bulk_wanted else "Amazon SES"
        return f"{way}, account ...{number}, {self.region} (from {self.region_from}){sandbox}"

    def begin(self, issue: int) -> None:
        """Nothing to do before a run; the account was asked for when it was described."""

    def close(self) -> None:
        """Hang up; call it when nothing is in flight."""
        self._wire.close()

    def allowance(self) -> Allowance:
        """Ask SES; a little under the account's rate, or what the settings allow.

        Raises:
            AccountError: see `read_account`.
        """
        account = self._account = self.read_account()
        allowed = account.rate * SHARE
        return Allowance(
            rate=min(allowed, self._max_rate or allowed),
            left=account.left,
            account=self._number(),
            verified_only=account.sandbox,
        )

    @property
    def account(self) -> Account:
        """The account as it was when last asked for.

        Raises:
            AccountError: see `read_account`.
        """
        if self._account is None:
            self._account = self.read_account()
        return self._account

    def read_account(self) -> Account:
        """Ask SES for the account's limits.

        Raises:
            AccountError: credentials, network, or sending is switched off for the account.
        """
        self._wire.forget()
        try:
            self._client.get_account()
        except Exception as error:
            raise account_error(error) from error
        finally:
            # Asked now and then; mails leave by connections of their own.
            self._wire.hang_up()
        answer = self._wire.answer
        assert answer is not None
        content = read(answer)
        if answer.status != HTTPStatus.OK or not content:
            raise account_refused(answer)
        return read_account(content)

    def deliver(self, message: Message) -> Outcome:
        """Hand over one mail in one request, never more; whatever is raised is an outcome."""
        self._wire.forget()
        try:
            return self._deliver(message)
        except Exception as error:  # noqa: BLE001  # boto3 lets what lies beneath it through
            # The wire's own record is the proof, not the error.
            begun = self._wire.begun
            return failed_after_request(error) if begun else failed_before_request(error)

    def _deliver(self, message: Message) -> Outcome:
        parameters = single.parameters(message, self._configuration_set)
        whole = parameters | {"Content": {"Raw": {"Data": b""}}}
        if fault := self._fault(single.OPERATION, whole):
            return fault
        body = single.body(parameters, message.data)
        answer = self._ask(single.OPERATION, body, lambda: self._client.send_email(Content={}))
        return self._each_named_once([outcome_of(answer)])[0]

    def in_bulk(
        self, template: MergeTemplate, may_hand_over: MayHandOver = lambda: True
    ) -> HandOver:
        """Make ready for mails of this template; whatever is raised for them is an outcome."""
        shared = bulk.parameters(template, self._configuration_set)
        return functools.partial(self._deliver_in_bulk, shared, may_hand_over)

    def _deliver_in_bulk(
        self, shared: Mapping[str, Any], may_hand_over: MayHandOver, mails: Sequence[MergeMail]
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for request in bulk.requests(shared, mails):
            if held := held_back(outcomes, may_hand_over):
                outcomes += [held] * len(request.mails)
            else:
                outcomes += self._deliver_request(shared, request)
        return outcomes

    def _deliver_request(
        self, shared: Mapping[str, Any], request: bulk.BulkRequest
    ) -> list[Outcome]:
        """Send one request, never twice; one outcome for each of its mails."""
        self._wire.forget()
        try:
            whole = {**shared, "BulkEmailEntries": [bulk.entry(mail) for mail in request.mails[:1]]}
            if fault := self._fault(bulk.OPERATION, whole):
                return [fault] * len(request.mails)
            answer = self._ask(
                bulk.OPERATION, request.body,
                lambda: self._client.send_bulk_email(DefaultContent={}, BulkEmailEntries=[]),
            )  # fmt: skip
            return self._each_named_once(bulk.outcomes_of(answer, request.mails))
        except Exception as error:  # noqa: BLE001  # as in `deliver`
            begun = self._wire.begun
            lost = failed_after_request(error) if begun else failed_before_request(error)
            return [lost] * len(request.mails)

    def _ask(self, operation: str, body: bytes, first: Callable[[], object]) -> HttpResponse:
        """Send one request, once; `first` has botocore make it, where there is no pattern yet."""
        if pattern := self._patterns.get(operation):
            self._wire.send(pattern.request(body))
        else:
            self._bodies.own = body
            first()
        answer = self._wire.answer
        assert answer is not None
        return answer

    def _each_named_once(self, outcomes: list[Outcome]) -> list[Outcome]:
        """What an answer means; nothing, where it names a mail as another one was named before.

        SES gives no two mails one name: whoever answers like that tells of other mails.
        """
        if self._mails.take([one.message_id for one in outcomes if one.message_id]):
            return outcomes
        return [judged(Verdict.UNNAMED, "an answer that gives two mails one name")] * len(outcomes)

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """On botocore's `before-send`: the answer is read here, and botocore is shown an empty one.

        It would name errors that have no name, and take half an object for a whole one.
        """
        self._wire.send(request)
        return response(request, HTTPStatus.OK, {}, b"")

    def _fault(self, operation: str, whole: Mapping[str, Any]) -> Outcome | None:
        """What botocore's model says against the first request; all others have its shape."""
        if operation in self._validated:
            return None
        shape = self._client.meta.service_model.operation_model(operation).input_shape
        report = ParamValidator().validate(whole, shape)
        if report.has_errors():
            return judged(Verdict.MALFORMED, "the request is malformed (ParamValidationError)")
        self._validated.add(operation)
        return None

    def _note_pattern(self, request: AWSRequest, operation_name: str, **how: Any) -> None:  # noqa: ANN401  # botocore's
        """On botocore's `before-sign`: keep what the next requests have in common with this one."""
        self._patterns[operation_name] = pattern_of(request, **how)

    def _put_body(self, params: dict[str, Any], **_: object) -> None:
        """On botocore's `before-call`: the thread's own request instead of the empty one."""
        params["body"] = self._bodies.own

    def _number(self) -> str:
        """The AWS account, 12 digits, "?" where STS does not tell; asked once."""
        self._caller = self._caller or self._ask_number()
        return self._caller

    def _ask_number(self) -> str:
        self._wire.forget()
        try:
            sts = self._session.client("sts", region_name=self.region, config=_CONFIG)
            sts.meta.events.register("before-send.sts", self._wire.send)
            with contextlib.closing(sts):
                told = str(sts.get_caller_identity()["Account"])
        except Exception:  # noqa: BLE001  # whatever answers there, a send does not depend on it
            return "?"
        finally:
            self._wire.hang_up()
        return told if is_account(told) else "?"


def find_region(chosen: str, environ: Mapping[str, str], session: boto3.Session) -> tuple[str, str]:
    """The region and where it came from; botocore ignores AWS_REGION, and here it counts.

    Raises:
        InputError: none is named anywhere.
    """
    candidates = (
        (chosen, "the settings"),
        (environ.get("AWS_REGION", ""), "AWS_REGION"),
        (environ.get("AWS_DEFAULT_REGION", ""), "AWS_DEFAULT_REGION"),
        (session.region_name or "", "the profile"),
    )
    for region, origin in candidates:
        if region:
            return region, origin
    raise InputError("no AWS region is named", hint="set transport.ses.region")
