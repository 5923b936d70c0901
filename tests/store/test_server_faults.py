"""What a PostgreSQL server says while it goes down, and how long one that says nothing is waited for."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from newsletter.errors import InputError, PausedError, Place, UnreachableError
from newsletter.project.records import store_url
from newsletter.store import Store
from newsletter.store.postgres.address import ServerAddress
from newsletter.store.postgres.backend import PostgresBackend
from newsletter.store.postgres.faults import fault

PLACE = Place("postgresql://db.example.org/letters")


class DiskFullError(Exception):
    """As the driver has it."""

    sqlstate = "53100"

    def __init__(self, severity: str) -> None:
        super().__init__("no space left on device")
        self.diag = SimpleNamespace(severity_nonlocalized=severity, constraint_name=None)


@pytest.mark.parametrize(
    ("severity", "kind"), [("PANIC", UnreachableError), ("ERROR", PausedError)]
)
def test_a_server_that_goes_down_is_waited_for_whatever_it_says(severity, kind):
    assert type(fault(DiskFullError(severity), PLACE, opening=False, seconds=30)) is kind


def test_a_connection_without_a_sign_of_the_other_end_is_given_up():
    query = ServerAddress.parse("postgresql://wren@db.example.org/letters").url.query
    assert query["tcp_user_timeout"] == "30000"
    assert query["keepalives_idle"] == "10"


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://wren@127.0.0.1:54329/letters",
        "postgresql://wren@[::1]:54329/letters",
        "postgresql://wren@%2Frun%2Fpg/letters",
        "postgresql://wren@/letters?host=/run/pg&port=5433",
        "postgresql://a%40b@db.example.org/letters?schema=other&sslmode=verify-full",
        "postgresql:///letters",
    ],
)
@pytest.mark.parametrize("secret", ["", "a&b"])
def test_a_place_is_named_as_store_url_is_written_without_its_password(tmp_path, written, secret):
    parsed = ServerAddress.parse(store_url(tmp_path, written, secret))
    assert str(parsed.place) == written
    assert parsed.url.password == (secret or None)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://wren:tern%40@db:5433/letters",
        "postgresql://wren@db:5433/letters?password=tern",
        "postgresql://wren@db:5433/letters?sslpassw%6Frd=tern&passw%6Frd=tern",
    ],
)
def test_no_place_tells_a_password_wherever_it_stands(url):
    assert str(ServerAddress.parse(url).place) == "postgresql://wren@db:5433/letters"


def test_without_the_driver_each_way_of_installing_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "newsletter.store.postgres.connections", None)
    with pytest.raises(InputError) as caught:
        Store.open("postgresql://wren@127.0.0.1:1/letters")
    assert "the driver for PostgreSQL is not installed" in str(caught.value)
    assert "pipx inject gitletter 'psycopg[binary]'" in (caught.value.hint or "")


class DeniedError(Exception):
    """As the driver has it."""

    sqlstate = "42501"

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.diag = SimpleNamespace(severity_nonlocalized="ERROR", message_primary=words)


@pytest.mark.parametrize(
    ("thing", "statement"),
    [
        ("database letters", 'CREATE SCHEMA other AUTHORIZATION "le-an"'),
        ("schema other", 'ALTER SCHEMA other OWNER TO "le-an"'),
    ],
)
def test_a_right_that_is_missing_is_told_with_the_statement_that_gives_it(thing, statement):
    error = DeniedError(f"permission denied for {thing}")
    address = ServerAddress.parse("postgresql://le-an@127.0.0.1:1/letters?schema=other")
    backend = PostgresBackend(address)
    assert statement in (backend.fault(error, opening=True).hint or "")
    backend.close()
