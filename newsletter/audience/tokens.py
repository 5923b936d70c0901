"""Signed links: a token names a person to this newsletter and to nobody else.

    token = version, key id, handle, MAC      in base64url, 40 characters

It holds no address, never expires (a mail may be opened years later) and survives a change of
key, because it says which key signed it. A purpose is part of what is signed, so that a token
for one page opens no other. One for rating an issue has the issue's number (4 bytes) behind the
handle, which is signed with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

Purpose = Literal["unsubscribe", "preferences", "confirm", "test"]

#: What the links of mails are for that nobody gets.
_ON_TRIAL: Final[tuple[Purpose, ...]] = ("test", "unsubscribe")
_VERSION: Final = 1
_HANDLE_BYTES: Final = 12  # 96 bits
_MAC_BYTES: Final = 16  # 128 bits
#: Where pages lie that act: leave, confirm, preferences, rate.
_PAGES: Final = frozenset({"u", "c", "p", "v"})
#: How often an address is decoded at most; nobody in between does it more.
_ENCODED: Final = 3
_LENGTH: Final = 2 + _HANDLE_BYTES + _MAC_BYTES
_ISSUE_BYTES: Final = 4
_RATE: Final = "rate"
#: A pass: version, seconds since 1970 (4 bytes), nonce, MAC.
_NONCE_BYTES: Final = 8
_PASS_LENGTH: Final = 1 + 4 + _NONCE_BYTES + _MAC_BYTES
_FORM: Final = b"form\0"


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key: its id (0 to 255) and 32 secret bytes, never shown by `repr`."""

    id: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Key(id={self.id}, secret=...)"


#: No server has this key: by its links nobody is found, and nothing is changed.
TRIAL_KEY: Final = Key(255, bytes(32))


def make_token(handle: str, key: Key, purpose: Purpose = "unsubscribe") -> str:
    """Sign a subscriber's handle.

    Args:
        handle: 24 hex digits.
        key: the newest key.
        purpose: the page the token is for.

    Raises:
        ValueError: `handle` is not 24 hex digits, or the key's id does not fit a byte.
    """
    return _signed(handle, b"", key, purpose)


def read_token(token: str, keys: Mapping[int, Key], purpose: Purpose = "unsubscribe") -> str | None:
    """The handle inside a token that one of `keys` signed for `purpose`, else None.

    Comparison takes constant time (hmac.compare_digest). Never raises.
    """
    signed = _read(token, _LENGTH, keys, purpose)
    return None if signed is None else signed.hex()


def is_trial(token: str) -> bool:
    """Whether a token stands in a test mail, or in the preview of one. Never raises."""
    keys = {TRIAL_KEY.id: TRIAL_KEY}
    return any(read_token(token, keys, purpose) for purpose in _ON_TRIAL)


def make_rating_token(handle: str, issue: int, key: Key) -> str:
    """Sign a subscriber's handle together with the issue that they may rate: 46 characters.

    Raises:
        ValueError: as `make_token`.
    """
    return _signed(handle, issue.to_bytes(_ISSUE_BYTES, "big"), key, _RATE)


def read_rating_token(token: str, keys: Mapping[int, Key]) -> tuple[str, int] | None:
    """Handle and issue inside a token for rating that one of `keys` signed. Never raises."""
    signed = _read(token, _LENGTH + _ISSUE_BYTES, keys, _RATE)
    if signed is None:
        return None
    return signed[:_HANDLE_BYTES].hex(), int.from_bytes(signed[_HANDLE_BYTES:], "big")


def rating_url(public_url: str, handle: str, issue: int, key: Key) -> str:
    """The page on which a person rates an issue; "" where there is no public server."""
    if not public_url:
        return ""
    return f"{public_url.rstrip('/')}/v/{make_rating_token(handle, issue, key)}"


def _signed(handle: str, more: bytes, key: Key, purpose: str) -> str:
    raw = bytes.fromhex(handle)
    if len(raw) != _HANDLE_BYTES:
        raise ValueError("a handle has 24 hex digits")
    head = bytes([_VERSION, key.id]) + raw + more
    return base64.urlsafe_b64encode(head + _mac(head, key, purpose)).decode().rstrip("=")


def _read(token: str, length: int, keys: Mapping[int, Key], purpose: str) -> bytes | None:
    """What stands between the key's id and the MAC of a token that is whole and ours."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # Decoders accept stray bits in the last character; one token has one spelling here.
    if len(raw) != length or base64.urlsafe_b64encode(raw).decode().rstrip("=") != token:
        return None
    key = keys.get(raw[1])
    head, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if raw[0] != _VERSION or key is None:
        return None
    return head[2:] if hmac.compare_digest(mac, _mac(head, key, purpose)) else None


def unsubscribe_url(
    public_url: str, handle: str, key: Key, purpose: Purpose = "unsubscribe"
) -> str:
    """The page on which a person leaves, at most 900 characters; for "test" it opens nothing."""
    return f"{public_url.rstrip('/')}/u/{make_token(handle, key, purpose)}"


class Pass(NamedTuple):
    """What a form carries that was loaded from our own page.

    Attributes:
        issued: seconds since 1970.
        nonce: 8 bytes that no other pass has.
    """

    issued: int
    nonce: bytes


def make_pass(made: Pass, key: Key) -> str:
    """Sign a pass: base64url, 39 characters."""
    head = bytes([_VERSION]) + made.issued.to_bytes(4, "big") + made.nonce
    mac = hmac.digest(key.secret, _FORM + head, hashlib.sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(head + mac).decode().rstrip("=")


def read_pass(text: str, keys: Mapping[int, Key]) -> Pass | None:
    """A pass that one of `keys` signed, else None. Never raises."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _PASS_LENGTH or raw[0] != _VERSION:
        return None
    head, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    for key in keys.values():
        signed = hmac.digest(key.secret, _FORM + head, hashlib.sha256)[:_MAC_BYTES]
        if hmac.compare_digest(mac, signed):
            return Pass(int.from_bytes(head[1:5], "big"), head[5:])
    return None


def page_url(public_url: str, page: Literal["c", "p"], token: str) -> str:
    """The page behind a token: "c" confirms, "p" is the preference page."""
    return f"{public_url.rstrip('/')}/{page}/{token}"


def acts_when_opened(url: str, public_url: str) -> bool:
    """Whether a web address, in any spelling, is one of our pages that act.

    These are the pages on which readers leave, confirm, choose and rate.
    Browsers, proxies and servers each take some spellings for the same: other case, a port, a dot
    behind the host, user information, doubled slashes, `..`, percent signs. So whatever differs in
    these alone counts, and scheme and port do not tell two addresses apart. A token as we sign them
    is recognised on any host: the newsletter may have had another one.
    """
    host, path = _read_address(url)
    if any(a in _PAGES and _is_token(b) for a, b in itertools.pairwise(path)):
        return True
    our_host, ours = _read_address(public_url)
    folded = [part.casefold() for part in path]
    return (
        bool(our_host)
        and host == our_host
        and folded[: len(ours)] == [part.casefold() for part in ours]
        and bool(_PAGES.intersection(folded[len(ours) : len(ours) + 1]))
    )


def _read_address(url: str) -> tuple[str, list[str]]:
    """Host and path of an address as the most lenient reader would take them; "" without a host."""
    text = re.sub(r"[\t\r\n]", "", url).strip("".join(map(chr, range(0x21))))
    _, found, rest = text.replace("\\", "/").partition("//")
    if not found:
        return "", []
    authority, slash, path = re.split("[?#]", rest.lstrip("/"), maxsplit=1)[0].partition("/")
    return _plain_host(authority), _plain_path(slash + path)


def _plain_host(authority: str) -> str:
    host = re.sub(r":\d*\Z", "", unquote(authority).rpartition("@")[2])
    host = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower().strip(".")
    if host.isascii():
        return host
    import idna  # noqa: PLC0415  # its tables are large, and rarely needed

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def _plain_path(path: str) -> list[str]:
    for _ in range(_ENCODED):
        path = unquote(path)
    parts: list[str] = []
    for part in path.replace("\\", "/").split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in {"", "."}:
            parts.append(part)
    return parts


def _is_token(text: str) -> bool:
    try:
        raw = base64.b64decode(text.rstrip("=")[:40], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(raw) == _LENGTH and raw[0] == _VERSION


def _mac(head: bytes, key: Key, purpose: str) -> bytes:
    return hmac.digest(key.secret, purpose.encode() + b"\0" + head, hashlib.sha256)[:_MAC_BYTES]
