"""Invented people and issues for the tests of the store."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import secrets
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from newsletter.audience import Status
from newsletter.audience.roster import Row
from newsletter.delivery import Content
from newsletter.store import Store, imports, suppressions
from newsletter.store.signing_keys import address_hash, address_key
from tests.support import poolers, postgres
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
    frozen = b"From: wren@example.org\r\n\r\nHello"
    return Content(
        issue=issue,
        title=f"Issue {issue}",
        frozen=frozen,
        content_hash=hashlib.sha256(frozen).hexdigest(),
        source_hash="5" * 64,
    )


#: What the stores of the present test are kept in, and by folder the names of their databases.
_on_server = False
_databases: dict[Path, str] = {}


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.processes),
        pytest.param("pgbouncer", marks=pytest.mark.processes),
    ]
)
def dialect(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test runs twice: its stores are SQLite files, then schemas on a PostgreSQL server.

    With `--long`, or where it is marked `pooled`, it runs once more with a pooler before the server.
    """
    name = "sqlite" if request.param == "sqlite" else "postgres"
    if name == "postgres":
        postgres.server()
    # By hand: a test may undo what it has patched itself.
    with contextlib.ExitStack() as stack:
        if request.param == "pgbouncer":
            stack.enter_context(poolers.between())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sys.modules[__name__], "_on_server", name == "postgres")
        patch.setattr(sys.modules[__name__], "_databases", {})
        yield name


def url_in(folder: Path) -> str:
    if not _on_server:
        return f"sqlite:///{folder}/newsletter.db"
    if folder not in _databases:
        _databases[folder] = postgres.new_database()
    return f"{postgres.server().url(_databases[folder])}&folder={quote(str(folder))}"


#: Lists up to this length are kept; a longer one is written each time.
_SHORT = 2_000

_kept: dict[tuple[str, str], dict[str, bytes]] = {}
_templates: dict[tuple[str, str], tuple[str, dict[str, bytes]]] = {}


def _files(rows: list[Row], identity: str) -> dict[str, bytes]:
    """What a store with these rows has in its folder; the tables and the list are made once.

    Args:
        rows: its list.
        identity: its id, "" for any.
    """
    if (key := (identity, repr(rows))) not in _kept:
        with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
            folder = Path(made)
            if rows:
                _copy(_files([], identity), folder)
            elif identity:
                patch.setattr(secrets, "token_hex", lambda _: identity)
            new_store(folder, rows).close()
            _kept[key] = {path.name: path.read_bytes() for path in folder.iterdir()}
    return _kept[key]


def _copy(files: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.touch(0o600)
        path.write_bytes(content)


def _template(rows: list[Row], identity: str) -> tuple[str, dict[str, bytes]]:
    """The name of a database with such a store, to be copied, and what lies beside it; made once."""
    if not rows:
        return postgres.template(identity), {}
    if (key := (identity, repr(rows))) not in _templates:
        name = postgres.new_database(postgres.template(identity))
        with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
            folder = Path(made)
            patch.setattr(postgres, "door", None)  # as for the empty one
            patch.setitem(_databases, folder, name)
            new_store(folder, rows).close()
            _templates[key] = name, {path.name: path.read_bytes() for path in folder.iterdir()}
    return _templates[key]


def store_with(folder: Path, rows: list[Row], *, identity: str = "") -> Store:
    """A store with these rows; its keys and its identity are those of every other such store."""
    there = folder in _databases if _on_server else (folder / "newsletter.db").exists()
    copied, added = (rows, []) if not there and len(rows) <= _SHORT else ([], rows)
    if not there and _on_server:
        name, beside = _template(copied, identity)
        _databases[folder] = postgres.new_database(name)
        _copy(beside, folder)
    elif not there:
        _copy(_files(copied, identity), folder)
    return new_store(folder, added)


def new_store(folder: Path, rows: list[Row]) -> Store:
    """One made from nothing, with keys and an identity of its own."""
    store = Store.open(url_in(folder))
    if rows:
        imports.add(store, rows, source="test", now=NOW)
    return store


def named_store(folder: Path, rows: list[Row]) -> Store:
    """One with an id that tests know beforehand."""
    return store_with(folder, rows, identity=STORE)


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


#: Runs a statement, with values for its question marks, and gives its cursor.
Execute = Callable[..., Any]

#: What a database raises where a guard or a constraint forbids a statement.
REFUSED = (sqlite3.IntegrityError, psycopg.IntegrityError)

#: For what only holds of a file.
on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@contextlib.contextmanager
def by_hand(folder: Path) -> Iterator[Execute]:
    """The database itself, past the program; each statement is a transaction of its own."""
    if _on_server:
        with postgres.by_hand(_databases[folder]) as execute:
            yield execute
        return
    with raw(folder / "newsletter.db") as connection:
        connection.execute("pragma foreign_keys = 1")
        yield connection.execute


def drop_guard(execute: Callable[[str], object], name: str, table: str) -> None:
    execute(f"DROP TRIGGER {name}{f' ON {table}' if _on_server else ''}")


def look(folder: Path, question: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the database itself says, asked past the program."""
    if _on_server:
        return postgres.server().ask(_databases[folder], question, *values)
    with raw(folder / "newsletter.db") as connection:
        return connection.execute(question, values).fetchall()
