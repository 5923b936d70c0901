"""What a PostgreSQL server says while it goes down, and how long one that says nothing is waited for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from newsletter.errors import PausedError, Place, UnreachableError
from newsletter.store.postgres.address import ServerAddress
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
