"""Invented people and issues for the tests of the store."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import secrets
import tempfile
from pathlib import Path
from typing import Any

import pytest

from newsletter.audience import Status
from newsletter.audience.roster import Row
from newsletter.delivery import Content
from newsletter.store import Store, imports, suppressions
from newsletter.store.signing_keys import address_hash, address_key
from tests.support.raw_records import raw
from tests.support.ses_events import STORE

OLD_STORES = Path(__file__).parent / "old_stores"
REVISIONS = sorted(path.stem for path in OLD_STORES.glob("*.sql"))

NOW = dt.datetime(2026, 11, 22, 8, 0, 0, 123456, dt.UTC)
LATER = NOW + dt.timedelta(minutes=5)


def a_row(
    email: str = "ada@example.org",
    *,
    name: str = "Ada",
    status: Status = Status.ACTIVE,
    suppression: str = "",
    tags: frozenset[str] = frozenset(),
    fields: dict[str, str] | None = None,
) -> Row:
    return Row(
        line=2,
        email=email,
        canonical=email.lower(),
        name=name,
        status=status,
        suppression=suppression,
        tags=tags,
        fields=fields or {},
    )


def people(number: int) -> list[Row]:
    return [a_row(f"reader{n}@example.org", name=f"Reader {n}") for n in range(1, number + 1)]


def a_content(issue: int = 74) -> Content:
    envelope = b"From: wren@example.org\r\n\r\nHello"
    return Content(
        issue=issue,
        title=f"Issue {issue}",
        envelope=envelope,
        content_hash=hashlib.sha256(envelope).hexdigest(),
        source_hash="5" * 64,
    )


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/newsletter.db"


@functools.cache
def _empty() -> bytes:
    """The file of a store just made: making it takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        Store.open(url_in(Path(folder))).close()
        return (Path(folder) / "newsletter.db").read_bytes()


def store_with(folder: Path, rows: list[Row]) -> Store:
    """A store with these rows; its keys and its identity are those of every other such store."""
    path = folder / "newsletter.db"
    if not path.exists():
        path.touch(0o600)
        path.write_bytes(_empty())
    return new_store(folder, rows)


def new_store(folder: Path, rows: list[Row]) -> Store:
    """One made from nothing, with keys and an identity of its own."""
    store = Store.open(url_in(folder))
    imports.add(store, rows, source="test", now=NOW)
    return store


def named_store(folder: Path, rows: list[Row]) -> Store:
    """The same with an id that tests know beforehand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_hex", lambda _: STORE)
        return new_store(folder, rows)


def suppress(store: Store, canonical: str, *, reason: str, now: dt.datetime) -> bool:
    """Never mail an address again; false when that was so already."""
    with store.writing() as connection:
        hashed = address_hash(canonical, address_key(connection))
        return suppressions.suppress(connection, hashed, reason=reason, now=now)


def count_by_status(store: Store) -> dict[Status, int]:
    """How many people there are in each status, none left out."""
    query = "SELECT status, count(*) FROM subscribers GROUP BY status"
    with store.reading() as connection:
        rows = connection.exec_driver_sql(query).all()
    return dict.fromkeys(Status, 0) | {Status(status): number for status, number in rows}


def subscriber_count(store: Store) -> int:
    return sum(count_by_status(store).values())


def old_store(folder: Path, revision: str, *, empty: bool = False) -> None:
    """A store as the program of an earlier revision made it; `empty`: as it was when new."""
    text = (OLD_STORES / f"{revision}.sql").read_text("utf-8")
    if empty:
        kept = ("alembic_version", "signing_keys", "identity")
        text = "\n".join(
            line
            for line in text.splitlines()
            if not line.startswith("INSERT") or line.split('"')[1] in kept
        )
    path = folder / "newsletter.db"
    path.touch(0o600)
    with raw(path) as connection:
        connection.executescript(text)


def look(folder: Path, question: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the file itself says, asked past the program."""
    with raw(folder / "newsletter.db") as connection:
        return connection.execute(question, values).fetchall()
