"""Stores of every earlier revision are brought to the tables and guards of a new one, rows kept.

tests/support/old_stores/ holds one of each, as the program of then made it.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from newsletter.delivery import State
from newsletter.errors import NewsletterError
from newsletter.store import Store, runs, schema, subscribers, tables
from newsletter.store.revisions import HEAD
from newsletter.store.sqlite import triggers
from tests.support.store_samples import REVISIONS, look, new_store, old_store, url_in

OLDER = [revision for revision in REVISIONS if revision != HEAD]


def definitions(folder: Path) -> dict[str, list[str]]:
    """All that the database was told to make, by name: tables, indexes, guards."""
    rows = look(folder, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: parts(sql) for name, sql in rows}


def parts(sql: str) -> list[str]:
    """Columns and constraints in any order: what came later stands at the end of its table."""
    text = re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()))
    if text.startswith("CREATE TRIGGER"):
        return [text]
    head, _, body = text.partition("(")
    found, depth = [""], 0
    for letter in body:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    # A constraint may stand in its column's definition or on its own.
    split = [re.split(r"(?<=\S) (?=CONSTRAINT )", part.strip(" )")) for part in found]
    return sorted([head.strip(' "'), *(piece.strip(" )") for part in split for piece in part)])


def everything(folder: Path) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, by the names of its columns."""
    names = look(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")
    with contextlib.closing(sqlite3.connect(folder / "newsletter.db")) as connection:
        connection.row_factory = sqlite3.Row
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for (name,) in names
            if name != "alembic_version"
        }


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    new_store(folder, []).close()
    return definitions(folder)


@pytest.mark.sweep
@pytest.mark.parametrize("revision", OLDER)
def test_a_store_of_an_older_revision_becomes_like_a_new_one(tmp_path, revision, new):
    old_store(tmp_path, revision)
    assert schema.upgrade(url_in(tmp_path)) == (revision, HEAD)
    assert definitions(tmp_path) == new
    assert look(tmp_path, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_a_store_of_this_revision_made_by_an_earlier_program_is_like_a_new_one(tmp_path, new):
    """Turns red when tables or guards change without a new revision."""
    old_store(tmp_path, HEAD)
    assert definitions(tmp_path) == new


def test_the_tables_are_those_the_program_knows(tmp_path):
    old_store(tmp_path, "0001")
    schema.upgrade(url_in(tmp_path))
    upgraded = sa.create_engine(url_in(tmp_path))
    with upgraded.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    upgraded.dispose()


@pytest.mark.sweep
@pytest.mark.parametrize("revision", OLDER)
def test_no_row_is_lost_or_changed(tmp_path, revision):
    old_store(tmp_path, revision)
    before = everything(tmp_path)
    schema.upgrade(url_in(tmp_path))
    after = everything(tmp_path)
    assert before["runs"]
    assert len(before["deliveries"]) >= 7
    for name, rows in before.items():
        kept = [{key: row[key] for key in old} for row, old in zip(after[name], rows, strict=True)]
        assert kept == rows, name
    assert {row["risked"] for row in after["deliveries"]} == {0}
    (run,) = after["runs"]
    assert (run["pause"], run["reason"]) == ("", "")
    assert run["forgotten_attempts"] == (2 if revision >= "0006" else 0)
    assert look(tmp_path, "PRAGMA foreign_key_check") == []


@pytest.mark.sweep
@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgraded_store_goes_on(tmp_path, revision):
    old_store(tmp_path, revision)
    schema.upgrade(url_in(tmp_path))
    with Store.open(url_in(tmp_path)) as store:
        (run,) = runs.find_all(store)
        assert runs.counts(store, run).total == (7 if revision == "0001" else 8)
        assert runs.counts(store, run)[State.ACCEPTED] == 1
        assert subscribers.by_handle(store, f"{1:024x}") is not None
        assert len(store.feedback.store_id()) == 32


@pytest.mark.sweep
@pytest.mark.parametrize("revision", OLDER)
def test_only_a_store_without_an_id_gets_one_and_copies_of_it_the_same(tmp_path, revision):
    ids = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        old_store(tmp_path / name, revision)
        schema.upgrade(url_in(tmp_path / name))
        ids |= {look(tmp_path / name, "SELECT id, old_tags_until IS NULL FROM identity")[0]}
    [(found, untagged)] = ids
    assert (found == "5" * 32) == (revision >= "0005")
    # What was sent before has tags without an id.
    assert bool(untagged) == (revision >= "0005")


def test_an_upgrade_that_fails_in_the_middle_changes_nothing(tmp_path, monkeypatch):
    old_store(tmp_path, "0002")
    before, made = everything(tmp_path), definitions(tmp_path)
    monkeypatch.setattr(triggers, "create", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        schema.upgrade(url_in(tmp_path))
    assert everything(tmp_path) == before
    assert definitions(tmp_path) == made


def test_rows_that_point_at_nothing_stop_an_upgrade(tmp_path):
    old_store(tmp_path, "0003")
    with contextlib.closing(sqlite3.connect(tmp_path / "newsletter.db")) as old, old:
        old.execute("INSERT INTO tags VALUES (99, 'stray')")
    with pytest.raises(NewsletterError, match="point at nothing"):
        schema.upgrade(url_in(tmp_path))
    assert look(tmp_path, "SELECT version_num FROM alembic_version") == [("0003",)]


def test_the_program_names_the_newest_migration():
    folder = Path(schema.__file__).with_name("migrations")
    assert ScriptDirectory(str(folder)).get_heads() == [HEAD]
