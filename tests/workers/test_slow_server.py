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
    assert told.cause == "connection timeout expired"
