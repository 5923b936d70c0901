"""Up to fifty mails per request: SESv2 SendBulkEmail with an inline template.

The template stands in every request, so nothing has to be kept at SES, and what was frozen is what
is sent. Every entry carries every variable: how SES merges an entry's data with the default data
is documented nowhere, and nothing here depends on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from newsletter.delivery import Outcome, Result
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.message.merge import MergeMail, MergeTemplate
from newsletter.ses.http1 import HttpResponse
from newsletter.ses.outcomes import api_success, is_unverified, named, outcome_of, read

OPERATION: Final = "SendBulkEmail"
#: Entries of one request (SESv2 API reference, "BulkEmailEntries"); no model says it.
MOST: Final = 50
#: Bytes of one request; with an inline template SES takes a megabyte.
MOST_BYTES: Final = 900_000
#: How often an entry is tried that SES says it failed at.
_TRIES: Final = 3
_OK: Final = 200

#: Statuses of an entry (SESv2 API reference, "BulkEmailEntryResult") that every further mail would
#: meet as well, and what they mean.
_FOR_EVERYBODY: Final[Mapping[str, str]] = {
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": "the sender's domain is not verified",
    "CONFIGURATION_SET_NOT_FOUND": "the configuration set does not exist",
    "TEMPLATE_NOT_FOUND": "SES does not find the template",
    "INVALID_SENDING_POOL_NAME": "the pool of sending addresses does not exist",
    "ACCOUNT_SUSPENDED": "SES has suspended the account",
    "ACCOUNT_SENDING_PAUSED": "sending is paused for the account",
    "CONFIGURATION_SET_SENDING_PAUSED": "sending is paused for the configuration set",
}
_FAILED: Final = frozenset({"TRANSIENT_FAILURE", "FAILED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """One request, ready to be signed.

    Attributes:
        mails: whom its entries are for, in their order.
        body: the JSON.
    """

    mails: tuple[MergeMail, ...]
    body: bytes


def parameters(template: MergeTemplate, configuration_set: str) -> dict[str, Any]:
    """The parameters of SendBulkEmail (SESv2 API reference) but for the entries.

    Args:
        template: the issue.
        configuration_set: through which events come back, "" for none.
    """
    content = {"Subject": template.subject, "Text": template.text, "Html": template.html}
    found: dict[str, Any] = {
        "FromEmailAddress": template.sender,
        "DefaultContent": {
            "Template": {
                "TemplateContent": content,
                "TemplateData": "{}",
                "Headers": _headers(template.headers),
            }
        },
    }
    if template.reply_to:
        found["ReplyToAddresses"] = [template.reply_to]
    if configuration_set:
        found["ConfigurationSetName"] = configuration_set
    return found


def entry(mail: MergeMail) -> dict[str, Any]:
    """One entry: whom it is for, and what differs for them."""
    data = json.dumps(mail.values, ensure_ascii=False, separators=(",", ":"))
    return {
        "Destination": {"ToAddresses": [mail.to]},
        "ReplacementTags": [{"Name": "delivery", "Value": mail.tag}],
        "ReplacementHeaders": _headers(mail.headers),
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data}},
    }


def requests(shared: Mapping[str, Any], mails: Sequence[MergeMail]) -> Iterator[BulkRequest]:
    """As few requests as hold all entries, in their order, by number and by bytes.

    Args:
        shared: from `parameters`.
        mails: at least one.
    """
    head = _json(shared)[:-1] + b',"BulkEmailEntries":['
    taken: list[MergeMail] = []
    entries: list[bytes] = []
    size = len(head)
    for mail in mails:
        this = _json(entry(mail))
        if taken and (len(taken) == MOST or size + len(this) > MOST_BYTES):
            yield BulkRequest(mails=tuple(taken), body=head + b",".join(entries) + b"]}")
            taken, entries, size = [], [], len(head)
        taken.append(mail)
        entries.append(this)
        size += len(this) + 1
    yield BulkRequest(mails=tuple(taken), body=head + b",".join(entries) + b"]}")


def outcomes_of(answer: HttpResponse, mails: Sequence[MergeMail]) -> list[Outcome]:
    """What an answer to SendBulkEmail means for each entry, in their order."""
    if answer.status != _OK:
        whole = outcome_of(answer)
        if whole.result is Result.REFUSED and len(mails) > 1:
            whole = judged(Verdict.REFUSED_TOGETHER, whole.reason)
        return [whole] * len(mails)
    results = read(answer).get("BulkEmailEntryResults") if named(answer) else None
    if not isinstance(results, list) or len(results) != len(mails):
        # Which of them was meant by which result, nobody can say.
        return [judged(Verdict.UNNAMED, "an answer that does not fit the request")] * len(mails)
    return [_outcome(result, mail) for result, mail in zip(results, mails, strict=True)]


def _outcome(result: object, mail: MergeMail) -> Outcome:
    if not isinstance(result, dict):
        return judged(Verdict.UNNAMED, "an entry's result that cannot be read")
    status, name, text = (result.get(key) for key in ("Status", "MessageId", "Error"))
    if status == "SUCCESS":
        return api_success(name)
    if name or not isinstance(status, str):
        return judged(Verdict.UNNAMED, "an entry's result that makes no sense")
    if words := _FOR_EVERYBODY.get(status):
        return judged(Verdict.FATAL, f"{words} ({status})")
    if status in _FAILED:
        again = mail.attempt < _TRIES
        return judged(Verdict.DEFERRED if again else Verdict.REFUSED, status)
    match status:
        case "ACCOUNT_THROTTLED":
            return judged(Verdict.THROTTLED, status)
        case "ACCOUNT_DAILY_QUOTA_EXCEEDED":
            return judged(Verdict.QUOTA, "the day's quota is used up")
        case "MESSAGE_REJECTED" if isinstance(text, str) and is_unverified(text):
            why = f"an address is not verified, as in the sandbox ({status})"
            return judged(Verdict.FATAL, why)
        case "MESSAGE_REJECTED" | "INVALID_PARAMETER":
            return judged(Verdict.REFUSED, status)
        case _:
            return judged(Verdict.UNNAMED, "an entry's result that this version does not know")


def _headers(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in pairs]


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
