"""Long lists and short ones: the database takes in who is new, and the rules are the same."""

from __future__ import annotations

import datetime as dt
import hmac
import itertools
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.audience.roster import Added, Row
from newsletter.audience.tokens import Key
from newsletter.store import Store, batches, imports, schema, subscribers
from newsletter.store.abandoning import stretch
from newsletter.store.consents import Evidence
from newsletter.store.imports import Import
from newsletter.store.signing_keys import address_hash, address_key, handle_of
from newsletter.store.tables import Stage, moment_text, staged_imports, staged_rows
from tests.support.store_samples import (
    LATER,
    NOW,
    a_row,
    by_hand,
    look,
    old_store,
    people,
    store_with,
    suppress,
    url_in,
)

EARLIER = NOW - dt.timedelta(days=400)
#: By the database, how it is asked for its plan, and what one by the index says: within a slice,
#: and over two.
EXPLAINED = {
    "sqlite": (
        "EXPLAIN QUERY PLAN",
        "PRIMARY KEY (import_id=? AND slice=? AND position>? AND position<?)",
        "PRIMARY KEY (import_id=? AND slice>? AND (slice,position)<",
    ),
    "postgresql": (
        "EXPLAIN",
        "Index Cond: ((import_id = 1) AND (slice = 60) AND (",
        "Index Cond: ((import_id = 1) AND (slice >= 59) AND (ROW(slice",
    ),
}
KNOWN = ("unknown", "pending", "active", "left", "suppressed", "left by a link")


def rows() -> list[Row]:
    """Everything a list can say of everybody there can be."""
    said: list[dict[str, Any]] = [
        {"status": Status.ACTIVE},
        {"status": Status.ACTIVE, "tags": frozenset({"beta", "äpple"})},
        {"status": Status.PENDING, "fields": {"city": "Malmö", "age": "7"}},
        {"status": Status.UNSUBSCRIBED},
        {"status": Status.UNSUBSCRIBED, "suppression": "bounced"},
    ]
    dates = (None, EARLIER, LATER + dt.timedelta(days=9))
    return [
        a_row(f"{standing.replace(' ', '.')}-{number}@example.org", **one)._replace(joined=date)
        for number, (standing, one, date) in enumerate(itertools.product(KNOWN, said, dates))
    ]


def prepared(folder: Path) -> Store:
    """A store that knows each of them as the address says."""
    store = store_with(folder, [])
    with store.reading() as connection:
        key = address_key(connection)
    listed = [row for row in rows() if row.email.startswith(("pending", "active", "left-"))]
    known = [
        a_row(row.email, name="Old", tags=frozenset({"old"}), status=status)
        for row in listed
        for status in [Status.PENDING if row.email.startswith("pending") else Status.ACTIVE]
    ]
    imports.add(store, known, source="before", now=EARLIER)
    for row in rows():
        if row.email.startswith("left-"):
            subscribers.remove(store, row.email, now=EARLIER)
        if row.email.startswith("suppressed"):
            suppress(store, row.canonical, reason="complained", now=EARLIER)
        if row.email.startswith("left.by"):
            handle = handle_of(row.canonical, key)
            with store.writing() as connection:
                subscribers.unsubscribe(connection, handle, Evidence(source="a"), now=EARLIER)
    return store


def records(folder):
    return [
        look(folder, question)
        for question in (
            "select handle, email, name, status, fields, created_at from subscribers order by email",
            "select email, tag from tags join subscribers on id = subscriber_id order by 1, 2",
            "select address_hash, event, source, at, wording, since from consents order by 1, 2, 4",
            "select address_hash, reason, created_at from suppressions order by 1",
        )
    ]


@pytest.mark.usefixtures("dialect")
def test_a_long_list_leaves_what_a_short_one_does(tmp_path, monkeypatch):
    found = []
    for name, first in (("short", batches.FIRST), ("long", 1)):
        monkeypatch.setattr(imports, "FIRST", first)
        with prepared(tmp_path / name) as store:
            job = Import(source="fair", now=NOW)
            job.write(store, rows())
        found.append((job.added, records(tmp_path / name)))
    assert found[1] == found[0]
    assert found[0][0].rows == len(rows())
    assert look(tmp_path / "long", "select count(*) from staged_rows") == [(0,)]


def test_an_import_that_an_earlier_version_has_staged_goes_on(tmp_path):
    """Its rows stand there without a hash and a handle."""
    old_store(tmp_path, "0014")
    with by_hand(tmp_path) as execute:
        execute(
            "insert into staged_imports values (1, 'list.csv', ?, 'fair', 'applying', '{}', ?)",
            ("a" * 64, "2026-11-22T08:00:00.000000Z"),
        )
        for position, name in enumerate(("new", "other")):
            execute(
                "insert into staged_rows values (1, 7, ?, 2, '', ?, 'Ada', 'active', '', "
                """'["beta"]', '', null)""",
                (position, f"{name}@example.org"),
            )
    schema.upgrade(url_in(tmp_path))
    with Store.open(url_in(tmp_path)) as store:
        job = Import(source="fair", now=LATER, file_name="list.csv", file_hash="a" * 64)
        job.write(store, people(batches.FIRST))
    assert (job.resumed, job.added) == (True, Added(added=2))
    found = "select email, tag from subscribers join tags on id = subscriber_id where tag = 'beta'"
    assert sorted(look(tmp_path, found)) == [
        ("new@example.org", "beta"),
        ("other@example.org", "beta"),
    ]


@pytest.mark.usefixtures("dialect")
@pytest.mark.parametrize("begin", [(60, 5999), (59, 5990)])
def test_a_step_finds_its_rows_by_their_index_when_those_before_are_gone(tmp_path, begin):
    """A server's statistics still count what the steps before have taken away."""
    gone, last = sa.text("DELETE FROM staged_rows WHERE slice < 60"), (60, 6040)
    with store_with(tmp_path, []) as store, store.writing() as connection:
        values = {"file_name": "list.csv", "file_hash": "", "consent_source": "fair",
                  "state": Stage.APPLYING, "counts": "{}", "at": NOW}  # fmt: skip
        connection.execute(sa.insert(staged_imports).values(id=1, **values))
        staged: dict[str, object] = dict.fromkeys(("fault", "name", "suppression", "tags"), "")
        staged |= {"import_id": 1, "line": 2, "email": "ada@example.org", "status": "active",
                   "fields": "{}"}  # fmt: skip
        rows = [staged | {"slice": n // 100, "position": n} for n in range(6400)]
        connection.execute(sa.insert(staged_rows), rows)
        connection.execute(sa.text("ANALYZE"))
        connection.execute(gone)
        asked = sa.select(staged_rows.c.email).where(stretch(1, begin, last))
        how, *indexed = EXPLAINED[connection.dialect.name]
        written = asked.compile(connection.engine, compile_kwargs={"literal_binds": True})
        assert indexed[begin[0] < last[0]] in repr(
            connection.exec_driver_sql(f"{how} {written}").all()
        )
        assert len(connection.execute(asked).all()) == 41


def test_names_of_addresses_are_keyed_hashes():
    for secret, address in (
        (bytes(32), "ada@example.org"),
        (b"k" * 32, "ä" * 300),
        (b"x" * 32, ""),
    ):
        key, text = Key(1, secret), address.encode()
        assert address_hash(address, key) == hmac.digest(secret, text, "sha256").hex()
        handle = hmac.digest(secret, b"handle\0" + text, "sha256")[:12].hex()
        assert handle_of(address, key) == handle


def test_the_consent_log_knows_since_when_somebody_agreed_elsewhere(tmp_path):
    moments = "select since from consents join subscribers using (address_hash) where email = ?"
    with store_with(tmp_path, []) as store:
        told = [
            a_row(f"{status}@example.org", status=status)._replace(joined=EARLIER)
            for status in Status
        ]
        imports.add(store, [*told, a_row("nobody.knows@example.org")], source="fair", now=NOW)
    assert look(tmp_path, moments, "active@example.org") == [(moment_text(EARLIER),)]
    for other in ("pending", "unsubscribed", "nobody.knows"):
        assert look(tmp_path, moments, f"{other}@example.org") == [(None,)]


def test_who_bounced_and_is_active_in_one_step_is_kept_out(tmp_path):
    twice = [a_row("x@example.org")._replace(suppression="bounced"), a_row("x@example.org")]
    with store_with(tmp_path, []) as store:
        added = imports.add(store, [*people(600), *twice], source="test", now=NOW)
    assert added == Added(added=600, suppressed=1, kept_out=1, barred=1)
