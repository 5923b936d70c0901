"""Several machines call `send --due`, and the clock of one is wrong: that one is refused, by name."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter import clocks
from tests.support import postgres
from tests.support.cli_fixtures import Folder, Ran, folder, plain_environment
from tests.support.schedule_fixtures import DUE

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

RIGHT = clocks.now


@pytest.fixture
def database(folder: Folder) -> str:
    name = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(name))
    folder.patch.setenv("NEWSLETTER_SCHEDULE__RRULE", "FREQ=WEEKLY;BYDAY=SU")
    folder.imported()
    return name


def _off(folder: Folder, **by: float) -> None:
    folder.patch.setattr(clocks, "now", lambda: RIGHT() + dt.timedelta(**by))


def _due(folder: Folder) -> Ran:
    return folder.run(*DUE)


def _noted(database: str) -> list[tuple[object, ...]]:
    return postgres.server().ask(
        database, "select (select count(*) from occurrences), (select count(*) from clock)"
    )


@pytest.mark.parametrize(("off", "way"), [(3, "3 h 00 min ahead of"), (-3, "3 h 00 min behind")])
def test_who_is_wrong_is_refused_and_the_others_go_on(folder: Folder, database: str, off, way):
    _off(folder, hours=off)
    for words in (DUE, (*DUE, "--dry-run"), ("schedule", "--trust-clock")):
        ran = folder.run(*words)
        assert ran.code == 8, ran.err
        assert f"this machine's clock is {way} the database's" in ran.error
        assert "set it right" in ran.hint
    assert _noted(database) == [(0, 0)]
    _off(folder, minutes=4)  # as clocks are
    assert _due(folder).code == 0
    _off(folder)
    assert _due(folder).code == 0


def test_who_is_right_is_not_blamed_for_what_another_has_noted(folder: Folder, database: str):
    assert _due(folder).code == 0
    postgres.server().ask(database, "update clock set seen = ?", _moment(dt.timedelta(hours=3)))
    ran = _due(folder)
    assert ran.code == 8
    assert "a machine whose clock was" in ran.error
    assert "this one's is right" in ran.error
    assert "--trust-clock" in ran.hint
    assert folder.run("schedule", "--trust-clock").code == 0
    assert _due(folder).code == 0


def _moment(ahead: dt.timedelta) -> str:
    return f"{RIGHT() + ahead:%Y-%m-%dT%H:%M:%S.%fZ}"
