"""One request in, one reply out: authenticate, check, meet the script, admit, accept, record."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from . import configuration, signature
from .account import QUOTA_MESSAGE, Account, quota_exceeded, rate_exceeded
from .answers import (
    Answer,
    RefusedError,
    caller_identity,
    html_page,
    in_json,
    refusal,
)
from .configuration import Configuration
from .faults import SENDS, Fault, Script
from .publishing import Publisher
from .record import Entry, Record
from .sending import Draft, addressed, read_bulk, read_email
from .shapes import check_input, routes
from .signature import Request

_IDENTITY = "GetCallerIdentity"
_STATUSES = {"BadRequestException": "INVALID_PARAMETER", "MessageRejected": "MESSAGE_REJECTED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, and the fault that decides how it travels."""

    answer: Answer
    fault: Fault | None = None


@dataclass(slots=True)
class Desk:
    """The service behind the socket; only the server's own thread calls it.

    Attributes:
        defects: Tracebacks of the fake's own mistakes; stopping the server raises them.
    """

    account: Account
    record: Record
    script: Script
    defects: list[str]
    configuration: Configuration = field(init=False)
    publisher: Publisher = field(default_factory=Publisher)

    def __post_init__(self) -> None:
        self.configuration = Configuration(self.account)

    def unread(self, method: str, path: str, idle: float) -> bool:
        """Count a request by its head; True when the script resets it right here."""
        operation = routes().get((method, path)) or configuration.operation_of(method, path)
        operation = operation or ("STS" if path == "/" else "unknown")
        self.record.requests += 1
        self.record.operations[operation] += 1
        if self.script.at_head(operation, idle) is None:
            return False
        self.record.answers["none"] += 1
        return True

    def reply(self, request: Request) -> Reply:
        """Answer a request that was read whole."""
        operation = _operation(request)
        try:
            reply = self._reply(operation, request)
        except RefusedError as error:
            reply = Reply(answer=refusal(error, query=request.path == "/"))
        except Exception:  # noqa: BLE001 - a defect of the fake must reach the test, not the log
            self.defects.append(traceback.format_exc())
            failure = RefusedError(
                500, "InternalFailure", "The fake itself failed: see its defects."
            )
            reply = Reply(answer=refusal(failure))
        silent = reply.fault is not None and reply.fault.kind in {"reset", "close", "stall"}
        said = f"{reply.answer.status} {reply.answer.error}".strip()
        self.record.answers["none" if silent else said] += 1
        return reply

    def _reply(self, operation: str, request: Request) -> Reply:
        if operation in SENDS:
            return self._send(operation, request)
        self._authenticate(request)
        fault = self.script.for_request(operation, (), request.idle)
        if operation == _IDENTITY:
            answer = caller_identity(self.account.settings.account)
        elif operation == "GetAccount":
            answer = in_json(self.account.description() | self.configuration.description())
        elif configuration.operation_of(request.method, request.path):
            # What is refused on order has changed nothing.
            done = not fault or fault.accepts
            answer = self.configuration.reply(operation, request) if done else in_json({})
        else:
            raise RefusedError(
                404, "UnknownOperationException", "The fake knows no such operation."
            )
        return Reply(answer=self._spoiled(answer, fault), fault=fault)

    def _authenticate(self, request: Request) -> None:
        settings = self.account.settings
        if settings.credentials_expired:
            raise signature.expired()
        if settings.signatures:
            service = "sts" if request.path == "/" else "ses"
            now = time.time() + settings.clock_offset
            signature.verify(request, service=service, now=now)

    def _send(self, operation: str, request: Request) -> Reply:
        payload = _payload(request)
        entries = addressed(operation, payload)
        self.record.received(entries, self._tag_names())
        self._authenticate(request)
        if payload is None:
            raise RefusedError(400, "SerializationException", "The body is not a JSON object.")
        check_input(operation, payload)
        drafts: Sequence[Draft | RefusedError]
        if operation == "SendEmail":
            drafts = [read_email(payload, entries[0], self.account)]
        else:
            drafts = read_bulk(payload, entries, self.account, size=len(request.body))
        everyone = [address for entry in entries for address in entry.recipients]
        fault = self.script.for_request(operation, everyone, request.idle)
        if fault is not None and not fault.accepts:
            if fault.mute:
                self.record.untold(entries, self._tag_names())
            elif fault.kind == "error" and len(entries) == 1:
                self.record.refused(entries, self._tag_names())
            if fault.again:
                late = Fault(kind="delay", recipients=tuple(everyone), seconds=fault.again, times=1)
                self.script.add([late])
            # Only the shape of a success: nothing was accepted.
            ids: list[Any] = [self.record.message_id() for _ in entries]
            return Reply(answer=self._spoiled(_success(operation, ids), fault), fault=fault)
        self.account.check_open()
        self.account.check_configuration_set(payload.get("ConfigurationSetName"))
        if operation == "SendEmail":
            results = self._accept_one(drafts, request)
        else:
            results = self._accept_bulk(drafts, entries, request)
        if fault is not None and fault.mute:
            self.record.untold(entries, self._tag_names())
        self._publish(payload.get("ConfigurationSetName"), drafts, results)
        return Reply(answer=self._spoiled(_success(operation, results), fault), fault=fault)

    def _accept_one(
        self, drafts: Sequence[Draft | RefusedError], request: Request
    ) -> list[str | RefusedError]:
        draft = drafts[0]
        assert isinstance(draft, Draft)
        self.account.check_sandbox(draft.entry.recipients)
        self.account.admit(len(draft.entry.recipients))
        return self._accept([draft], request)

    def _accept_bulk(
        self, drafts: Sequence[Draft | RefusedError], entries: list[Entry], request: Request
    ) -> list[str | RefusedError]:
        """Accept what may be accepted; positional results, an id or the entry's error."""
        recipients = [d.entry.recipients if isinstance(d, Draft) else () for d in drafts]
        failed = self.script.for_entries(recipients, request.idle)
        whole = self.account.settings.bulk_limits == "call"
        results: list[Draft | RefusedError] = []
        for position, draft in enumerate(drafts):
            if position in failed:
                fault = failed[position]
                results.append(RefusedError(200, fault.code, fault.message))
            elif isinstance(draft, Draft):
                results.append(self._allowed(draft, admit=not whole))
            else:
                results.append(draft)
        fit = [draft for draft in results if isinstance(draft, Draft)]
        if whole:
            self.account.admit(sum(len(draft.entry.recipients) for draft in fit))
        ids = iter(self._accept(fit, request))
        refused = [
            entry
            for entry, result in zip(entries, results, strict=True)
            if isinstance(result, RefusedError)
        ]
        self.record.refused(refused, self._tag_names())
        return [next(ids) if isinstance(result, Draft) else result for result in results]

    def _allowed(self, draft: Draft, *, admit: bool) -> Draft | RefusedError:
        try:
            self.account.check_sandbox(draft.entry.recipients)
            if admit:
                self.account.admit(len(draft.entry.recipients))
        except RefusedError as error:
            return error
        return draft

    def _accept(self, drafts: list[Draft], request: Request) -> list[str | RefusedError]:
        entries = [draft.entry for draft in drafts]
        ids = [self.record.message_id() for _ in drafts]
        self.record.accepted(entries, self._tag_names(), ids=ids, request=request.number)
        for draft, message_id in zip(drafts, ids, strict=True):
            if draft.missing:
                self.record.failed_to_render(message_id, draft.entry, draft.missing)
            if self.account.settings.keep_messages:
                self.record.messages.append(draft.kept(message_id))
        return list(ids)

    def _publish(
        self,
        name: str | None,
        drafts: Sequence[Draft | RefusedError],
        results: Sequence[str | RefusedError],
    ) -> None:
        """Publish what becomes of accepted mails; a draft and its result stand in one place."""
        if not name or not self.account.settings.publish_to:
            return
        there = self.configuration.destinations_of(name)
        for draft, result in zip(drafts, results, strict=True):
            if isinstance(draft, Draft) and isinstance(result, str):
                mail = draft.kept(result)
                self.publisher.put(self.account, there, mail, failed=bool(draft.missing))

    def _tag_names(self) -> tuple[str, str]:
        return self.account.settings.delivery_tag, self.account.settings.attempt_tag

    def _spoiled(self, answer: Answer, fault: Fault | None) -> Answer:
        """The answer as the fault changes its content."""
        match fault.kind if fault else None:
            case "error":
                assert fault
                return refusal(RefusedError(fault.status, fault.code, fault.message))
            case "throttle":
                return refusal(rate_exceeded())
            case "quota":
                return refusal(quota_exceeded(self.account.settings))
            case "html":
                assert fault
                return html_page(fault.status)
            case "garbage":
                assert fault
                return Answer(status=200, body=fault.body.encode())
            case "no_message_id" | "result_count":
                return _without(
                    answer, one_result=fault is not None and fault.kind == "result_count"
                )
            case _:
                return answer


def _operation(request: Request) -> str:
    if request.path == "/" and request.method == "POST":
        actions = parse_qs(request.body.decode("utf-8", "replace")).get("Action", [""])
        return actions[0]
    named = routes().get((request.method, request.path), "")
    return named or configuration.operation_of(request.method, request.path)


def _payload(request: Request) -> dict[str, Any] | None:
    try:
        payload = json.loads(request.body)
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def _success(operation: str, results: Sequence[str | RefusedError]) -> Answer:
    if operation == "SendEmail":
        return in_json({"MessageId": results[0]})
    return in_json({"BulkEmailEntryResults": [_entry_result(result) for result in results]})


def _entry_result(result: str | RefusedError) -> dict[str, str]:
    if isinstance(result, str):
        return {"Status": "SUCCESS", "MessageId": result}
    return {"Status": _status(result), "Error": result.message}


def _status(error: RefusedError) -> str:
    if error.status == 200:  # scripted: the code is the entry's status already
        return error.code
    if error.message == QUOTA_MESSAGE:
        return "ACCOUNT_DAILY_QUOTA_EXCEEDED"
    return _STATUSES.get(error.code, "ACCOUNT_THROTTLED")


def _without(answer: Answer, *, one_result: bool) -> Answer:
    content = json.loads(answer.body)
    results = content.get("BulkEmailEntryResults", [content])
    if one_result:
        results.pop()
    else:
        for result in results:
            result.pop("MessageId", None)
    return in_json(content)
