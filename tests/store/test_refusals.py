"""Why there is no connection, in words, with the way out of each case."""

from __future__ import annotations

from types import SimpleNamespace

import psycopg
import pytest
from psycopg import errors

from newsletter.errors import InputError, Place, UnreachableError
from newsletter.store.postgres.faults import fault

PLACE = Place("postgresql://db.example.org/letters")
TCP = 'connection failed: connection to server at "10.0.0.7", port 5432 failed: '
FATAL = f"{TCP}FATAL:  "
HOST = 'host "10.0.0.8", user "wren", database "letters"'

#: What is said at the door by PostgreSQL 14 to 18, pgbouncer 1.16 to 1.24 and libpq: words of the sentence, words of the hint.
SAID = {
    f'{FATAL}password authentication failed for user "wren"': ("password", "NEWSLETTER_STORE__PASSWORD"),
    f"{FATAL}SASL authentication failed": ("password", "NEWSLETTER_STORE__PASSWORD"),
    f"{TCP}fe_sendauth: no password supplied": ("there is none", "NEWSLETTER_STORE__PASSWORD"),
    f'{FATAL}role "wren" does not exist': ("does not know this user", "createuser"),
    f'{FATAL}role "wren" is not permitted to log in': ("does not know this user", "createuser"),
    f'{FATAL}Peer authentication failed for user "wren"': ("does not know this user", "createuser"),
    f"{FATAL}no such user": ("does not know this user", "createuser"),
    f'{FATAL}database "letters" does not exist': ("there is no such database", "createdb"),
    f'{FATAL}database "letters" is not currently accepting connections': ("for now", "ALLOW_CONNECTIONS"),
    f"{FATAL}no such database: letters": ("the pooler knows no such", "[databases]"),
    f"{FATAL}sorry, too many clients already": ("takes no more connections", "max_connections"),
    f"{FATAL}remaining connection slots are reserved for roles with the SUPERUSER attribute": ("takes no more connections", "max_connections"),
    f"{FATAL}remaining connection slots are reserved for non-replication superuser connections": ("takes no more connections", "max_connections"),
    f'{FATAL}too many connections for role "wren"': ("of this user", "CONNECTION LIMIT"),
    f'{FATAL}too many connections for database "letters"': ("of this user", "CONNECTION LIMIT"),
    f"{FATAL}no more connections allowed (max_client_conn)": ("the pooler takes no more", "max_client_conn"),
    f"{FATAL}the database system is starting up": ("starting or shutting down", "wait a moment"),
    f"{FATAL}the database system is shutting down": ("starting or shutting down", "wait a moment"),
    f"{FATAL}the database system is in recovery mode": ("starting or shutting down", "wait a moment"),
    f"{FATAL}the database system is not yet accepting connections": ("starting or shutting down", "wait a moment"),
    f"{FATAL}pgbouncer cannot connect to server": ("the pooler cannot reach", "the pooler's settings"),
    f"{FATAL}server login has been failing, try again later (server_login_retry)": ("the pooler cannot reach", "the pooler's settings"),
    f"{FATAL}client_login_timeout (server down)": ("the pooler cannot reach", "the pooler's settings"),
    f"{FATAL}bouncer config error": ("the pooler's settings", "log"),
    f"{FATAL}query_wait_timeout": ("free for too long", "default_pool_size"),
    f"{FATAL}unsupported startup parameter: options": ("option", "ignore_startup_parameters"),
    f"{FATAL}SSL required": ("only with an encrypted connection", "sslmode=require"),
    f"{FATAL}no pg_hba.conf entry for {HOST}, no encryption": ("only with an encrypted connection", "sslmode=require"),
    f"{FATAL}no pg_hba.conf entry for {HOST}, SSL encryption\n{FATAL}no pg_hba.conf entry for {HOST}, no encryption": ("from this machine", "pg_hba.conf"),
    f'{FATAL}no pg_hba.conf entry for host "[local]", user "wren", database "letters", no encryption': ("from this machine", "pg_hba.conf"),
    f"{TCP}server does not support SSL, but SSL was required": ("does not encrypt", "sslmode=disable"),
    f"{TCP}SSL error: certificate verify failed": ("certificate of its server", "sslrootcert"),
    f'{TCP}server certificate for "a" does not match host name "b"': ("certificate of its server", "sslrootcert"),
    f'{TCP}root certificate file "/root/.postgresql/root.crt" does not exist': ("certificate of its server", "sslrootcert"),
    f"{FATAL}connection requires a valid client certificate": ("of this client", "sslcert"),
    "failed to resolve host 'db': [Errno -2] Name or service not known": ("not found by its name", "store.url"),
    "failed to resolve host 'db': [Errno -3] Temporary failure in name resolution": ("not found by its name", "store.url"),
    f"{TCP}Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?": ("nothing listens there", "store.url"),
    f"{TCP}No route to host": ("it does not answer", "let through"),
    "connection timeout expired": ("it does not answer", "let through"),
    "it does not answer": ("it does not answer", "let through"),
}  # fmt: skip


def told(error: BaseException, *, opening: bool):
    return fault(error, PLACE, opening=opening, seconds=30)


@pytest.mark.parametrize("said", SAID)
def test_at_the_door_there_is_one_sentence_and_one_way_out(said):
    why, way = SAID[said]
    found = told(psycopg.OperationalError(said), opening=True)
    assert type(found) is InputError
    assert found.message.startswith("the database cannot be reached: ")
    assert why in found.message
    assert found.hint
    assert way in found.hint
    assert found.cause in said.splitlines()


@pytest.mark.parametrize("said", SAID)
def test_in_the_middle_all_of_it_is_borne_for_a_while(said):
    found = told(psycopg.OperationalError(said), opening=False)
    assert type(found) is UnreachableError
    assert found.message == "the database cannot be reached any more"
    assert found.cause
    assert SAID[said][0] in found.cause


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (errors.InvalidPassword, "refuses this user's password"),
        (errors.InvalidAuthorizationSpecification, "does not know this user"),
        (errors.InvalidCatalogName, "there is no such database"),
        (errors.TooManyConnections, "its server takes no more connections"),
        (errors.CannotConnectNow, "starting or shutting down"),
        (errors.AdminShutdown, "has ended the connection"),
        (errors.CrashShutdown, "has ended the connection"),
        (errors.QueryCanceled, "a statement that took too long"),
        (errors.ConnectionFailure, "the connection broke"),
        (errors.ProtocolViolation, "the connection broke"),
    ],
)
def test_a_server_that_talks_another_language_is_understood_by_its_sqlstate(kind, why):
    for opening, meant in ((True, InputError), (False, UnreachableError)):
        found = told(kind("das geht gerade nicht"), opening=opening)
        assert type(found) is meant
        assert why in (found.message if opening else found.cause or "")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("query_wait_timeout", "the pooler has had no connection to the server free"),
        ("server conn crashed?", "the pooler cannot reach the server"),
        (
            "server login has been failing, try again later (server_login_retry)",
            "the pooler cannot reach the server",
        ),
        ("transaction blocks not allowed in statement pooling mode", "a connection of its own"),
        ("query timeout", "the pooler has ended what took too long"),
        ("idle transaction timeout", "the pooler has ended what took too long"),
    ],
)
def test_a_pooler_is_understood_by_its_words(said, why):
    found = told(errors.ProtocolViolation(said), opening=False)
    assert type(found) is UnreachableError
    assert why in (found.cause or "")


class NamedByReaderError(Exception):
    """A row that is refused, as the driver has it."""

    sqlstate = "23505"
    diag = SimpleNamespace(severity_nonlocalized="ERROR", constraint_name="subscribers_email")


def test_what_a_row_holds_is_taken_for_no_refusal():
    found = told(NamedByReaderError("Key (name)=(Connection refused) exists"), opening=False)
    assert type(found) is not UnreachableError
    assert found.cause == "NamedByReaderError, SQLSTATE 23505, subscribers_email"


def test_what_nobody_foresaw_is_told_with_all_ways_out():
    found = told(psycopg.OperationalError(f"{TCP}mince"), opening=True)
    assert (found.message, found.cause) == ("the database cannot be reached", f"{TCP}mince")
    assert "password" in (found.hint or "")


@pytest.mark.parametrize(("opening", "meant"), [(False, UnreachableError), (True, InputError)])
def test_a_connection_that_ends_under_an_answer_is_no_bug(opening, meant):
    # As psycopg says it where a pooler refuses a BEGIN and hangs up: the refusal, and the end.
    said = "received 2 results from command 'BEGIN ISOLATION LEVEL READ COMMITTED'"
    found = told(psycopg.InternalError(said), opening=opening)
    assert type(found) is meant
    assert found.message.startswith("the database cannot be reached")
