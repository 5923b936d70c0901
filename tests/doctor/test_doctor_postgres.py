"""`newsletter doctor` with records on PostgreSQL: the server's room, clock and user."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter import clocks
from newsletter.store.postgres import inspection
from tests.doctor.test_doctor import found, told
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.postgres import new_database, server, template

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


@pytest.fixture
def ask(ready, monkeypatch):
    database = new_database(template())
    server().ask(database, "DROP ROLE IF EXISTS wren")
    server().ask(database, "CREATE ROLE wren LOGIN")
    server().ask(database, "GRANT USAGE ON SCHEMA newsletter TO wren")
    server().ask(database, "GRANT ALL ON ALL TABLES IN SCHEMA newsletter TO wren")

    def asked(user="wren"):
        monkeypatch.setenv("NEWSLETTER_STORE__URL", server().url(database, user=user))
        return ready.run("doctor", "--only", "store-pg", "--json")

    yield asked
    server().ask(database, "DROP OWNED BY wren")
    server().ask(database, "DROP ROLE wren")


def test_a_server_with_room_for_us_is_well(ask):
    ran = ask()
    assert (ran.code, found(ran)) == (0, {}), ran.out
    assert told(ran, "store-pg")[0].startswith("PostgreSQL 1")


def test_a_superuser_is_told(ask):
    assert told(ask("nobody"), "store-pg")[0] == "the records' user is a superuser of the server"


@pytest.mark.parametrize(("ahead", "way"), [(120, "before"), (-120, "behind")])
def test_clocks_that_disagree_are_told(ask, monkeypatch, ahead, way):
    later = dt.timedelta(seconds=ahead)
    true = clocks.now
    monkeypatch.setattr(clocks, "now", lambda: true() + later)
    assert told(ask(), "store-pg")[0] == f"this machine's clock is 2 minutes {way} the server's"


def test_a_server_without_room_is_told(ask, monkeypatch):
    few = inspection._STATE.replace("current_setting('max_connections')::int", "8")
    monkeypatch.setattr(inspection, "_STATE", few)
    severity = found(ran := ask())
    assert severity == {"store-pg": "warning"}
    assert "more connections" in told(ran, "store-pg")[0]


def test_records_in_a_file_have_no_server(ready):
    assert "store-pg" not in ready.run("doctor", "--offline", "-v").out


def test_a_database_that_can_only_be_read_is_told(ask):
    server().ask("postgres", "ALTER ROLE wren SET default_transaction_read_only = on")
    ran = ask()
    assert found(ran) == {"store-pg": "error"}
    assert told(ran, "store-pg")[0] == "this database can only be read: nothing can be sent from it"
