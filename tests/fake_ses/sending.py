"""What a send request says: whom it is for, and what each message would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import mail, template
from .account import MOST_ENTRIES, Account, Settings
from .answers import RefusedError, bad_request
from .record import Entry, Mail

_KINDS = ("Simple", "Raw", "Template")
_SOURCES = ("TemplateName", "TemplateArn", "TemplateContent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that would be accepted.

    Attributes:
        missing: Template variables that have no value.
        kept: Makes the message to keep from its id; only called when messages are kept.
    """

    entry: Entry
    missing: list[str]
    kept: Callable[[str], Mail]


def addressed(operation: str, payload: Any) -> list[Entry]:
    """Whom a send request is for, read before anything is checked.

    Gives what it can: a body out of shape has no entries.
    """
    try:
        if operation == "SendEmail":
            return [_email_entry(payload)]
        default = _tags(payload.get("DefaultEmailTags"))
        return [
            Entry(
                recipients=mail.destination(entry["Destination"]),
                tags=default | _tags(entry.get("ReplacementTags")),
            )
            for entry in payload["BulkEmailEntries"]
        ]
    except (AttributeError, KeyError, TypeError, RefusedError):
        return []


def _email_entry(payload: dict[str, Any]) -> Entry:
    recipients = mail.destination(payload.get("Destination") or {})
    tags = _tags(payload.get("EmailTags"))
    raw = payload["Content"].get("Raw")
    if raw and not (recipients and tags):
        headers = mail.raw_headers(mail.decoded(raw["Data"]))
        recipients = recipients or mail.raw_recipients(headers)
        tags = tags or mail.raw_tags(headers)
    return Entry(recipients=recipients, tags=tags)


def _tags(tags: Any) -> dict[str, str]:
    return {str(tag["Name"]): str(tag["Value"]) for tag in tags or ()}


def read_email(payload: dict[str, Any], entry: Entry, account: Account) -> Draft:
    """The message of a SendEmail whose shape is right.

    Raises:
        RefusedError: A limit or a rule the model does not hold is broken.
    """
    content = payload["Content"]
    kinds = [kind for kind in _KINDS if content.get(kind) is not None]
    if len(kinds) != 1:
        raise bad_request("Content must have exactly one of Simple, Raw and Template.")
    mail.check_recipients(entry.recipients)
    mail.check_tags(entry.tags)
    mail.check_addresses(payload.get("ReplyToAddresses") or ())
    readers = {"Simple": _read_simple, "Raw": _read_raw, "Template": _read_templated}
    return readers[kinds[0]](content[kinds[0]], payload, entry, account)


def _read_raw(raw: Any, payload: dict[str, Any], entry: Entry, account: Account) -> Draft:
    _check_size(len(raw["Data"]), account.settings)
    data = mail.decoded(raw["Data"])
    headers = mail.check_raw(data)
    author = headers["from"][0]
    account.check_sender(author)
    sender = payload.get("FromEmailAddress")
    if sender:
        _check_sender(sender, account)

    def kept(message_id: str) -> Mail:
        return Mail(
            message_id=message_id,
            sender=sender or author,
            recipients=entry.recipients,
            tags=entry.tags,
            raw=data,
        )

    return Draft(entry=entry, missing=[], kept=kept)


def _read_simple(simple: Any, payload: dict[str, Any], entry: Entry, account: Account) -> Draft:
    sender = _check_sender(payload.get("FromEmailAddress"), account)
    subject = simple["Subject"]["Data"]
    text, html = ((simple["Body"].get(part) or {}).get("Data") for part in ("Text", "Html"))
    if text is None and html is None:
        raise bad_request("Body must have Text or Html.")
    if "\n" in subject or "\r" in subject:
        raise bad_request("Subject must be one line.")
    headers = simple.get("Headers") or []
    mail.check_headers(headers)
    parts = [part.encode() for part in (subject, text, html) if part]
    _check_size(sum(map(len, parts)) * 4 // 3 + _attached(simple), account.settings)

    def kept(message_id: str) -> Mail:
        return Mail(
            message_id=message_id,
            sender=sender,
            recipients=entry.recipients,
            tags=entry.tags,
            headers=_pairs(headers),
            subject=subject,
            text=text,
            html=html,
        )

    return Draft(entry=entry, missing=[], kept=kept)


def _read_templated(content: Any, payload: dict[str, Any], entry: Entry, account: Account) -> Draft:
    sender = _check_sender(payload.get("FromEmailAddress"), account)
    source = _template(content, account.settings)
    data = template.read_data(content.get("TemplateData"))
    headers = content.get("Headers") or []
    mail.check_headers(headers)
    _check_size(_attached(content), account.settings)
    return _draft(entry, sender, source, data, _pairs(headers))


def read_bulk(
    payload: dict[str, Any], entries: list[Entry], account: Account, *, size: int
) -> list[Draft | RefusedError]:
    """The messages of a SendBulkEmail whose shape is right; bad ones as the error they earn.

    Args:
        size: Bytes of the request's body.

    Raises:
        RefusedError: The call as a whole is refused.
    """
    settings = account.settings
    if not 0 < len(entries) <= MOST_ENTRIES:
        raise bad_request(f"BulkEmailEntries must have 1 to {MOST_ENTRIES} entries.")
    content = payload["DefaultContent"].get("Template")
    if content is None:
        raise bad_request("DefaultContent must have a Template.")
    if content.get("TemplateContent") is not None and size > settings.inline_limit:
        raise bad_request(f"A request with inline template is limited to {settings.inline_limit}.")
    sender = _check_sender(payload.get("FromEmailAddress"), account)
    mail.check_addresses(payload.get("ReplyToAddresses") or ())
    source = _template(content, settings)
    default = template.read_data(content.get("TemplateData"))
    headers = content.get("Headers") or []
    mail.check_headers(headers)
    _check_size(_attached(content), settings)

    drafts: list[Draft | RefusedError] = []
    for described, entry in zip(payload["BulkEmailEntries"], entries, strict=True):
        try:
            mail.check_recipients(entry.recipients)
            mail.check_tags(entry.tags)
            data = _entry_data(described, default, settings)
            own = _merged(headers, described.get("ReplacementHeaders") or [])
            drafts.append(_draft(entry, sender, source, data, own))
        except RefusedError as error:
            if settings.bulk_invalid == "call":
                raise
            drafts.append(error)
    return drafts


def _entry_data(entry: Any, default: dict[str, Any], settings: Settings) -> dict[str, Any]:
    replaced = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
    text = replaced.get("ReplacementTemplateData")
    if text is None:
        return default
    own = template.read_data(text)
    return default | own if settings.merge_defaults else own


def _merged(
    default: list[dict[str, str]], own: list[dict[str, str]]
) -> tuple[tuple[str, str], ...]:
    mail.check_headers(own)
    if not default:
        return _pairs(own)
    names = {header["Name"].lower() for header in own}
    merged = [header for header in default if header["Name"].lower() not in names] + own
    mail.check_headers(merged)
    return _pairs(merged)


def _draft(
    entry: Entry,
    sender: str,
    source: template.Template,
    data: dict[str, Any],
    headers: tuple[tuple[str, str], ...],
) -> Draft:
    missing = source.missing(data)

    def kept(message_id: str) -> Mail:
        parts = (None, None, None) if missing else source.rendered(data)
        return Mail(
            message_id=message_id,
            sender=sender,
            recipients=entry.recipients,
            tags=entry.tags,
            headers=headers,
            subject=parts[0],
            text=parts[1],
            html=parts[2],
        )

    return Draft(entry=entry, missing=missing, kept=kept)


def _template(content: dict[str, Any], settings: Settings) -> template.Template:
    sources = [source for source in _SOURCES if content.get(source) is not None]
    if len(sources) != 1:
        raise bad_request(f"Template must have exactly one of {', '.join(_SOURCES)}.")
    if sources[0] == "TemplateContent":
        parts = [content["TemplateContent"].get(part) for part in template.PARTS]
        return template.read(*parts, inline=True)
    name = content[sources[0]].rpartition("template/")[2]
    if name not in settings.templates:
        raise RefusedError(404, "NotFoundException", f"Template {name} does not exist.")
    parts = [settings.templates[name].get(part) for part in template.PARTS]
    return template.read(*parts, inline=False)


def _check_sender(sender: str | None, account: Account) -> str:
    if not sender:
        raise bad_request("FromEmailAddress is missing.")
    mail.check_address(sender)
    account.check_sender(sender)
    return sender


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.message_limit:
        raise bad_request(f"Message length is more than {settings.message_limit} bytes long.")


def _attached(content: Any) -> int:
    data = [attachment["RawContent"] for attachment in content.get("Attachments") or ()]
    for text in data:
        mail.decoded(text)
    return sum(map(len, data))


def _pairs(headers: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((header["Name"], header["Value"]) for header in headers)
