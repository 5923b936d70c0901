"""Recipients are frozen step by step; nothing is claimed before all are, and a crash begins anew."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from newsletter import clocks
from newsletter.audience import And, HasTag, eligible
from newsletter.cli import records
from newsletter.delivery import Run, RunState, State
from newsletter.errors import CancelledError, NewsletterError, RefusedError
from newsletter.schedule import Occurrence
from newsletter.store import Store, batches, filling, freezing, imports, runs, schema, subscribers
from newsletter.store.calendar import Calendar
from newsletter.store.revisions import HEAD
from newsletter.store.tables import subscribers as table
from tests.support import claiming
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready
from tests.support.store_samples import (
    LATER,
    NOW,
    REFUSED,
    a_content,
    a_row,
    by_hand,
    drop_guard,
    look,
    old_store,
    on_sqlite,
    people,
    store_with,
    url_in,
)

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("dialect")]

MANY = 1200
DATE = Occurrence(day=dt.date(2026, 11, 22), at=NOW)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Steps of a hundred people."""
    monkeypatch.setattr(batches, "FIRST", 100)
    monkeypatch.setattr(batches, "MOST", 100)
    monkeypatch.setattr(filling, "_MOST", 100)
    monkeypatch.setattr(batches, "_LEAST_PAUSE", 0.0)


@pytest.fixture
def store(tmp_path):
    with store_with(tmp_path, people(MANY)) as store:
        yield store


@pytest.fixture
def between(monkeypatch):
    """Something happens before the n-th step; the first one clears what was there before."""

    def when(number, happens):
        real, left = batches.Batches.writing, [number]

        def writing(self):
            left[0] -= 1
            if not left[0]:
                happens()
            return real(self)

        monkeypatch.setattr(batches.Batches, "writing", writing)

    return when


def crash():
    raise KeyboardInterrupt


def start(store: Store, **named: Any) -> Run:
    wish: dict[str, Any] = {"content": a_content(), "rehearsal": False, "transport": "ses",
            "eligible": eligible(), "now": NOW} | named  # fmt: skip
    return freezing.start(store, wish.pop("content"), **wish)


def begun(store: Store, *, rehearsal=False) -> Run:
    run = runs.find(store, 74, rehearsal=rehearsal)
    assert run is not None
    return run


def expect_whole(folder, number):
    places = look(folder, "select position from deliveries order by position")
    assert [place for (place,) in places] == list(range(1, number + 1))
    assert look(folder, "select recipients from runs") == [(number,)]
    assert look(folder, "select count(distinct address_hash) from deliveries") == [(number,)]


@pytest.mark.parametrize("rule", [eligible(), eligible(HasTag("beta"))], ids=["all", "some"])
def test_positions_are_counted_through_whoever_is_eligible(tmp_path, rule):
    rows = [
        row._replace(tags=frozenset({"beta"}) if n % 7 == 0 else frozenset())
        for n, row in enumerate(people(MANY))
    ]
    with store_with(tmp_path, rows) as store:
        run = start(store, eligible=rule)
        number = subscribers.audience(store, rule).eligible
        assert runs.counts(store, run).by_state == {State.QUEUED: number}
    expect_whole(tmp_path, number)
    ids = [
        this for (this,) in look(tmp_path, "select subscriber_id from deliveries order by position")
    ]
    assert ids == sorted(ids)


def test_nothing_is_claimed_while_recipients_are_frozen(tmp_path, store, between):
    seen: list[object] = []

    def look_around():
        run = begun(store)
        seen.extend(
            (
                run.state,
                run.begun,
                claiming.claim(store, run, now=NOW),
                runs.counts(store, run).total,
            )
        )

    between(5, look_around)
    start(store)
    assert seen == [RunState.FREEZING, False, None, 0]
    expect_whole(tmp_path, MANY)


@pytest.mark.parametrize("at", [1, 5, 12])
def test_a_freeze_that_died_begins_anew_with_whatever_is_sent_now(tmp_path, store, between, at):
    between(at, crash)
    with pytest.raises(KeyboardInterrupt):
        start(store)
    assert begun(store).state is RunState.FREEZING
    assert claiming.claim(store, begun(store), now=NOW) is None
    assert runs.counts(store, begun(store)).total == 0
    imports.add(store, [a_row("late@example.org")], source="x", now=LATER)
    letter = b"another"
    content_hash = hashlib.sha256(letter).hexdigest()
    mended = replace(a_content(), frozen=letter, content_hash=content_hash, source_hash="6" * 64)
    run = start(store, content=mended, now=LATER)
    assert (run.state, run.begun, run.started_at) == (RunState.RUNNING, True, LATER)
    assert run.content == mended
    expect_whole(tmp_path, MANY + 1)


@pytest.mark.parametrize("asked", [1, 5, 14])
def test_a_freeze_that_is_told_to_stop_leaves_nothing_behind(tmp_path, store, asked):
    answers = [False] * (asked - 1)  # the last one is asked when all are there
    with pytest.raises(CancelledError, match="nothing is begun"):
        start(store, stopped=lambda: not answers or answers.pop())
    assert runs.find(store, 74, rehearsal=False) is None
    assert look(tmp_path, "select count(*) from deliveries") == [(0,)]
    start(store)
    expect_whole(tmp_path, MANY)


def test_who_leaves_meanwhile_is_skipped_and_who_comes_is_in(tmp_path, store, between):
    order = [one.email for one in subscribers.each(store)]

    def change():
        subscribers.remove(store, order[0], now=LATER)
        subscribers.remove(store, order[-1], now=LATER)
        subscribers.erase(store, order[1], now=LATER)
        imports.add(store, [a_row("late@example.org")], source="x", now=LATER)

    between(3, change)
    run = start(store)
    expect_whole(tmp_path, MANY)  # one left before the steps came to them, one came
    first = claiming.claim(store, run, now=LATER)
    assert first is not None
    assert first.subscriber.address == order[2]
    assert runs.counts(store, run).by_state == {
        State.SKIPPED: 2, State.CLAIMED: 1, State.QUEUED: MANY - 3,
    }  # fmt: skip


def come_again(store: Store) -> None:
    """The first on the list is erased, and added as somebody new."""
    with store.writing() as connection:
        first = connection.execute(sa.select(table).order_by(table.c.id).limit(1)).mappings().one()
        connection.execute(sa.delete(table).where(table.c.id == first["id"]))
        again = {name: value for name, value in first.items() if name != "id"}
        connection.execute(sa.insert(table).values(again))


def test_one_address_is_in_once_though_it_was_erased_and_came_again(tmp_path, store, between):
    between(5, lambda: come_again(store))
    run = start(store)
    assert runs.counts(store, run).total == MANY
    expect_whole(tmp_path, MANY)
    assert look(
        tmp_path,
        "select count(*) from deliveries left join subscribers on subscribers.id "
        "= subscriber_id where subscribers.id is null",
    ) == [(0,)]  # nobody is in as they were


def test_a_list_that_never_stays_as_it_is_sends_nothing(tmp_path, store, monkeypatch):
    real = batches.Batches.writing

    def writing(self):
        come_again(store)
        return real(self)

    monkeypatch.setattr(batches.Batches, "writing", writing)
    with pytest.raises(NewsletterError, match="the list changes all the time") as refused:
        start(store)
    assert refused.value.hint
    assert not begun(store).begun
    monkeypatch.setattr(batches.Batches, "writing", real)
    start(store)
    expect_whole(tmp_path, MANY)


@pytest.mark.parametrize("before", ["nothing", "announced", "cancelled"])
def test_what_is_refused_leaves_the_run_as_it_was(tmp_path, store, before):
    calendar = Calendar(store, rehearsal=False)
    if before != "nothing":
        calendar.announce(74, title="Then", source_hash="7" * 64, now=NOW)
    if before == "cancelled":
        calendar.cancel(74, now=NOW)
    then = runs.find(store, 74, rehearsal=False)
    with pytest.raises(RefusedError, match="there are 1,200 recipients by now, not 7"):
        start(store, expect=7, now=LATER)
    assert runs.find(store, 74, rehearsal=False) == then
    assert look(tmp_path, "select count(*) from deliveries") == [(0,)]
    run = start(store, expect=MANY, now=LATER)
    assert run.started_at == LATER
    expect_whole(tmp_path, MANY)


def test_two_triggers_that_have_both_seen_nothing_announce_a_version_once(store):
    calendar = Calendar(store, rehearsal=False)
    heard = [
        calendar.announce(74, title="Then", source_hash=version * 64, now=NOW) for version in "7787"
    ]
    assert [bool(run) for run in heard] == [True, False, True, True]


def test_a_date_is_used_up_when_the_run_runs_and_not_before(tmp_path, store, between):
    between(2, crash)
    with pytest.raises(KeyboardInterrupt):
        start(store, occurrence=DATE)
    assert Calendar(store, rehearsal=False).used() == ()
    start(store, occurrence=DATE)
    [used] = Calendar(store, rehearsal=False).used()
    assert used.issue == 74
    with pytest.raises(RefusedError, match="used up already"):
        start(store, content=a_content(75), occurrence=DATE)
    assert [run.content.issue for run in runs.find_all(store)] == [74]


def test_cancelled_while_it_freezes_it_does_not_run(tmp_path, store, between):
    between(4, lambda: Calendar(store, rehearsal=False).cancel(74, now=LATER))
    with pytest.raises(RefusedError, match="issue 74 was cancelled"):
        start(store)
    run = begun(store)
    assert (run.state, run.begun) == (RunState.CANCELLED, False)
    assert look(tmp_path, "select count(*) from deliveries") == [(0,)]
    with pytest.raises(RefusedError, match="cancelled"):
        start(store, occurrence=DATE)
    assert start(store).begun  # a person lets it go on
    expect_whole(tmp_path, MANY)


def test_forgetting_a_rehearsal_that_dies_in_the_middle_is_gone_on_with(
    tmp_path, store, monkeypatch
):
    start(store, rehearsal=True)
    real = freezing._clear
    monkeypatch.setattr(freezing, "_DROP", freezing._DROP)

    def dies(paced, run):
        with paced.writing() as connection:
            connection.execute(freezing._DROP, {"run": run.id, "most": 100})
        raise KeyboardInterrupt

    monkeypatch.setattr(freezing, "_clear", dies)
    with pytest.raises(KeyboardInterrupt):
        freezing.clear_rehearsal(store, 74)
    monkeypatch.setattr(freezing, "_clear", real)
    assert runs.counts(store, begun(store, rehearsal=True)).total == 0  # nothing is called lost
    assert start(store, rehearsal=True).begun
    expect_whole(tmp_path, MANY)


# --- the database itself ---------------------------------------------------------------------

FORBIDDEN = {
    "update runs set state = 'running' where state = 'freezing'": "not all recipients are frozen",
    "update runs set state = 'running', recipients = 2 where state = 'freezing'": "not all",
    "update runs set state = 'paused' where state = 'freezing'": "not all recipients are frozen",
    "update runs set state = 'finished' where state = 'freezing'": "not all recipients|are left",
    "update runs set state = 'freezing' where issue = 75": "what was begun is not frozen again",
    "update runs set recipients = 0 where issue = 75": "the number of recipients is frozen",
    "update runs set recipients = 0, state = 'freezing' where issue = 75": "frozen",
    "delete from runs where issue = 75": "a real run stays on record",
    "delete from runs where issue = 74": "a real run stays on record",  # recipients are there
    "delete from deliveries where issue = 75": "a real run stays on record",
    "update deliveries set state = 'claimed', attempt = 1, claimed_at = 'now' where issue = 74":
        "the run is not running",
}  # fmt: skip


@pytest.fixture
def bare(tmp_path, store, between):
    """The file of a store with a run half frozen, and one that runs."""
    start(store, content=a_content(75))
    between(5, crash)  # one part is written by then, whichever of two hands was first
    with pytest.raises(KeyboardInterrupt):
        start(store)
    with by_hand(tmp_path) as execute:
        yield execute


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_database_refuses_what_would_run_too_early_or_lose_a_run(bare, statement):
    with pytest.raises(REFUSED, match=FORBIDDEN[statement]):
        bare(statement)


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_nothing_is_claimed_from_a_run_that_does_not_run(bare, state):
    bare(f"update runs set state = '{state}' where issue = 75")
    with pytest.raises(REFUSED, match="the run is not running"):
        bare(
            "update deliveries set state = 'claimed', attempt = 1, claimed_at = 'now' "
            "where issue = 75"
        )


def test_a_run_that_never_ran_may_go(bare):
    bare("delete from deliveries where issue = 74")
    bare("delete from runs where issue = 74")


def test_a_claimed_delivery_stays_whatever_its_run_says(bare):
    bare("update deliveries set state = 'claimed', attempt = 1, claimed_at = 'now' "
                 "where issue = 75 and position = 1")  # fmt: skip
    drop_guard(bare, "runs_freezing", "runs")
    drop_guard(bare, "runs_recipients", "runs")
    bare("update runs set state = 'freezing', recipients = 0 where issue = 75")
    with pytest.raises(REFUSED, match="a real run stays on record"):
        bare("delete from deliveries where issue = 75")


# --- a store of the version before -----------------------------------------------------------


@on_sqlite
def test_an_older_store_keeps_its_runs_and_goes_on(tmp_path):
    old_store(tmp_path, "0004", empty=True)
    with contextlib.closing(sqlite3.connect(tmp_path / "newsletter.db")) as old:
        old.execute("pragma secure_delete = 0")
        old.executemany(
            "insert into subscribers values (?, ?, ?, ?, '', 'active', '{}', 'then', 'then')",
            [(n, f"{n:024}", f"r{n}@example.org", f"{n:064}") for n in (1, 2, 3, 4)],
        )
        for run, state in enumerate(("running", "paused", "cancelled", "finished", "running"), 5):
            old.execute(
                "insert into runs values (?, ?, ?, 'ses', 'Title', ?, ?, 's', '', ?, 2, "
                "'2026-11-22T08:00:00.000000Z', NULL, ?, 'why')",
                (
                    run,
                    run + 70,
                    run == 9,
                    b"mail",
                    hashlib.sha256(b"mail").hexdigest(),
                    state,
                    "quota" if state == "paused" else "",
                ),
            )
            for n in (1, 2):
                to = "accepted" if state == "finished" or n == 1 else "queued"
                old.execute(
                    "insert into deliveries values (NULL, ?, ?, ?, ?, ?, ?, ?, 1, '', 'm', "
                    "'2026-11-22T08:00:00.000000Z', NULL, 0)",
                    (run, run + 70, run == 9, n, f"{n:064}", n, to),
                )
        old.execute("delete from deliveries where run_id = 9")
        old.execute("delete from runs where id = 9")
        old.execute("delete from subscribers where id = 4")
        before = [old.execute(f"select * from {t} order by id").fetchall()  # fixed names
                  for t in ("runs", "deliveries", "subscribers")]  # fmt: skip
        old.commit()
    told: list[str] = []
    assert schema.upgrade(url_in(tmp_path), told=told.append) == ("0004", HEAD)
    assert len(told) == 2
    after = [look(tmp_path, f"select * from {t} order by id")  # fixed names
             for t in ("runs", "deliveries", "subscribers")]  # fmt: skip
    # No attempt of theirs is forgotten.
    before[0] = [(*run, 0, "?", "", "", 0, 0, None) for run in before[0]]
    before[1] = [(*delivery, "") for delivery in before[1]]
    assert after == before
    assert look(tmp_path, "pragma foreign_key_check") == []
    assert b"r4@example.org" not in (tmp_path / "newsletter.db").read_bytes()
    with Store.open(url_in(tmp_path)) as store:
        running, paused, *_ = runs.find_all(store)
        assert claiming.claim(store, running, now=NOW) is not None
        assert claiming.claim(store, paused, now=NOW) is None
        runs.resume(store, paused, by_hand=True)
        assert claiming.claim(store, paused, now=NOW) is not None
        imports.add(store, people(3), source="x", now=NOW)
        assert start(store, content=a_content(90), rehearsal=True).id == 10  # 9 was there once


# --- the commands ----------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    now = dt.datetime(2026, 11, 22, 8, 0, tzinfo=dt.UTC)
    monkeypatch.setattr(clocks, "now", lambda: now)


def died(newsletter: Folder, monkeypatch, *words: str) -> None:
    """A send whose process ends while it freezes."""
    with monkeypatch.context() as patch:
        patch.setattr(filling, "_write_down", lambda *_: crash())
        assert newsletter.run(*words).code == 130


DUE = ("--no-input", "send", "--due", "--yes")


@on_sqlite
def test_a_trigger_that_died_freezing_is_gone_on_with_by_the_next(ready, clock, monkeypatch):
    assert ready.run("approve", "--issue", "74").code == 0
    died(ready, monkeypatch, *DUE)
    assert look(ready.root / ".newsletter", "select state from runs") == [("freezing",)]
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        run = begun(store, rehearsal=True)
    assert records._stands(run, frozenset()) == "interrupted"
    assert records._stands(run, frozenset({run.id})) == "freezing"
    ran = ready.run(*DUE)
    assert ran.code == 0, ran.err
    assert ready.states() == {"accepted": 25}


@on_sqlite
def test_a_send_that_died_freezing_begins_anew_though_the_letter_changed(ready, monkeypatch):
    died(ready, monkeypatch, "send", "--issue", "74", "--confirm", "74")
    text = (ready.root / ISSUE).read_text("utf-8")
    ready.write(ISSUE, f"{text}\nOne more thing.\n")
    ran = ready.send()
    assert ran.code == 0, ran.err
    assert ready.states() == {"accepted": 25}


@on_sqlite
def test_a_send_that_died_freezing_can_be_cancelled(ready, monkeypatch):
    died(ready, monkeypatch, "send", "--issue", "74", "--confirm", "74")
    assert (
        ready.run("cancel", "--issue", "74").out == "issue 74 is cancelled; no mail had been sent\n"
    )
    assert ready.states() == {}
    assert ready.send().code == 0
    assert ready.states() == {"accepted": 25}


def test_a_rule_of_several_terms_freezes_whom_it_counts(tmp_path):
    rows = [
        a_row(f"r{n}@example.org", tags=frozenset({"a", "b"} if n % 2 else {"a"}))
        for n in range(450)
    ]
    rule = eligible(And(HasTag("a"), HasTag("b")))
    with store_with(tmp_path, rows) as store:
        assert (
            runs.counts(store, start(store, eligible=rule)).total
            == subscribers.audience(store, rule).eligible
            == 225
        )
