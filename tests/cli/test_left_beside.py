"""What commands say of somebody who left while the records were busy, when nobody wrote since."""

from __future__ import annotations

import pytest

from newsletter import clocks
from newsletter.audience import Status
from newsletter.store import Store
from newsletter.store.consents import Evidence
from tests.support.beside_the_program import another_writes
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.store_samples import url_in

__all__ = ["folder", "plain_environment", "ready"]


@pytest.fixture
def left(ready):
    """The address of somebody who left past the records; the server has died since."""
    one = next(one for one in ready.people() if one.status is Status.ACTIVE)
    url = url_in(ready.root / ".newsletter")
    with Store.open(url) as store:
        store.departures._hurried_until = float("inf")  # past the records, as when they are busy
        store.departures.leave(one.handle, Evidence(source="unsubscribe page"), now=clocks.now())
    assert ready.status_of(one.email) == "active"
    return one.email


@pytest.mark.parametrize(
    "words", [("status",), ("subscribers", "list"), ("subscribers", "export", "list.csv")]
)
def test_whoever_looks_sees_that_they_left(ready, left, words):
    ran = ready.run(*words)
    assert (ran.code, "warning" in ran.err) == (0, False)
    assert ready.status_of(left) == "unsubscribed"


def test_an_export_does_not_call_them_active(ready, left):
    before = sum(one.status is Status.ACTIVE for one in ready.people())
    assert ready.run("subscribers", "export", "list.csv").code == 0
    assert (ready.root / "list.csv").read_text().count(",active,") == before - 1


def test_where_that_cannot_be_known_yet_it_is_said(ready, left, monkeypatch):
    monkeypatch.setattr("newsletter.cli.context._CATCH_UP_SECONDS", 0.1)
    with another_writes(ready.root / ".newsletter/newsletter.db"):
        ran = ready.run("subscribers", "list")
    assert ran.code == 0
    assert "warning: somebody has unsubscribed, and the records do not show it yet" in ran.err
