"""One store has one lock, one log and one file of departures, by whatever path it is reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.errors import InputError, LockedError
from newsletter.store import Store, imports, schema
from newsletter.store.sqlite.engine import file_of
from newsletter.store.sqlite.maintenance import rewrite
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.store_samples import (
    LATER,
    NOW,
    people,
    store_with,
    subscriber_count,
    suppress,
    url_in,
)

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


def by_file(home: Path, real: Path) -> Path:
    (home / "link.db").symlink_to(real / "newsletter.db")
    return home / "link.db"


def by_parent(home: Path, real: Path) -> Path:
    (home / "link").symlink_to(real)
    return home / "link" / "newsletter.db"


def by_grandparent(home: Path, real: Path) -> Path:
    (home / "up").symlink_to(real.parent)
    return home / "up" / real.name / "newsletter.db"


def by_dots(home: Path, real: Path) -> Path:
    return home / ".." / home.name / ".." / real.parent.name / real.name / "newsletter.db"


def by_chain(home: Path, real: Path) -> Path:
    (home / "a.db").symlink_to(by_file(home, real))
    return home / "a.db"


def by_relative(home: Path, real: Path) -> Path:
    os.chdir(home)
    return Path(os.path.relpath(real / "newsletter.db"))


WAYS = [by_file, by_parent, by_grandparent, by_dots, by_chain, by_relative]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two folders; the real store is in the second."""
    home, real = tmp_path / "home", tmp_path / "disk" / "records"
    home.mkdir()
    real.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return home, real


@pytest.mark.parametrize("way", WAYS)
def test_a_lock_taken_by_one_path_is_held_on_every_other(places, way):
    home, real = places
    with store_with(real, people(1)) as store, store.lock():
        path = way(home, real)
        with (
            Store.open(f"sqlite:///{path}") as other,
            pytest.raises(LockedError, match="another run"),
            other.lock(),
        ):
            pass
        assert other.sender() == store.sender() != ""
    assert {p.name for p in home.iterdir()} <= {"link", "link.db", "a.db", "up"}


@pytest.mark.parametrize("way", WAYS)
def test_who_left_by_one_path_stays_out_of_a_backup_restored_to_another(places, way):
    home, real = places
    store_with(real, people(2)).close()
    shutil.copy(real / "newsletter.db", home / "backup.db")
    with Store.open(f"sqlite:///{way(home, real)}") as store:
        assert suppress(store, "reader1@example.org", reason="complained", now=LATER)
    shutil.copy(home / "backup.db", real / "newsletter.db")
    with Store.open(url_in(real)) as store:
        assert store.departures.kept_out == 1


def test_a_new_store_behind_a_link_is_made_where_the_link_leads(places):
    home, real = places
    path = by_file(home, real)
    Store.open(f"sqlite:///{path}").close()
    assert (real / "newsletter.db").is_file()
    assert path.is_symlink()


def test_a_circle_of_links_is_no_store(places):
    home, _ = places
    (home / "a.db").symlink_to(home / "b.db")
    (home / "b.db").symlink_to(home / "a.db")
    with pytest.raises(InputError, match="cannot be opened"):
        file_of(f"sqlite:///{home}/a.db")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_with_a_second_name_is_refused_under_both(places, read_only):
    home, real = places
    store_with(real, people(1)).close()
    os.link(real / "newsletter.db", home / "newsletter.db")
    for place in (home, real):
        with pytest.raises(InputError, match="hard link") as caught:
            Store.open(url_in(place), create=False, read_only=read_only)
        assert caught.value.hint
        with pytest.raises(InputError, match="hard link"):
            schema.upgrade(url_in(place))
    # The way out of the hint.
    shutil.copy(home / "newsletter.db", home / "new.db")
    (home / "new.db").replace(home / "newsletter.db")
    Store.open(url_in(home)).close()
    Store.open(url_in(real)).close()


def test_a_newsletter_reached_through_a_link_has_one_lock(ready: Folder, tmp_path):
    (tmp_path / "link").symlink_to(ready.root)
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store, store.lock():
        ran = ready.run("-C", str(tmp_path / "link"), "send", "--issue", "74", "--confirm", "74")
    assert ran.code == 7
    assert ready.mails() == []


# --- looking ---------------------------------------------------------------------------------


def test_a_reader_sees_what_a_writer_has_done_since_whenever_the_file_changes(tmp_path):
    store_with(tmp_path, people(3)).close()
    with Store.open(url_in(tmp_path), read_only=True) as reader:
        assert subscriber_count(reader) == 3
        for number in (400, 800, 1200):
            # PreparedIssue and closed, so that the log is folded into the file under the reader.
            with Store.open(url_in(tmp_path)) as writer:
                imports.add(writer, people(number), source="test", now=NOW)
                rewrite(writer)
            assert subscriber_count(reader) == number
            reader.backend.expect_whole()


WRITER = """
import sys
from newsletter.store import Store, imports
from newsletter.store.sqlite.maintenance import rewrite
from tests.support.store_samples import NOW, people
print("ready", flush=True)
for number in range(1, 60):
    with Store.open(sys.argv[1]) as store:
        imports.add(store, people(number * 7), source="test", now=NOW)
        if number % 5 == 0:
            rewrite(store)
"""


def test_no_look_at_a_working_store_calls_it_damaged(tmp_path):
    store_with(tmp_path, people(1)).close()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    looks, counts = 0, [0]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url_in(tmp_path)], env=environment, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout
        writer.stdout.readline()
        while writer.poll() is None:
            with Store.open(url_in(tmp_path), read_only=True) as store:
                counts.append(subscriber_count(store))
                looks += 1
        assert writer.returncode == 0
    assert counts == sorted(counts)
    assert looks > 5


def as_another_user(act: Callable[[], object]) -> str:
    """What `act` says to a user who is not root, whom no permission stops."""
    if os.geteuid():
        return said(act)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.setgid(65534)
        os.setuid(65534)
        os.write(write, said(act).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        found = told.read()
    os.waitpid(child, 0)
    return found


def said(act: Callable[[], object]) -> str:
    try:
        return repr(act())
    except InputError as error:
        return error.message


def test_a_folder_that_cannot_be_written_is_named_as_the_reason():
    home = Path(tempfile.mkdtemp(dir="/tmp"))

    def count() -> int:
        with Store.open(url_in(home), read_only=True) as store:
            return subscriber_count(store)

    try:
        store_with(home, people(3)).close()
        assert count() == 3
        for file, top in ((0o444, 0o555), (0o666, 0o555), (0o444, 0o777)):
            (home / "newsletter.db").chmod(file)
            home.chmod(top)
            assert "a folder that it can write" in as_another_user(count)
            names = sorted(path.name for path in home.iterdir())
            assert [name for name in names if not name.startswith("left-")] == ["newsletter.db"]
        (home / "newsletter.db").chmod(0o666)
        assert as_another_user(count) == "3"
    finally:
        home.chmod(0o755)
        shutil.rmtree(home)
