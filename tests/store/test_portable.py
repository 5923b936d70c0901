"""What the store says to its database is understood by PostgreSQL too, outside the rooms of SQLite."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors

import newsletter.store
from newsletter.audience import And, HasTag, Not, Status, eligible, read_address
from newsletter.delivery import OccurrenceState, Outcome, Result, RunState
from newsletter.render import CountedLink
from newsletter.schedule import Occurrence
from newsletter.ses.event_format import read_event
from newsletter.stats.issues import COLUMNS
from newsletter.store import (
    claims,
    clicks,
    consents,
    deliveries,
    doubting,
    freezing,
    history,
    imports,
    runs,
    shares,
    signing_keys,
    signups,
    stats,
    subscribers,
    suppressions,
)
from newsletter.store.calendar import Calendar, Used
from newsletter.store.consents import Evidence
from newsletter.store.dossier import dossier
from newsletter.store.imported import imported_hash
from tests.support import claiming
from tests.support.ses_events import SOURCE, Sent, bounce, event
from tests.support.store_samples import (
    LATER,
    NOW,
    a_content,
    a_row,
    named_store,
    people,
)

ROOM = Path(newsletter.store.__file__).parent
#: Words of SQLite's, of its driver, and of SQL that no one translates.
WORDS = re.compile(
    r"\b(PRAGMA|VACUUM|sqlite3|sqlite_master|sqlite_sequence|user_version|rowid|json_each|json_group_array|"
    r"instr|printf|dialects|on_conflict_\w+|exec_driver_sql|raw_connection)\b",
)
#: Functions that both databases have.
FUNCTIONS = {
    # Written by each in its own words: store/histories.py.
    "present_history",
    "same_history",
    "settled_history",
    "count",
    "max",
    "min",
    "sum",
    "coalesce",
    "substr",
    "row_number",
    "length",
    "lower",
    "replace",
    "rtrim",
}
#: Those of newsletter/store/sqlite/text.py, which PostgreSQL is never asked for.
OF_SQLITE = {"instr"}
LINK = CountedLink(number=1, url="https://example.org/", text="x")
LONG = dt.timedelta(days=7)
ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="0100-abc")
UNKNOWN = Outcome(result=Result.UNKNOWN, reason="read timeout")


def rooms(*left_out: str) -> list[Path]:
    found = [path for path in ROOM.rglob("*.py") if path.relative_to(ROOM).parts[0] not in left_out]
    assert len(found) > 15
    return found


@pytest.mark.parametrize(
    "path", rooms("sqlite", "postgres", "migrations"), ids=lambda path: path.name
)
def test_words_of_sqlite_stand_in_its_own_rooms(path):
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        found = WORDS.search(re.sub(r"newsletter\.store\.sqlite", "", line))
        assert not found, f"{path.name}:{number}: {line.strip()}"


@pytest.mark.parametrize("path", rooms("folder"), ids=lambda path: path.name)
def test_locks_of_this_machine_stand_with_its_folder(path):
    assert not re.search(r"\bfcntl\b", path.read_text("utf-8"))


@pytest.fixture
def store(tmp_path, monkeypatch, dialect):
    """A store that counts as PostgreSQL does: no INSERT ... SELECT that nobody wants counted."""
    real = sa.CursorResult.rowcount.fget
    assert real is not None

    def rowcount(result):
        compiled = result.context.compiled
        copies = compiled is not None and getattr(compiled.statement, "select", None) is not None
        wanted = result.context.execution_options.get("preserve_rowcount")
        return -1 if copies and result.context.isinsert and not wanted else real(result)

    monkeypatch.setattr(sa.CursorResult, "rowcount", property(rowcount))
    with named_store(tmp_path, people(4)) as opened:
        yield opened


def live(store):
    """Whatever a newsletter does with its records."""
    rows = [
        a_row("a@example.org", tags=frozenset({"x", "y"}), fields={"town": "Port"}),
        a_row("b@example.org", suppression="blocked"),
        a_row("c@example.org", status=Status.UNSUBSCRIBED),
    ]
    imports.add(store, rows, source="list", now=NOW, file_name="a.csv", file_hash="a" * 64)
    imports.add(store, (a_row(f"{n}@example.com") for n in range(600)), source="long", now=NOW)
    assert imported_hash(store, "a.csv") == "a" * 64
    assert imports.unfinished(store) is None
    rule = eligible(Not(And(HasTag("x"), HasTag("z"))))
    number = subscribers.audience(store, rule).eligible
    run = freezing.start(
        store, dataclasses.replace(a_content(), links=(LINK,)), rehearsal=False, transport="ses",
        eligible=rule, now=NOW, expect=number, occurrence=Occurrence(day=NOW.date(), at=NOW),
    )  # fmt: skip
    assert runs.counts(store, run).total == number == 605
    for outcome in (ACCEPTED, UNKNOWN, Outcome(result=Result.REFUSED, reason="no")):
        claimed = claiming.claim(store, run, now=NOW)
        claiming.settle(store, run, claimed, outcome, now=NOW)
    hear(store)
    deliveries.recover(store, run, now=NOW)
    deliveries.requeue(store, run)
    deliveries.retry(store, run, now=NOW)
    assert deliveries.riskable(store, run) == len(deliveries.doubtful(store, run, most=9)) == 1
    deliveries.risk(store, run, now=NOW)
    deliveries.assume(store, run, now=NOW)
    reached = claims.reached(store, run)
    assert claims.exposed(store, run, 9)
    doubting.doubt(store, run, reached, now=NOW)
    shares.rate(store, run, now=NOW)
    runs.reasons(store, run)
    runs.first_accepted(store, since=NOW)
    runs.set_state(store, run, RunState.PAUSED, NOW)
    runs.resume(store, run, by_hand=True)
    assert len(runs.find_all(store)) == 1
    assert stats.of_run(store, run).domains == {"example.org": dict.fromkeys(COLUMNS, 0) | {
        "accepted": 1}}  # fmt: skip
    assert history.of_issue(store, run).before == ()
    assert history.overview(store, now=NOW).issues[0].accepted == 1
    follow(store)
    store.feedback.coverage(run)
    store.feedback.setbacks(run, since=NOW)
    store.feedback.accepted(run, since=NOW)
    store.feedback.unrendered(run, since=NOW)
    store.feedback.busiest_day(since=NOW)
    freezing.start(
        store, a_content(75), rehearsal=True, transport="ses", eligible=rule, now=NOW
    )  # fmt: skip
    freezing.clear_rehearsal(store, 75)
    members(store)
    schedule(store)


def follow(store):
    """A link is followed twice, and somebody who signed up never answers."""
    assert clicks.target(store, 74, 1)
    for _ in range(2):
        clicks.add(store, {clicks.Click(issue=74, number=1, hour=NOW, machine=False): 1})
    for n in range(2):
        asked = signups.Request(
            address=read_address(f"new{n}@example.org"), evidence=Evidence(source="form")
        )
        signups.ask(store, asked, now=NOW)
        signups.forget(store, valid=LONG, now=NOW + 5 * LONG)
    (month,) = history.overview(store, now=NOW).signups
    assert month.unanswered == 2


def hear(store):
    here = Sent(position=1, to="reader1@example.org")
    texts = event("Delivery", here), bounce("Transient", "General", here)
    found = [one for one in map(read_event, texts) if one]
    assert store.feedback.record(found, now=NOW, sender=SOURCE).new == 2
    store.feedback.reconcile()


def members(store):
    store.departures.leave(f"{1:024x}", Evidence(source="a link of an older list"), now=NOW)
    person = subscribers.find(store, "a@example.org")
    assert person is not None
    assert person.tags == {"x", "y"}
    evidence = Evidence(source="page", ip="192.0.2.1")
    subscribers.prefer(
        store, person.handle, name="A", wanted=frozenset({"x"}), offered=frozenset({"x", "y"}),
        evidence=evidence, now=NOW,
    )  # fmt: skip
    chosen = subscribers.by_handle(store, person.handle)
    assert chosen is not None
    assert chosen.tags == {"x"}
    assert subscribers.field_names(store) == ["town"]
    assert len(list(subscribers.each(store, by_address=True))) == 607
    assert len(list(subscribers.each(store, status=Status.ACTIVE, tag="x"))) == 1
    assert dossier(store, "a@example.org")["tags"]
    assert subscribers.remove(store, "a@example.org", now=NOW)
    assert subscribers.come_back(store, person.handle, evidence, now=NOW)
    assert subscribers.allow(store, "b@example.org", evidence, now=NOW) == ("blocked", False)
    assert suppressions.reason(store, "b@example.org") == ""
    suppressions.count_strays(store)
    assert consents.forget_visitors(store, before=LATER)
    assert subscribers.erase(store, "c@example.org", now=NOW)[0]
    signing_keys.rotate(store, now=NOW)
    assert len(signing_keys.link_keys(store)) == 2


def schedule(store):
    calendar = Calendar(store, rehearsal=False)
    calendar.saw(NOW)
    day = NOW.date() + dt.timedelta(days=7)
    occurrence = Occurrence(day=day, at=NOW + dt.timedelta(days=7))
    missed = Used(
        occurrence=occurrence, state=OccurrenceState.MISSED, issue=None, reason="no issue"
    )
    assert calendar.note([missed], now=NOW) == (missed,)
    assert len(calendar.ledger().used) == 2
    assert calendar.trust(NOW) == 1
    calendar.announce(76, title="Next", source_hash="5" * 64, now=NOW)
    calendar.cancel(76, now=NOW)
    assert calendar.is_cancelled(76)
    assert calendar.begin_notice("topic", now=NOW)
    calendar.told("topic")
    assert calendar.is_told("topic")


def test_every_statement_is_one_that_postgresql_understands(store):
    said: dict[str, sa.Executable] = {}

    def note(_connection, statement, _many, _values, _options):
        said[str(statement)] = statement

    sa.event.listen(store.engine, "before_execute", note)
    live(store)
    assert len(said) > 90
    known = FUNCTIONS | (OF_SQLITE if store.engine.dialect.name == "sqlite" else set())
    for statement in said.values():
        assert isinstance(statement, sa.ClauseElement)
        if "leases" in str(statement):  # PostgreSQL's own
            continue
        statement.compile(dialect=postgresql.dialect())
        names = {
            one.name
            for one in visitors.iterate(statement)
            if isinstance(one, sa.sql.functions.FunctionElement)
        }
        assert names <= known, statement
