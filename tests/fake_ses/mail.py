"""Limits on addresses, tags, headers and raw messages that botocore's model does not hold."""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Iterable
from email.utils import getaddresses, parseaddr
from typing import Any

from .answers import bad_request

#: Recipients of one message: To, Cc and Bcc together.
MOST_RECIPIENTS = 50
MOST_HEADERS = 15
_HEADER_LENGTH = 996
#: A line without its LF; with a CR before it that is RFC 5321's 1,000 with CRLF.
_LINE_LENGTH = 999

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\"[ -~]+\"")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]*[A-Za-z0-9]")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_TAG_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.@-]{1,256}")
_HEADER = re.compile(r"([!-9;-~]+):[ \t]*(.*)", re.DOTALL)
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_ONCE = frozenset(
    ("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id",
     "mime-version", "content-type", "content-transfer-encoding",
     "list-unsubscribe", "list-unsubscribe-post")
)  # fmt: skip


def bare(address: str) -> str:
    """The address without its display name."""
    return parseaddr(address)[1] if "<" in address else address.strip()


@functools.lru_cache(maxsize=4096)
def check_address(address: str) -> None:
    """Refuse an address SES would not take: ASCII local part, Punycode domain."""
    if not address.isascii():
        raise bad_request("Address contains non-ASCII characters.")
    local, at, domain = bare(address).rpartition("@")
    if not at or not domain:
        raise bad_request("Missing final '@domain'")
    if not local:
        raise bad_request("Missing local name")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise bad_request("Local address contains dot-dot, or a dot at its end")
    if _CONTROL.search(local) and not local.startswith('"'):
        raise bad_request("Local address contains control or whitespace")
    if not _LOCAL.fullmatch(local):
        raise bad_request("Local address contains illegal character")
    if not _DOMAIN.fullmatch(domain):
        raise bad_request("Domain contains illegal character")


def check_addresses(addresses: Iterable[str]) -> None:
    """Refuse the first address that is not one."""
    for address in addresses:
        check_address(address)


def check_recipients(recipients: tuple[str, ...]) -> None:
    """Refuse a message for nobody, for too many, or for what is no address."""
    if not recipients:
        raise bad_request("Destination must contain at least one recipient.")
    if len(recipients) > MOST_RECIPIENTS:
        raise bad_request(f"Recipient count exceeds {MOST_RECIPIENTS}.")
    check_addresses(recipients)


def check_tags(tags: dict[str, str]) -> None:
    """Refuse tag names and values outside the documented characters."""
    for name, value in tags.items():
        if not _TAG_NAME.fullmatch(name):
            raise bad_request(f"Invalid tag name <{name}>: only [A-Za-z0-9_-], 1 to 256.")
        if not _TAG_VALUE.fullmatch(value):
            raise bad_request(f"Invalid tag value <{value}>: only [A-Za-z0-9_.@-], 1 to 256.")


def check_headers(headers: list[dict[str, str]]) -> None:
    """Refuse more headers, or longer ones, than Simple and Template may carry."""
    if len(headers) > MOST_HEADERS:
        raise bad_request(f"A message can have at most {MOST_HEADERS} headers.")
    for header in headers:
        if len(header["Name"]) + len(header["Value"]) > _HEADER_LENGTH:
            raise bad_request(f"Header '{header['Name']}' is longer than {_HEADER_LENGTH}.")


def decoded(data: str) -> bytes:
    """Base64 read strictly."""
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise bad_request("Data is not base64.") from None


def check_raw(data: bytes) -> dict[str, list[str]]:
    """Refuse a raw message that SES would not send.

    Returns:
        Its headers, unfolded: name in lower case -> values.

    Raises:
        RefusedError: No blank line, a line too long, 8-bit or malformed headers, a header
            twice, From missing, an address that cannot be read.
    """
    if max(map(len, data.split(b"\n"))) > _LINE_LENGTH:
        raise bad_request("A line of the raw message is longer than 1,000 characters.")
    headers = raw_headers(data)
    for name, values in headers.items():
        if len(values) > 1 and name in _ONCE:
            raise bad_request(f"Duplicate header '{name}'.")
    if "from" not in headers:
        raise bad_request("Missing required header 'From'.")
    for name in ("from", "to", "cc", "bcc", "reply-to"):
        for value in headers.get(name, ()):
            _check_list(name, value)
    return headers


@functools.lru_cache(maxsize=4096)
def _check_list(name: str, value: str) -> None:
    found = [address for _, address in getaddresses([value])]
    if not found or not all(found):
        raise bad_request(f"Header '{name}' has no address that can be read.")
    check_addresses(found)


def raw_headers(data: bytes) -> dict[str, list[str]]:
    """The headers of a raw message: name in lower case -> unfolded values."""
    head, blank, _ = data.partition(b"\r\n\r\n")
    if not blank:
        head, blank, _ = data.partition(b"\n\n")
    if not blank:
        raise bad_request("The raw message has no blank line between headers and body.")
    if not head.isascii():
        raise bad_request("The raw message has non-ASCII characters in its headers.")
    headers: dict[str, list[str]] = {}
    for line in _FOLD.sub("", head.decode("ascii")).split("\n"):
        found = _HEADER.fullmatch(line.rstrip("\r"))
        if not found:
            raise bad_request("The raw message has a header line without a name.")
        headers.setdefault(found[1].lower(), []).append(found[2].strip())
    return headers


def raw_recipients(headers: dict[str, list[str]]) -> tuple[str, ...]:
    """Whom a raw message is for when the request has no Destination."""
    values = [value for name in ("to", "cc", "bcc") for value in headers.get(name, ())]
    return tuple(address for _, address in getaddresses(values) if address)


def raw_tags(headers: dict[str, list[str]]) -> dict[str, str]:
    """The tags in X-SES-MESSAGE-TAGS."""
    pairs = ",".join(headers.get("x-ses-message-tags", ())).split(",")
    return {
        name.strip(): value.strip() for name, _, value in (p.partition("=") for p in pairs) if name
    }


def destination(content: Any) -> tuple[str, ...]:
    """To, Cc and Bcc of a Destination, as bare addresses."""
    found: list[str] = []
    for kind in ("ToAddresses", "CcAddresses", "BccAddresses"):
        found += content.get(kind) or ()
    return tuple(map(bare, found))
