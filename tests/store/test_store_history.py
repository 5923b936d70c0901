"""The newsletter over time: whatever happens to the list, the figures add up to it on every day."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from newsletter.audience import Status, eligible
from newsletter.delivery import Outcome, Result, RunState
from newsletter.stats.growth import net
from newsletter.stats.issues import FUNNEL, share, unusual, watch
from newsletter.store import Store, freezing, history, imports, runs, subscribers
from newsletter.store import stats as of_issue
from newsletter.store.consents import Evidence
from newsletter.store.sqlite import text
from newsletter.store.stats import of_run
from tests.support import claiming
from tests.support.effort import either
from tests.support.store_samples import NOW, a_content, a_row, named_store, people, suppress, url_in
from tests.support.stories import START, story

WHO = [f"reader{n}@example.org" for n in range(2)]
EVIDENCE = Evidence(source="a test")
UNTIL = START + dt.timedelta(days=179)
ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="0100-abc")


def happen(store: Store, what: str, who: str, now: dt.datetime) -> None:
    """One thing that can happen to an address."""
    if what == "import":
        imports.add(store, [a_row(who)], source="a list", now=now)
    elif what == "import pending":
        imports.add(store, [a_row(who, status=Status.PENDING)], source="a list", now=now)
    elif what == "import as left":
        imports.add(store, [a_row(who, status=Status.UNSUBSCRIBED)], source="a list", now=now)
    elif what == "import suppressed":
        imports.add(store, [a_row(who, suppression="blocked")], source="a list", now=now)
    elif what == "leave":
        subscribers.remove(store, who, now=now)
    elif what == "allow":
        subscribers.allow(store, who, EVIDENCE, now=now)
    elif what == "come back":
        if person := subscribers.find(store, who):
            subscribers.come_back(store, person.handle, EVIDENCE, now=now)
    elif what == "erase":
        subscribers.erase(store, who, now=now)
    else:
        suppress(store, who, reason=what, now=now)


THINGS = st.tuples(
    st.sampled_from((
        "import", "import", "import pending", "import as left", "import suppressed", "leave",
        "allow", "come back", "erase", "bounced", "complained", "soft bounces", "blocked",
    )),
    st.sampled_from(WHO),
)  # fmt: skip


@pytest.mark.trials
@settings(
    max_examples=either(40, 1500), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@example([("import", WHO[0]), ("bounced", WHO[0]), ("allow", WHO[0]), ("leave", WHO[0])])
@example([("import", WHO[0]), ("leave", WHO[0]), ("complained", WHO[0]), ("allow", WHO[0])])
@example([("import", WHO[0]), ("erase", WHO[0]), ("allow", WHO[0]), ("import", WHO[0])])
@given(st.lists(THINGS, min_size=1, max_size=16))
def test_comings_and_goings_add_up_to_the_list_on_every_day(life):
    with tempfile.TemporaryDirectory() as folder, named_store(Path(folder), []) as store:
        actual = {}
        for number, (what, who) in enumerate(life):
            now = NOW + dt.timedelta(days=number)
            happen(store, what, who, now)
            actual[now.date()] = subscribers.audience(store, eligible()).eligible
        growth = history.overview(store, now=now).growth
        total = 0
        for day, size in actual.items():
            total += net(growth.days.get(day, {}))
            assert total == size, (day, life)
        known = growth.sizes()
        assert {day: actual[day] for day in known} == known


@pytest.fixture(scope="module")
def store():
    with Store.open(url_in(story()), read_only=True) as opened:
        yield opened


def test_every_delivery_is_in_exactly_one_place(store):
    for run in runs.find_all(store):
        stats = of_run(store, run)
        assert set(stats.funnel) == set(FUNNEL)
        assert sum(stats.funnel.values()) == runs.counts(store, run).total
        # The columns overlap where a mail was delivered and brought a complaint.
        reported = {name: stats.funnel[name] for name in ("delivered", "bounced", "complained")}
        assert stats.totals["delivered"] == reported["delivered"] + stats.totals["complained"]
        assert stats.totals["bounced"] == reported["bounced"] > 0 or run.content.issue < 72
        assert stats.seen == sum(reported.values())


@pytest.mark.parametrize("part", [1, 7])
def test_so_many_deliveries_counted_at_a_time_change_nothing(store, monkeypatch, part):
    whole = [of_run(store, run) for run in runs.find_all(store)]
    monkeypatch.setattr(of_issue, "_PART", part)
    assert [of_run(store, run) for run in runs.find_all(store)] == whole
    assert all(one.totals["accepted"] > 2 * part for one in whole)


@pytest.mark.parametrize("email", ["a@b.example", "a.b+c-b@B.Example", "b@b", "é@ü.example", None])
def test_sqlite_finds_the_domain_as_every_database_does(store, email):
    with store.reading() as connection:
        parts = [
            connection.execute(sa.select(way(sa.literal(email, sa.String)))).scalar()
            for way in (text.domain_of, of_issue.portable_domain_of)
        ]
    assert parts == 2 * [None if email is None else email.partition("@")[2].lower()]


def test_an_issue_among_others_is_the_issue_alone(store):
    found = {row.issue: row for row in history.overview(store, now=UNTIL).issues}
    assert list(found) == [75, 74, 73, 72, 71, 70]
    for run in runs.find_all(store):
        stats, row = of_run(store, run), found[run.content.issue]
        assert (row.accepted, row.delivered, row.bounced, row.complained, row.left, row.seen) == (
            *stats.totals.values(), stats.seen,
        )  # fmt: skip
        assert row.hard == stats.bounces.get("permanent/noemail", 0)
        assert row.recipients == sum(stats.funnel.values())
        for by in (stats.domains, stats.hours):
            for column in next(iter(by.values())):
                assert sum(some[column] for some in by.values()) == stats.totals[column]
        assert sum(stats.left.values()) == row.left


def test_who_leaves_counts_for_the_issue_they_were_sent_and_not_past_the_next(store):
    rows = history.overview(store, now=UNTIL).issues
    assert sum(row.left for row in rows) == 12 - sum(row.left != 2 for row in rows)
    assert {row.left for row in rows} <= {1, 2}


def test_an_announced_issue_ends_nothing(tmp_path):
    with named_store(tmp_path, people(60)) as store:
        run = freezing.start(
            store, a_content(74), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
        )
        delivery = claiming.claim(store, run, now=NOW)
        assert delivery is not None
        claiming.settle(store, run, delivery, ACCEPTED, now=NOW)
        later = NOW + dt.timedelta(days=1)
        with store.writing() as connection:
            runs.insert_empty(connection, 75, rehearsal=False, state=RunState.ANNOUNCED, now=later)
        subscribers.remove(store, delivery.subscriber.address, now=later + dt.timedelta(days=1))
        assert of_run(store, run).totals["unsubscribed"] == 1
        (row,) = history.overview(store, now=later).issues
        assert row.left == 1
        assert row.delivered is row.bounced is row.complained is None
        assert row.waiting == 59


def test_who_was_never_sent_an_issue_leaves_because_of_none(tmp_path):
    with named_store(tmp_path, people(2)) as store:
        run = freezing.start(
            store, a_content(74), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
        )
        while delivery := claiming.claim(store, run, now=NOW):
            claiming.settle(store, run, delivery, ACCEPTED, now=NOW)
        later = NOW + dt.timedelta(days=1)
        imports.add(store, [a_row("new@example.org")], source="a form", now=later)
        for address in ("new@example.org", "reader1@example.org"):
            subscribers.remove(store, address, now=later)
        assert of_run(store, run).totals["unsubscribed"] == 1
        (row,) = history.overview(store, now=later).issues
        assert row.left == 1


def test_only_what_is_since_a_day_is_told(store):
    day = (START + dt.timedelta(days=90)).date()
    whole, part = (history.overview(store, now=UNTIL, since=d) for d in (None, day))
    assert min(part.growth.days) >= day > min(whole.growth.days)
    assert part.growth.active == whole.growth.active
    assert part.growth.sizes() == {d: n for d, n in whole.growth.sizes().items() if d >= day}
    assert [row.issue for row in part.issues] == [75, 74, 73]


def test_what_the_provider_judges_by_is_of_the_newest_issues(store):
    rows = history.overview(store, now=UNTIL).issues
    judged = watch(rows)
    assert judged is not None
    assert judged.issues == (70, 75)
    assert judged.accepted == sum(row.accepted for row in rows)
    assert judged.bounced == sum(row.hard or 0 for row in rows)
    assert watch([row for row in rows if row.hard is None]) is None


def test_an_issue_is_unusual_only_outside_the_range_of_those_before(store):
    reports = [history.of_issue(store, run) for run in runs.find_all(store)]
    assert [len(one.before) for one in reports] == [0, 1, 2, 3, 4, 5]
    assert unusual(reports[2]) == ()
    for one in reports[3:]:
        mine = share(one.stats.totals["bounced"], one.stats.totals["accepted"])
        others = [share(row.bounced, row.accepted) for row in one.before]
        known = [share for share in others if share is not None]
        assert mine is not None
        outside = len(known) >= 3 and not min(known) <= mine <= max(known)
        assert any("bounced than" in sentence for sentence in unusual(one)) is outside
