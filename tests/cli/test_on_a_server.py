"""The commands, with records in a database on a PostgreSQL server."""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from newsletter import store as room
from newsletter.delivery.deliver import Hand
from newsletter.sending import drain
from newsletter.store import Store, signing_keys
from newsletter.store.revisions import HEAD
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import at, through_smtp
from tests.support.site_fixtures import Site
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["at", "folder", "plain_environment"]

pytestmark = pytest.mark.processes

URL = "NEWSLETTER_STORE__URL"
VERSIONS = Path(room.__file__).parent / "migrations/versions"
#: Every column of every table; every key that leads to another.
SHAPE = """
    select table_name, column_name, data_type, collation_name, is_nullable,
        character_maximum_length from information_schema.columns
    where table_schema = 'newsletter' order by table_name, column_name
"""
KEYS = """
    select conname from pg_constraint
    where contype = 'f' and connamespace = 'newsletter'::regnamespace order by conname
"""
#: What the import of the example's list leaves in the folder, and the name of its database.
_kept: dict[str, bytes] = {}


@dataclasses.dataclass(frozen=True)
class OnServer(Folder):
    """A newsletter whose records are in a database."""

    database: str = ""

    def ask(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        return postgres.server().ask(self.database, question, *values)

    def real(self) -> dict[str, int]:
        """How many deliveries of a real run there are in each state."""
        question = "select state, count(*) from deliveries where not rehearsal group by state"
        return dict(self.ask(question))


@pytest.fixture
def empty(folder: Folder) -> OnServer:
    database = postgres.new_database()
    folder.patch.setenv(URL, postgres.server().url(database))
    return OnServer(folder.root, folder.patch, folder.capture, database)


@pytest.fixture
def newsletter(empty: OnServer) -> OnServer:
    """One with the example's list; it is imported once, and copied."""
    folder = empty.root / ".newsletter"
    if not _kept:
        empty.imported()
        _kept.update({path.name: path.read_bytes() for path in folder.iterdir()})
        _kept["database"] = postgres.new_database(empty.database).encode()
        return empty
    database = postgres.new_database(_kept["database"].decode())
    for name, content in _kept.items():
        if name != "database":
            path = empty.write(f".newsletter/{name}", content)
            path.chmod(0o600)
    folder.chmod(0o700)
    empty.patch.setenv(URL, postgres.server().url(database))
    return dataclasses.replace(empty, database=database)


def refused(folder: Folder, *words: str) -> tuple[str, str]:
    """The error and the hint of a command that ends with exit 2 and prints nothing."""
    ran = folder.run(*words)
    assert (ran.code, ran.out) == (2, ""), ran.err
    return ran.error, ran.hint


def test_before_a_list_is_imported_there_are_no_records(empty):
    for words in (("status",), ("db", "upgrade")):
        said, hint = refused(empty, *words)
        assert said.endswith('the schema "newsletter" has no tables in this database yet')
        assert "newsletter subscribers import FILE" in hint
        assert hint.endswith("; that makes them")
    assert not (empty.root / ".newsletter").exists()


def test_an_issue_is_rehearsed_sent_and_never_sent_twice(newsletter):
    assert newsletter.send().code == 0
    assert len(newsletter.mails()) == 25
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(newsletter, port)
        assert newsletter.send("--limit", "10").code == 6
        assert newsletter.real() == {"accepted": 10, "queued": 15}
        assert newsletter.send().code == 0
        again = newsletter.send()
    assert again.code == 0
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25
    said = newsletter.run("status", "--issue", "74")
    assert re.search(r"74 +smtp +finished +25 +accepted 25", said.out)
    assert newsletter.run("stats", "--issue", "74").code == 0
    assert "25" in newsletter.run("stats").out
    assert newsletter.run("stats", "--html", "numbers.html").code == 0


def test_the_doctor_names_a_guard_that_is_missing_changed_or_switched_off(newsletter):
    assert newsletter.run("doctor").code == 0
    blind = "as 'begin return old; end' language plpgsql"
    row, run = "for each row", "execute function newsletter_deliveries"
    for statement in (
        "drop trigger consents_kept on consents",
        f"create or replace function newsletter_events_kept() returns trigger {blind}",
        "alter table runs disable trigger runs_fixed",
        f"create or replace trigger deliveries_arrow before update of id on deliveries {row} {run}_arrow()",
        f"create or replace trigger deliveries_kept before delete on deliveries {row} when (false) {run}_kept()",
        "alter function newsletter_deliveries_fixed() reset all",
    ):
        postgres.server().ask(newsletter.database, statement)
    ran = newsletter.run("doctor")
    assert ran.code == 5
    named = "consents_kept, deliveries_arrow, deliveries_fixed, deliveries_kept, events_kept"
    assert f"missing or changed: {named}, runs_fixed" in ran.out


def test_people_are_shown_added_removed_and_erased(newsletter):
    ran = newsletter.run("subscribers", "add", "new@reader.example", "--consent-source", "a card")
    assert ran.code == 0
    assert newsletter.run("subscribers", "remove", "new@reader.example").code == 0
    assert newsletter.status_of("new@reader.example") == "unsubscribed"
    assert newsletter.run("subscribers", "erase", "new@reader.example", "--yes").code == 0
    assert newsletter.status_of("new@reader.example") == ""
    assert newsletter.run("subscribers", "list").code == 0
    out = newsletter.root / "all.csv"
    assert newsletter.run("subscribers", "export", str(out)).code == 0
    assert len(out.read_text("utf-8").splitlines()) == 26


def test_keys_are_rotated_and_an_upgrade_has_nothing_to_do(newsletter):
    assert newsletter.run("db", "rotate-key").code == 0
    with newsletter.records() as store:
        assert len(signing_keys.link_keys(store)) == 2
    assert "up to date" in newsletter.run("db", "upgrade").err


def taken_back(*, since):
    """What undoes on PostgreSQL what the revisions after this one do."""
    undone = []
    later = mock.Mock()
    later.create_table = lambda name, *_, **__: undone.append(f"drop table {name} cascade")
    later.create_index = lambda name, *_, **__: undone.append(f"drop index if exists {name}")
    later.add_column = lambda table, column: undone.append(
        f"alter table {table} drop column {column.name} cascade"
    )
    later.drop_constraint = lambda name, table, **_: undone.append(
        f"alter table {table} add constraint {name} "
        "foreign key (run_id, issue, rehearsal) references runs (id, issue, rehearsal)"
    )
    for path in sorted(VERSIONS.glob("00*.py")):
        if path.name[:4] > since:
            revision = importlib.import_module(f"newsletter.store.migrations.versions.{path.stem}")
            with mock.patch.object(revision, "op", later, create=True):  # guards alone need none
                revision.upgrade()
    return undone


def test_a_store_of_an_older_version_is_upgraded_whole_or_not_at_all(newsletter):
    shape, keys = newsletter.ask(SHAPE), newsletter.ask(KEYS)
    for statement in taken_back(since="0010"):
        newsletter.ask(statement)
    newsletter.ask("drop table paces")
    newsletter.ask("update alembic_version set version_num = '0010'")
    error, hint = refused(newsletter, "status")
    assert error.endswith("this store was made by an older version")
    assert "newsletter db upgrade" in hint
    assert f"the records are now at {HEAD}" in newsletter.run("db", "upgrade").err
    assert newsletter.ask("select version_num from alembic_version") == [(HEAD,)]
    assert (newsletter.ask(SHAPE), newsletter.ask(KEYS)) == (shape, keys)
    assert not [name for (name,) in keys if "deliveries" in name]
    assert newsletter.run("doctor").code == 0
    newsletter.ask("update alembic_version set version_num = '9999'")
    assert refused(newsletter, "status")[0].endswith("this store was made by a newer version")


def test_no_upgrade_is_made_under_a_worker_that_knows_the_old_tables(newsletter):
    with Store.open(f"{os.environ[URL]}&folder={newsletter.root}/other") as store, store.work():
        for statement in taken_back(since="0017"):
            newsletter.ask(statement)
        newsletter.ask("update alembic_version set version_num = '0017'")
        ran = newsletter.run("db", "upgrade")
        assert ran.code == 7
        assert "1 worker is at work: pid " in ran.error
        assert "end all workers" in ran.hint
        assert newsletter.ask("select version_num from alembic_version") == [("0017",)]
    assert newsletter.run("db", "upgrade").code == 0


def test_a_reader_leaves_by_the_page(newsletter):
    with Store.open(f"{os.environ[URL]}&folder={newsletter.root}/.newsletter") as store:
        site = Site(newsletter.root, store)
        path = site.path(3)
        assert site.client().get(path).status_code == 200
        assert site.client().post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        assert site.status(3) == "unsubscribed"
    assert newsletter.run("subscribers", "list").code == 0


def test_a_schema_beside_another_holds_records_of_its_own(newsletter):
    url = os.environ[URL]
    newsletter.patch.setenv(URL, f"{url}&schema=order")  # a word of SQL's
    none = 'the schema "order" has no tables in this database yet'
    assert refused(newsletter, "status")[0].endswith(none)
    newsletter.imported()
    assert newsletter.send().code == 0
    assert len(newsletter.outcomes()) == 25
    newsletter.patch.setenv(URL, url)
    assert newsletter.runs() == ()


def test_the_folder_of_this_machine_is_its_owners_alone(empty):
    empty.imported()  # and not copied, which would set what is looked at here
    made = empty.root / ".newsletter"
    inside = list(made.rglob("*"))
    assert any(path.is_file() for path in inside)
    for path in (made, *inside):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_looking_writes_nothing_beside_the_records(newsletter, tmp_path):
    with Store.open(f"{os.environ[URL]}&folder={tmp_path}/new", create=False, read_only=True) as it:
        assert not it.departures.behind
    assert not (tmp_path / "new").exists()


def test_who_left_on_this_machine_stays_out_of_a_database_that_was_restored(newsletter):
    copied = postgres.new_database(newsletter.database)
    reader = newsletter.people()[0].email
    assert newsletter.run("subscribers", "remove", reader).code == 0
    newsletter.patch.setenv(URL, postgres.server().url(copied))
    said = newsletter.run("status")
    assert "1 person unsubscribed after this backup was made" in said.err
    assert newsletter.status_of(reader) == "unsubscribed"


def test_a_database_that_knows_less_than_the_ledger_is_refused(newsletter):
    copied = postgres.new_database(newsletter.database)
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(newsletter, port)
        assert newsletter.send("--limit", "10").code == 6
        newsletter.patch.setenv(URL, postgres.server().url(copied))
        assert newsletter.send().code == 8
    assert len(keeper.mails) == 10


def test_a_server_that_goes_away_pauses_a_run_and_the_same_command_goes_on(newsletter, monkeypatch):
    keeper, real, calls = Keeper(), Hand.deliver_next, []

    def watched(hand, *words):
        calls.append(1)
        if len(calls) == 6:
            hand.settle()  # what it knows could be written down before
            end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = ?"
            postgres.server().ask("postgres", end, newsletter.database)
            postgres.server().ask(
                "postgres", f"alter database {newsletter.database} allow_connections false"
            )
        return real(hand, *words)

    monkeypatch.setattr(Hand, "deliver_next", watched)
    monkeypatch.setattr(drain, "_AWAY_SECONDS", 0)
    with aiosmtpd(keeper) as port:
        through_smtp(newsletter, port)
        ran = newsletter.send()
        allowed = f"alter database {newsletter.database} allow_connections true"
        postgres.server().ask("postgres", allowed)
        assert ran.code == 6, ran.err
        assert len(keeper.mails) == 5
        assert newsletter.send().code == 0
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://wren@127.0.0.1:1/letters", "the database cannot be reached"),
        ("postgresql://wren@%2Fnowhere/letters", "the database cannot be reached"),
    ],
)
def test_a_server_that_does_not_answer_is_told_with_a_way_out(folder, url, said):
    folder.patch.setenv(URL, url)
    error, hint = refused(folder, "subscribers", "list")
    assert said in error
    assert "store.url" in hint


def test_the_password_comes_from_the_environment_and_is_never_told(folder):
    folder.patch.setenv(URL, "postgresql://wren@127.0.0.1:1/letters")
    folder.patch.setenv("NEWSLETTER_STORE__PASSWORD", "hush-hush&x=1")
    for words in (("status",), ("settings",), ("settings", "--json"), ("doctor",)):
        ran = folder.run(*words)
        assert "hush" not in ran.out + ran.err


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_loses_what_it_calls_written_is_refused(newsletter, setting, monkeypatch):
    from newsletter.store.postgres import backend  # noqa: PLC0415

    said = f"current_setting('{setting}')"
    assert said in backend._SAFE
    monkeypatch.setattr(backend, "_SAFE", backend._SAFE.replace(said, "'off'"))
    error, hint = refused(newsletter, "send", "--issue", "74", "--confirm", "74")
    assert error.endswith("the records would not be safe in this database")
    assert "set both to on" in hint


def test_a_standby_is_refused_for_writing(newsletter):
    one = f"alter database {newsletter.database} set default_transaction_read_only = on"
    postgres.server().ask("postgres", one)
    assert newsletter.run("subscribers", "list").code == 0
    error, _ = refused(newsletter, "send", "--issue", "74", "--confirm", "74")
    assert error.endswith("this database can only be read")


def test_a_user_without_rights_is_told_which(empty):
    postgres.server().ask("postgres", f"create role r{empty.database} login")
    url = postgres.server().url(empty.database, user=f"r{empty.database}")
    empty.patch.setenv(URL, url)
    source = ("--consent-source", "an invented list")
    error, hint = refused(empty, "subscribers", "import", "subscribers/example.csv", *source)
    assert error.endswith("the database's user lacks a right")
    _, _, statement = hint.partition("as a superuser, in this database: ")
    assert statement == f"CREATE SCHEMA newsletter AUTHORIZATION r{empty.database}"
    postgres.server().ask(empty.database, statement)
    empty.imported()
    assert empty.send().code == 0


class _Revoking(Keeper):
    """A right is taken away while it takes the fifth mail."""

    def __init__(self, revoke: Callable[[], object]) -> None:
        super().__init__()
        self.revoke = revoke

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # as aiosmtpd calls it
        if len(self.mails) == 4:
            self.revoke()
        return await super().handle_DATA(server, session, envelope)


@pytest.mark.parametrize("table", ["runs", "deliveries"])
def test_a_right_that_is_taken_away_in_the_middle_pauses_and_is_named(empty, table):
    server, user = postgres.server(), f"r{empty.database}"
    server.ask("postgres", f"create role {user} login")
    server.ask(empty.database, f"create schema newsletter authorization {user}")
    empty.patch.setenv(URL, server.url(empty.database, user=user))
    empty.imported()
    rights = f"insert, update on newsletter.{table}"
    keeper = _Revoking(lambda: server.ask(empty.database, f"revoke {rights} from {user}"))
    with aiosmtpd(keeper) as port:
        through_smtp(empty, port)
        ran = empty.send()
        assert ran.code == 6
        assert f"permission denied for table {table} (InsufficientPrivilege" in ran.err
        assert ran.hint.endswith(
            "own the schema and its tables again, then run the same command again"
        )
        server.ask(empty.database, f"grant {rights} to {user}")
        assert empty.send().code in {0, 9}
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails})


def test_what_is_done_to_a_file_is_refused(newsletter):
    copy = newsletter.write("copy.db", "x")
    error, hint = refused(newsletter, "db", "restore", str(copy), "--yes")
    assert "names a database on a server" in error
    assert "docs/postgresql.md" in hint


def test_an_issue_is_approved_by_what_the_records_say(newsletter, at):
    with aiosmtpd(Keeper()) as port:
        through_smtp(newsletter, port)
        assert newsletter.send().code == 0
        at("2026-11-22 08:00")
        ran = newsletter.run("approve", "--issue", "74")
    assert ran.code == 8
    assert "was sent already" in ran.error
