"""Records are moved to a server and back, whole, and take no writes where they were."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any

import pytest

from newsletter.store import Store, copies
from newsletter.store.every_table import metadata
from newsletter.store.sqlite import files
from tests.support import postgres
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.raw_records import raw
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

MADE = "select 1 from pg_namespace where nspname = 'newsletter'"
URL = "NEWSLETTER_STORE__URL"
NEW = ("new@reader.example", "--consent-source", "a card")


@pytest.fixture
def lived(folder: Folder) -> Folder:
    """A newsletter that was sent in part, and that somebody has left and somebody was erased from."""
    folder.imported()
    addresses = [one.email for one in folder.people()]
    for ran in (
        folder.run("subscribers", "remove", addresses[3]),
        folder.run("subscribers", "erase", addresses[-1], "--yes"),  # the highest number
    ):
        assert ran.code == 0
    with aiosmtpd(Keeper()) as port:
        through_smtp(folder, port)
        assert folder.send("--limit", "10").code == 6
    folder.patch.delenv("NEWSLETTER_TRANSPORT__KIND")
    return folder


def rows(url: str) -> dict[str, str]:
    """A hash of each table, read without the program's types."""
    with Store.open(url, create=False, read_only=True) as store, store.reading() as connection:
        found = {}
        for table in metadata.sorted_tables:
            keys = [column.name for column in table.primary_key]
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            said = connection.exec_driver_sql(f"select {columns} from {table.name}").all()
            told = sorted(
                repr(tuple(int(v) if isinstance(v, bool) else v for v in r)) for r in said
            )
            assert keys
            found[table.name] = hashlib.sha256("\n".join(told).encode()).hexdigest()
        return found


def asked(url: str, question: str) -> list[tuple[Any, ...]]:
    with Store.open(url, create=False, read_only=True) as store, store.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(question)]


def file_url(folder: Folder, name: str = ".newsletter/newsletter.db") -> str:
    return f"sqlite:///{folder.root}/{name}"


def on_server(folder: Folder, database: str) -> str:
    return f"{postgres.server().url(database)}&folder={folder.root}/.newsletter"


def test_they_move_to_a_server_and_back_and_go_on_there(lived):
    database = postgres.new_database()
    url = postgres.server().url(database)
    before = rows(file_url(lived))
    ran = lived.run("db", "copy", "--to", url)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("copied and compared: 24 people, 23 deliveries")
    assert rows(on_server(lived, database)) == before
    lived.patch.setenv(URL, url)
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(lived, port)
        assert lived.send().code == 0
    lived.patch.delenv("NEWSLETTER_TRANSPORT__KIND")
    assert len(keeper.mails) == 13  # and ten before
    # The number of who was erased is not given again.
    source = ("--consent-source", "a card")
    assert lived.run("subscribers", "add", "new@reader.example", *source).code == 0
    query = "select max(id) from subscribers"
    assert postgres.server().ask(database, query) == [(26,)]
    assert lived.run("doctor").code == 0
    after = rows(on_server(lived, database))
    back = lived.run("db", "copy", "--to", "sqlite:///back.db")
    assert back.code == 0, back.err
    assert rows(file_url(lived, "back.db")) == after
    lived.patch.setenv(URL, "sqlite:///back.db")
    looked = lived.run("doctor", "--only", "store", "--json")
    assert [one["severity"] for one in only_json(looked)["checks"]] == ["ok"], looked.out
    assert not list(lived.root.glob("back.db-*"))
    assert lived.run("doctor").code == 0
    assert lived.run("subscribers", "erase", "new@reader.example", "--yes").code == 0
    assert lived.run("subscribers", "add", "newer@reader.example", *source).code == 0
    assert asked(file_url(lived, "back.db"), query) == [(27,)]


@pytest.mark.parametrize("kind", ["file", "server"])
def test_where_they_were_they_take_no_more_writes_until_they_are_marked_back(
    folder, kind, monkeypatch
):
    folder.imported()
    one = postgres.new_database()
    other = "sqlite:///c.db" if kind == "server" else postgres.server().url("other")
    assert folder.run("db", "copy", "--to", postgres.server().url(one)).code == 0
    if kind == "server":
        folder.patch.setenv(URL, postgres.server().url(one))
        assert folder.run("db", "copy", "--to", "sqlite:///back.db").code == 0
    for words in (
        ("send", "--issue", "74", "--confirm", "74"),
        ("subscribers", "add", *NEW),
        ("db", "copy", "--to", other),
        ("serve",),
    ):
        ran = folder.run(*words)
        assert (ran.code, ran.out) == (8, ""), words
        assert "set store.url to that place" in ran.hint
    for name, code in (("status", 0), ("schedule", 0), ("doctor", 5)):
        looked = folder.run(name)
        assert looked.code == code, name
        assert "these records were moved to " in looked.out + looked.err, name
        assert "set store.url to that place" in looked.out + looked.err, name
    assert looked.out.startswith("error store: ")
    assert str(folder.root) not in looked.out
    # What the message names is written as store.url as it stands.
    told = re.search(r"these records were moved to (\S+) on ", ran.error)
    assert told
    with monkeypatch.context() as patch:
        patch.setenv(URL, told[1])
        assert folder.run("subscribers", "add", *NEW).code == 0
    if kind == "server":
        postgres.server().ask(one, "comment on schema newsletter is null")
    else:
        (folder.root / ".newsletter/newsletter.db.moved").unlink()
    assert folder.send().code == 0
    for name in ("status", "doctor"):
        looked = folder.run(name)
        assert "moved" not in looked.out + looked.err


@pytest.mark.parametrize("gone", [False, True])
def test_no_backup_is_put_where_they_were_before_they_are_marked_back(folder, gone):
    folder.imported()
    assert folder.run("db", "backup", "copy.db").code == 0
    url = postgres.server().url(postgres.new_database())
    assert folder.run("db", "copy", "--to", url).code == 0
    records = folder.root / ".newsletter/newsletter.db"
    if gone:
        records.unlink()
    ran = folder.run("db", "restore", "copy.db", "--yes")
    assert (ran.code, ran.out) == (8, "")
    assert "these records were moved to postgresql://" in ran.error
    assert f"remove {records}.moved" in ran.hint
    assert records.exists() is not gone
    assert not list((records.parent / "backups").glob("before-restore-*"))
    (records.parent / "newsletter.db.moved").unlink()
    assert folder.run("db", "restore", "copy.db", "--yes").code == 0
    assert folder.send().code == 0


def test_a_run_goes_on_after_each_of_three_moves_and_ends(lived):
    server, keeper = postgres.server(), Keeper()
    places = [
        server.url(postgres.new_database()),
        file_url(lived, "between.db"),
        server.url(postgres.new_database()),
    ]
    with aiosmtpd(keeper) as port:
        through_smtp(lived, port)
        for place in places:
            ran = lived.run("db", "copy", "--to", place)
            assert ran.code == 0, ran.err
            lived.patch.setenv(URL, place)
            assert lived.send("--limit", "3").code == 6
        assert "took these records over" not in lived.run("status").out
        assert lived.send().code == 0
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 23 - 10


def test_records_that_another_server_took_over_are_not_copied_as_if_they_were_whole(lived):
    server, name = postgres.server(), postgres.new_database()
    assert lived.run("db", "copy", "--to", server.url(name)).code == 0
    lived.patch.setenv(URL, server.url(name))
    with aiosmtpd(Keeper()) as port:
        through_smtp(lived, port)
        assert lived.send("--limit", "3").code == 6
        lived.patch.setenv(URL, server.url(postgres.new_database(name)))
        ran = lived.run("db", "copy", "--to", file_url(lived, "laundered.db"))
    assert (ran.code, "another server took these records over" in ran.error) == (8, True)
    assert not (lived.root / "laundered.db").exists()


def test_a_cancelled_issue_keeps_no_records_on_a_server_that_took_them_over(lived):
    """Whoever sends it after all is asked in the file, too."""
    server, name = postgres.server(), postgres.new_database()
    assert lived.run("db", "copy", "--to", server.url(name)).code == 0
    lived.patch.setenv(URL, server.url(name))
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(lived, port)
        assert lived.send("--limit", "3").code == 6
        assert lived.run("cancel", "--issue", "74").code == 0
        lived.patch.setenv(URL, server.url(postgres.new_database(name)))
        ran = lived.run("db", "copy", "--to", file_url(lived, "back.db"))
        assert ran.code == 0, ran.err
        lived.patch.setenv(URL, file_url(lived, "back.db"))
        ran = lived.send()
    assert (ran.code, "these records are a backup of a server's" in ran.error) == (8, True)
    assert len(keeper.mails) == 3


def test_one_who_left_before_is_no_departure_anew_and_one_who_came_back_stays(folder):
    folder.imported()
    left, back = (one.email for one in folder.people()[3:5])
    for address in (left, back):
        assert folder.run("subscribers", "remove", address).code == 0
    assert folder.run("subscribers", "allow", back, "--yes").code in {0, 2}
    before = [(one.email, one.status) for one in folder.people()]
    database = postgres.new_database()
    assert folder.run("db", "copy", "--to", postgres.server().url(database)).code == 0
    folder.patch.setenv(URL, postgres.server().url(database))
    assert "unsubscribed after" not in folder.run("status").err
    assert folder.run("subscribers", "remove", left).code == 0
    assert folder.run("db", "copy", "--to", "sqlite:///.newsletter/again.db").code == 0
    folder.patch.setenv(URL, "sqlite:///.newsletter/again.db")
    ran = folder.run("db", "rotate-key")
    assert ran.code == 0
    assert "unsubscribed after" not in ran.err
    assert [(one.email, one.status) for one in folder.people()] == before


def test_a_program_that_has_them_open_keeps_them_where_they_are(folder):
    folder.imported()
    database = postgres.new_database()
    url = postgres.server().url(database)
    with Store.open(file_url(folder)) as store, store.reading():
        ran = folder.run("db", "copy", "--to", url)
        assert (ran.code, ran.out) == (7, "")
        assert "another program has these records open" in ran.error
        assert "newsletter serve" in ran.hint
    assert postgres.server().ask(database, MADE) == []
    assert folder.run("db", "copy", "--to", url).code == 0
    folder.patch.setenv(URL, url)
    # As another process is known to the server.
    with postgres.server().connect(database) as connection:
        connection.execute("set application_name = 'newsletter newsletter@1 elsewhere'")
        ran = folder.run("db", "copy", "--to", "sqlite:///back.db")
        assert ran.code == 7
        assert "another program has these records open" in ran.error
    assert not list(folder.root.glob("*back.db*"))
    with postgres.server().connect(database) as connection:
        connection.execute("set application_name = 'newsletter other@1 elsewhere'")
        assert folder.run("db", "copy", "--to", "sqlite:///back.db").code == 0


def test_a_copy_that_differs_is_undone_and_nothing_has_moved(folder, monkeypatch):
    folder.imported()
    real = copies._feed
    calls = []

    def feed(digest, rows):
        calls.append(1)
        real(digest, rows if len(calls) > 3 else rows[1:])

    monkeypatch.setattr(copies, "_feed", feed)
    database = postgres.new_database()
    ran = folder.run("db", "copy", "--to", postgres.server().url(database))
    assert ran.code == 1
    assert "differs, so it was undone" in ran.error
    assert postgres.server().ask(database, MADE) == []
    assert folder.send().code == 0


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("postgresql://me:secret@db/x", "the URL holds a password"),
        ("mysql://x/y", "the URL is not the address of a SQLite file"),
        ("sqlite:///back.db", "both places are SQLite files"),
        ("postgresql://wren@127.0.0.1:1/letters", "the database cannot be reached"),
    ],
)
def test_a_place_that_is_none_is_refused_and_nothing_has_moved(folder, to, said):
    folder.imported()
    ran = folder.run("db", "copy", "--to", to)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.error
    assert "secret" not in ran.err
    assert not (folder.root / ".newsletter/newsletter.db.moved").exists()


def test_a_delivery_of_no_run_is_not_taken_to_a_server(lived):
    with raw(lived.root / ".newsletter/newsletter.db") as connection:
        connection.execute(  # as a hand may, with no key switched on
            "insert into deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, "
            "position, state) values (999, 99, true, 1, 'x', 1, 'queued')"
        )
    ran = lived.run("db", "copy", "--to", postgres.server().url(postgres.new_database()))
    assert ran.code == 1
    assert "deliveries are on record without the run that they were sent in" in ran.error
    assert lived.run("subscribers", "add", "new@reader.example", "--consent-source", "x").code == 0


def test_a_place_that_is_taken_is_refused(folder):
    folder.imported()
    database = postgres.new_database()
    postgres.server().ask(database, "create schema newsletter create table newsletter.x (y int)")
    ran = folder.run("db", "copy", "--to", postgres.server().url(database))
    assert ran.code == 2
    assert "there is a database in this place already" in ran.error
    assert "?schema=NAME" in ran.hint
    assert "file" not in ran.hint
    assert folder.send().code == 0


def test_a_backup_of_a_server_is_a_file_that_is_restored_as_one(folder):
    database = postgres.new_database()
    folder.patch.setenv(URL, postgres.server().url(database))
    folder.imported()
    before = rows(on_server(folder, database))
    made = folder.run("db", "backup")
    assert made.code == 0, made.err
    named = folder.run("db", "backup", "copy.db")
    assert named.code == 0
    assert (folder.root / "copy.db").stat().st_mode & 0o777 == 0o600
    assert files.make_whole(folder.root / "copy.db") == ""
    reader = folder.people()[8].email
    assert folder.run("subscribers", "erase", reader, "--yes").code == 0
    kept = list((folder.root / ".newsletter/backups").iterdir())
    assert len(kept) == 1  # who was erased is in none
    assert reader.encode() not in kept[0].read_bytes()
    folder.patch.delenv(URL)
    assert folder.run("db", "restore", "copy.db", "--yes").code == 0
    assert rows(file_url(folder)) == before
    assert folder.send().code == 0
    assert os.environ.get(URL) is None
