"""The rows of a list as they stand on the stage, and what they were before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import Status, canonical_of
from newsletter.audience.roster import Reject, Row
from newsletter.audience.tokens import Key
from newsletter.store.rows import insert_rows
from newsletter.store.signing_keys import names_of
from newsletter.store.tables import moment_text, staged_rows
from newsletter.store.upsert import fields_text

_SLICES: Final = {f"{byte:02x}": byte >> 2 for byte in range(256)}
#: Where rejected rows are: behind all slices, those that earlier versions made too.
REJECTS: Final = 256
#: What a row is made of again; its place stands behind.
READ: Final = (
    staged_rows.c.line,
    staged_rows.c.email,
    staged_rows.c.name,
    staged_rows.c.status,
    staged_rows.c.suppression,
    staged_rows.c.tags,
    staged_rows.c.fields,
    staged_rows.c.joined,
)
_STATUS: Final = {status.value: status for status in Status}
_COLUMNS: Final = tuple(staged_rows.c.keys())


def put_on_stage(
    connection: sa.Connection, this: int, placed: Iterable[tuple[int, Row | Reject]], key: Key
) -> None:
    """Put rows on the stage of an import, each with its position in the list."""
    rows = [_staged(connection, this, position, row, key) for position, row in placed]
    insert_rows(connection, staged_rows, _COLUMNS, rows)


def slice_of(connection: sa.Connection, hashed: str) -> int:
    """One of 64, by the first bits of the hash of an address; on a server there is one for all.

    Of more, each batch would end within a page of its own in too many; of fewer, a step would touch
    too much of the index by hash. In a file rows lie in the order of their key; on a server as they
    came, so that each step would go through the whole table for those of a slice.
    """
    return _SLICES[hashed[:2]] if connection.dialect.name == "sqlite" else 0


def _staged(
    connection: sa.Connection, this: int, position: int, row: Row | Reject, key: Key
) -> tuple[str | int | None, ...]:
    """A row of the stage, in the order of its columns."""
    if isinstance(row, Reject):
        line, why = row.line, row.reason
        return (this, REJECTS, position, line, why, "", "", "", "", "", "{}", None, "", "")
    hashed, handle = names_of(row.canonical, key)
    return (
        this,
        slice_of(connection, hashed),
        position,
        row.line,
        "",
        row.email,
        row.name,
        "active" if row.status is Status.ACTIVE else row.status.value,
        row.suppression,
        _tags_text(row.tags) if row.tags else "",
        fields_text(row.fields),
        moment_text(row.joined) if row.joined else None,
        hashed,
        handle,
    )


@lru_cache(maxsize=4096)
def _tags_text(tags: frozenset[str]) -> str:
    return json.dumps(sorted(tags), ensure_ascii=False)


@lru_cache(maxsize=4096)
def tags_of(text: str) -> frozenset[str]:
    """The tags of a row, from how they stand there."""
    return frozenset(json.loads(text)) if text else frozenset()


def row_of(staged: Sequence[Any]) -> Row:
    """The row that was put there, of what `READ` selects."""
    line, email, name, status, suppression, tags, fields, joined = staged
    return Row(
        line=line,
        email=email,
        canonical=canonical_of(email),
        name=name,
        status=_STATUS[status],
        suppression=suppression,
        tags=tags_of(tags),
        fields=json.loads(fields) if fields else {},
        joined=joined,
    )
