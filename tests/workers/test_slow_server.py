"""A server that accepts a connection and says nothing, as one does that is overwhelmed."""

from __future__ import annotations

import psycopg
import pytest

from newsletter.errors import InputError, Place, UnreachableError
from newsletter.store.postgres.faults import fault


@pytest.mark.parametrize("kind", [psycopg.OperationalError, psycopg.errors.ConnectionTimeout])
@pytest.mark.parametrize(("opening", "meant"), [(False, UnreachableError), (True, InputError)])
def test_it_is_away_for_now_and_that_is_no_bug(kind, opening, meant):
    told = fault(kind("connection timeout expired"), Place("db"), opening=opening, seconds=30)
    assert type(told) is meant
    assert "cannot be reached" in told.message
    assert "it does not answer" in (told.message if opening else told.cause or "")


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        (
            "consuming input failed: server closed the connection unexpectedly",
            "the connection broke",
        ),
        ("the connection is lost", "the connection broke"),
        (
            "sending query failed: could not send data to server: Broken pipe",
            "the connection broke",
        ),
        (
            "connection to server at 10.0.0.7 failed: Connection refused\n\tIs the server running?",
            "nothing listens there",
        ),
    ],
)
def test_a_broken_connection_is_told_in_plain_words(words, plain):
    told = fault(psycopg.OperationalError(words), Place("db"), opening=False, seconds=30)
    assert told.cause == plain
