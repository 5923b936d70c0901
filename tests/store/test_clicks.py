"""Counted links: frozen with their run, followed by nobody in particular."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from newsletter.audience import eligible
from newsletter.errors import NewsletterError, RefusedError
from newsletter.render import CountedLink
from newsletter.store import clicks, freezing, history, tables
from newsletter.store.clicks import Click
from tests.support.store_samples import (
    NOW,
    a_content,
    by_hand,
    drop_guard,
    look,
    people,
    store_with,
)

LINKS = (
    CountedLink(number=1, url="https://a.example/", text="one"),
    CountedLink(number=2, url="https://b.example/", text="two"),
)


@pytest.fixture
def store(tmp_path, dialect):
    with store_with(tmp_path, people(3)) as opened:
        yield opened


def begin(store, links=LINKS, *, issue=74, rehearsal=False, expect=None):
    content = dataclasses.replace(a_content(issue), links=links)
    return freezing.start(
        store, content, rehearsal=rehearsal, transport="x", eligible=eligible(), now=NOW,
        expect=expect,
    )  # fmt: skip


def click(number=1, *, hour=8, machine=False, issue=74):
    when = dt.datetime(2026, 11, 22, hour, tzinfo=dt.UTC)
    return Click(issue=issue, number=number, hour=when, machine=machine)


def test_links_are_there_with_the_run_and_lead_where_they_did(store):
    begin(store)
    found = clicks.target(store, 74, 2)
    assert found is not None
    assert (found.url, found.sent_at) == ("https://b.example/", NOW)
    assert clicks.target(store, 74, 3) is None
    assert clicks.target(store, 75, 1) is None


def test_where_a_link_leads_cannot_be_changed_once_mails_leave(store):
    begin(store)
    for statement in (
        "UPDATE links SET url = 'https://evil.example/'",
        "DELETE FROM links",
    ):
        with pytest.raises(NewsletterError, match="refused"), store.writing() as connection:
            connection.exec_driver_sql(statement)


def test_a_run_that_did_not_begin_leaves_none_and_the_next_try_has_its_own(store, tmp_path):
    with pytest.raises(RefusedError):
        begin(store, expect=9)
    assert look(tmp_path, "SELECT count(*) FROM links") == [(0,)]
    begin(store, LINKS[:1])
    assert clicks.target(store, 74, 2) is None


def test_a_rehearsal_has_none(store, tmp_path):
    begin(store, rehearsal=True)
    assert look(tmp_path, "SELECT count(*) FROM links") == [(0,)]
    assert clicks.target(store, 74, 1) is None


def test_links_of_a_run_that_is_being_frozen_lead_nowhere_yet(store, tmp_path):
    begin(store)
    with by_hand(tmp_path) as execute:
        drop_guard(execute, "runs_recipients", "runs")
        execute("UPDATE runs SET recipients = 0")
    assert clicks.target(store, 74, 1) is None


def test_clicks_add_up_by_link_and_sort(store, tmp_path):
    run = begin(store)
    clicks.add(store, {click(): 2, click(hour=9): 1, click(machine=True): 5})
    clicks.add(store, {click(): 3, click(2, machine=True): 1})
    with store.reading() as connection:
        found = clicks.of_run(connection, run)
    assert found is not None
    assert [(one.link, one.clicks, one.machines) for one in found] == [(1, 6, 5), (2, 0, 1)]
    assert history.of_issue(store, run).stats.links == found
    assert look(tmp_path, "SELECT hour, times FROM clicks WHERE sort = 'person' ORDER BY hour") == [
        ("2026-11-22T08", 5), ("2026-11-22T09", 1),
    ]  # fmt: skip


def test_an_issue_whose_links_are_not_counted_has_none_and_not_zero(store):
    run = begin(store, ())
    assert history.of_issue(store, run).stats.links is None


def test_no_column_can_say_who_followed_a_link():
    """Turns red when anything is added: then say here why it names nobody."""
    found = {column.name: column.type.python_type for column in tables.clicks.columns}
    assert found == {"issue": int, "number": int, "hour": str, "sort": str, "times": int}
    assert str(tables.clicks.c.hour.type) == f"VARCHAR({len('2026-11-22T08')})"
    assert set(tables.links.columns.keys()) == {"issue", "number", "url", "text"}
    assert not tables.clicks.foreign_keys
