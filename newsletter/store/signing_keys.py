"""Secrets made with the store: what signs the links in mails, and what names addresses.

Addresses are looked up by a keyed hash alone, so that what outlives an erased person names nobody.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from newsletter.audience.tokens import TRIAL_KEY, Key
from newsletter.errors import RefusedError
from newsletter.store.database import Database
from newsletter.store.tables import signing_keys

#: What is signed before an address, so that its handle is not its name in the records.
_HANDLE: Final = b"handle\0"


def newest(store: Database) -> Key:
    """The key that signs new links."""
    return list(link_keys(store).values())[-1]


def link_keys(store: Database) -> dict[int, Key]:
    """All keys that ever signed links, by id."""
    with store.reading() as connection:
        return _keys(connection, "links")


def rotate(store: Database, *, now: dt.datetime) -> int:
    """Sign new links with a new key; the old ones still open what they signed.

    Returns:
        its id.

    Raises:
        RefusedError: an id is a byte in every link, and all are taken.
    """
    with store.writing() as connection:
        # The highest stays free: it marks links of test mails, which open nothing.
        last = connection.execute(sa.select(sa.func.max(signing_keys.c.id))).scalar_one()
        if last + 1 == TRIAL_KEY.id:
            raise RefusedError(
                "this store has had all the keys it can have", hint="start a new store"
            )
        row = {"id": last + 1, "secret": secrets.token_bytes(32), "purpose": "links"}
        connection.execute(sa.insert(signing_keys).values(**row, created_at=now))
        return int(last) + 1


def make_first(connection: sa.Connection, now: dt.datetime) -> None:
    """Make the keys of a new store."""
    connection.execute(
        sa.insert(signing_keys),
        [
            {"id": 0, "secret": secrets.token_bytes(32), "purpose": "links", "created_at": now},
            {"id": 1, "secret": secrets.token_bytes(32), "purpose": "addresses", "created_at": now},
        ],
    )


def address_key(connection: sa.Connection) -> Key:
    """The key that names addresses; there is one, for ever."""
    [key] = _keys(connection, "addresses").values()
    return key


def _keys(connection: sa.Connection, purpose: str) -> dict[int, Key]:
    """By id, oldest first."""
    rows = connection.execute(
        sa.select(signing_keys.c.id, signing_keys.c.secret)
        .where(signing_keys.c.purpose == purpose)
        .order_by(signing_keys.c.created_at, signing_keys.c.id)
    )
    return {row.id: Key(row.id, row.secret) for row in rows}


def address_hash(canonical: str, key: Key) -> str:
    """The name an address has in the records, in hex."""
    return _keyed(key.secret).digest(canonical.encode()).hex()


def handle_of(canonical: str, key: Key) -> str:
    """The handle of an address: as unguessable as the key, and the same whenever it is added.

    So a link in an old mail still takes somebody off the list who was forgotten by a restored
    backup, erased, or imported anew.
    """
    return _keyed(key.secret).digest(_HANDLE + canonical.encode())[:12].hex()


def names_of(canonical: str, key: Key) -> tuple[str, str]:
    """`address_hash` and `handle_of` at once: a long list asks for both of everybody."""
    keyed, text = _keyed(key.secret), canonical.encode()
    return keyed.digest(text).hex(), keyed.digest(_HANDLE + text)[:12].hex()


class _Keyed:
    """HMAC-SHA-256 (RFC 2104) with one key.

    A list of a million asks two million times, and taking in the key costs more than all the rest;
    here that is done once.
    """

    def __init__(self, secret: bytes) -> None:
        block = secret.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, text: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> _Keyed:
    return _Keyed(secret)
