"""Making, opening and upgrading a store; what cannot be opened."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.errors import InputError, NewsletterError
from newsletter.store import Store, schema, signing_keys
from newsletter.store.revisions import HEAD
from newsletter.store.sqlite.engine import _make_durable
from tests.support.store_samples import look, new_store, people, subscriber_count, url_in


def test_a_new_store_makes_its_folder_and_its_keys(tmp_path):
    with Store.open(url_in(tmp_path / "deep" / "down")) as store:
        assert subscriber_count(store) == 0
        assert len(signing_keys.newest(store).secret) == 32
        assert signing_keys.link_keys(store) == {
            signing_keys.newest(store).id: signing_keys.newest(store)
        }
        first = signing_keys.newest(store)
    with Store.open(url_in(tmp_path / "deep" / "down")) as store:
        assert signing_keys.newest(store) == first


def test_only_its_owner_can_read_a_new_store(tmp_path):
    with new_store(tmp_path, people(1)):
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    [left] = [name for name in modes if name.startswith("left-")]
    assert modes == dict.fromkeys(
        ("newsletter.db", "newsletter.db-wal", "newsletter.db-shm", left), 0o600
    )


def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "a b%20#ü&'?"
    new_store(folder, people(2)).close()
    with Store.open(url_in(folder), read_only=True) as store:
        assert subscriber_count(store) == 2
    assert [path.name for path in folder.glob("newsletter*")] == ["newsletter.db"]


def test_the_newest_link_key_signs_and_the_older_ones_still_verify(tmp_path):
    new_store(tmp_path, []).close()
    with sqlite3.connect(tmp_path / "newsletter.db") as connection:
        connection.execute(
            "INSERT INTO signing_keys VALUES (2, ?, 'links', '2099-01-01T00:00:00.000000Z')",
            (b"n" * 32,),
        )
    connection.close()
    with Store.open(url_in(tmp_path)) as store:
        assert signing_keys.newest(store).id == 2
        assert set(signing_keys.link_keys(store)) == {0, 2}


def test_link_keys_and_address_keys_are_different_secrets(tmp_path):
    new_store(tmp_path, []).close()
    rows = look(tmp_path, "SELECT purpose, secret FROM signing_keys ORDER BY id")
    assert [purpose for purpose, _ in rows] == ["links", "addresses"]
    assert rows[0][1] != rows[1][1]


def test_every_connection_that_writes_is_durable(tmp_path):
    with new_store(tmp_path, []) as store, store.writing() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_a_place_that_cannot_keep_records_safe_is_refused(tmp_path):
    # SQLite in memory knows no write-ahead log, like some network folders.
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(InputError, match="would not be safe") as caught:
        _make_durable(connection)
    connection.close()
    assert caught.value.cause == "journal_mode is memory, synchronous is 2"


# --- migrations ------------------------------------------------------------------------------


@pytest.mark.processes
def test_making_and_opening_a_store_loads_no_alembic(tmp_path):
    script = (
        "import sys; from newsletter.store import Store; "
        "Store.open(sys.argv[1]).close(); Store.open(sys.argv[1]).close(); "
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, url_in(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def set_revision(folder: Path, revision: str) -> None:
    new_store(folder, []).close()
    with sqlite3.connect(folder / "newsletter.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_an_older_store_asks_for_an_upgrade(tmp_path, read_only):
    set_revision(tmp_path, "0000")
    with pytest.raises(InputError, match="older version") as caught:
        Store.open(url_in(tmp_path), read_only=read_only)
    assert caught.value.hint == "newsletter db upgrade"


def test_a_newer_store_asks_for_a_newer_program(tmp_path):
    set_revision(tmp_path, "0999")
    with pytest.raises(InputError, match="newer version") as caught:
        Store.open(url_in(tmp_path))
    assert caught.value.hint == "update the newsletter program"
    with pytest.raises(InputError, match="newer version"):
        schema.upgrade(url_in(tmp_path))


def test_a_revision_that_is_no_number_is_somebody_elses(tmp_path):
    set_revision(tmp_path, "ae1027a6acf")
    with pytest.raises(InputError, match="not a newsletter's store"):
        Store.open(url_in(tmp_path))


def test_an_upgrade_of_a_current_store_changes_nothing(tmp_path):
    new_store(tmp_path, people(3)).close()
    before = look(tmp_path, "SELECT * FROM subscribers")
    assert schema.upgrade(url_in(tmp_path)) == (HEAD, HEAD)
    assert look(tmp_path, "SELECT * FROM subscribers") == before


def test_an_upgrade_that_finds_no_way_changes_nothing(tmp_path):
    set_revision(tmp_path, "0000")  # there never was such a one
    with pytest.raises(NewsletterError, match="cannot be brought") as caught:
        schema.upgrade(url_in(tmp_path))
    assert "0000" in str(caught.value.cause)
    assert look(tmp_path, "SELECT version_num FROM alembic_version") == [("0000",)]


def test_nothing_is_upgraded_where_there_is_no_store(tmp_path):
    with pytest.raises(InputError, match="no database here"):
        schema.upgrade(url_in(tmp_path))
    (tmp_path / "newsletter.db").touch()
    with pytest.raises(InputError, match="not a newsletter's store"):
        schema.upgrade(url_in(tmp_path))


# --- what cannot be opened -------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [False, True])
def test_a_missing_store_is_not_made_unless_asked_for(tmp_path, read_only):
    with pytest.raises(InputError, match="there is no database here yet"):
        Store.open(url_in(tmp_path), create=False, read_only=read_only)
    with pytest.raises(InputError, match="there is no database here yet"):
        Store.open(url_in(tmp_path / "none"), read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_gone_is_not_called_new(tmp_path):
    Store.open(url_in(tmp_path)).close()
    (tmp_path / "left-0123456789ab.log").touch()
    (tmp_path / "newsletter.db").unlink()
    with pytest.raises(InputError, match="no database here any more") as raised:
        Store.open(url_in(tmp_path), create=False)
    assert "newsletter db restore FILE" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://wren:secret@db.example.org/news", "not supported"),
        ("sqlite+aiosqlite:///secret.db", "not supported"),
        ("secret", "not supported"),
        ("sqlite://", "not supported"),
        ("sqlite:///", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:///secret.db?mode=ro", "name a file"),
    ],
)
def test_only_the_url_of_a_sqlite_file_is_taken_and_none_is_repeated(url, words):
    with pytest.raises(InputError, match=words) as caught:
        Store.open(url)
    shown = f"{caught.value} {caught.value.cause} {caught.value.hint}"
    assert "secret" not in shown
    assert "sqlite:///" in shown


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_is_named_as_such(tmp_path, read_only):
    (tmp_path / "newsletter.db").write_text("Dear reader, " * 500)
    with pytest.raises(InputError, match="not a SQLite database") as caught:
        Store.open(url_in(tmp_path), read_only=read_only)
    assert caught.value.place
    assert caught.value.place.file == str(tmp_path / "newsletter.db")
    assert (tmp_path / "newsletter.db").read_text() == "Dear reader, " * 500


def test_a_damaged_store_is_named_as_such(tmp_path):
    new_store(tmp_path, people(500)).close()
    file = tmp_path / "newsletter.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(InputError, match="damaged"):
        Store.open(url_in(tmp_path))


def test_another_programs_database_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "newsletter.db") as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
    connection.close()
    with pytest.raises(InputError, match="not a newsletter's store"):
        Store.open(url_in(tmp_path))
    assert look(tmp_path, "SELECT name FROM sqlite_master") == [("recipes",)]


def test_an_empty_file_is_a_store_only_when_it_may_be_made(tmp_path):
    (tmp_path / "newsletter.db").touch()
    with pytest.raises(InputError, match="not a newsletter's store"):
        Store.open(url_in(tmp_path), create=False)
    with Store.open(url_in(tmp_path)) as store:
        assert subscriber_count(store) == 0


@pytest.mark.parametrize("name", ["file.txt", "file.txt/deep"])
def test_a_folder_that_cannot_be_used_is_named(tmp_path, name):
    (tmp_path / "file.txt").touch()
    with pytest.raises(InputError, match="folder cannot be used"):
        Store.open(url_in(tmp_path / name))


def test_a_folder_in_place_of_the_file_cannot_be_opened(tmp_path):
    (tmp_path / "newsletter.db").mkdir()
    with pytest.raises(InputError, match="cannot be opened"):
        Store.open(url_in(tmp_path))


@pytest.mark.processes
def test_two_processes_can_make_the_same_store_at_once(tmp_path):
    script = (
        "import sys; from newsletter.store import Store, signing_keys; "
        "print(signing_keys.newest(Store.open(sys.argv[1])).secret.hex())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, url_in(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    secrets = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(secrets) == 1
