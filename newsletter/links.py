"""Signed links: a token names a person to this newsletter and to nobody else.

    token = version, key id, handle, MAC      in base64url, 40 characters

It holds no address, never expires (a mail may be opened years later) and survives a change of
key, because it says which key signed it. A purpose is part of what is signed, so that a token
for one page opens no other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Purpose = Literal["unsubscribe", "preferences", "confirm", "test"]

_VERSION: Final = 1
_HANDLE_BYTES: Final = 12  # 96 bits
_MAC_BYTES: Final = 16  # 128 bits
_LENGTH: Final = 2 + _HANDLE_BYTES + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key: its id (0 to 255) and 32 secret bytes, never shown by `repr`."""

    id: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Key(id={self.id}, secret=...)"


def make_token(handle: str, key: Key, purpose: Purpose = "unsubscribe") -> str:
    """Sign a subscriber's handle.

    Args:
        handle: 24 hex digits.
        key: the newest key.
        purpose: the page the token is for.

    Raises:
        ValueError: `handle` is not 24 hex digits, or the key's id does not fit a byte.
    """
    raw = bytes.fromhex(handle)
    if len(raw) != _HANDLE_BYTES:
        raise ValueError("a handle has 24 hex digits")
    head = bytes([_VERSION, key.id]) + raw
    return base64.urlsafe_b64encode(head + _mac(head, key, purpose)).decode().rstrip("=")


def read_token(token: str, keys: Mapping[int, Key], purpose: Purpose = "unsubscribe") -> str | None:
    """The handle inside a token that one of `keys` signed for `purpose`, else None.

    Comparison takes constant time (hmac.compare_digest). Never raises.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # Decoders accept stray bits in the last character; one token has one spelling here.
    if len(raw) != _LENGTH or base64.urlsafe_b64encode(raw).decode().rstrip("=") != token:
        return None
    key = keys.get(raw[1])
    head, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if raw[0] != _VERSION or key is None:
        return None
    return head[2:].hex() if hmac.compare_digest(mac, _mac(head, key, purpose)) else None


def unsubscribe_url(
    public_url: str, handle: str, key: Key, purpose: Purpose = "unsubscribe"
) -> str:
    """The page on which a person leaves, at most 900 characters; for "test" it opens nothing."""
    return f"{public_url.rstrip('/')}/u/{make_token(handle, key, purpose)}"


def _mac(head: bytes, key: Key, purpose: Purpose) -> bytes:
    return hmac.digest(key.secret, purpose.encode() + b"\0" + head, hashlib.sha256)[:_MAC_BYTES]
