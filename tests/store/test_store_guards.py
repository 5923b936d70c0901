"""The database itself refuses what the promises forbid, whoever asks it."""

from __future__ import annotations

import functools
import re
import shutil
import threading

import psycopg
import pytest

from newsletter.audience import eligible
from newsletter.delivery import ARROWS, Outcome, Result, State
from newsletter.store import Store, freezing, imports
from newsletter.store.every_table import metadata
from tests.support import postgres
from tests.support.store_samples import NOW, REFUSED, a_content, by_hand, people, url_in

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="0100-abc")
STATES = tuple(State)

#: How a row comes into each state, along the arrows.
WAYS = {
    State.QUEUED: (),
    State.CLAIMED: ("claimed",),
    State.ACCEPTED: ("claimed", "accepted"),
    State.DEFERRED: ("claimed", "deferred"),
    State.REFUSED: ("claimed", "refused"),
    State.UNKNOWN: ("claimed", "unknown"),
    State.ASSUMED: ("claimed", "unknown", "assumed"),
    State.SKIPPED: ("skipped",),
}


def fill(store: Store) -> None:
    imports.add(store, people(2), source="test", now=NOW)
    for rehearsal in (False, True):
        freezing.start(
            store, a_content(), rehearsal=rehearsal, transport="ses", eligible=eligible(), now=NOW
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a store with two deliveries of a real run and two of a rehearsal."""
    folder = tmp_path_factory.mktemp("made")
    with Store.open(url_in(folder)) as store:
        fill(store)
    return folder


@pytest.fixture(scope="module", name="made_on_server")
def make_on_server(tmp_path_factory):
    """The name of a database with the same, made when it is first asked for."""

    @functools.cache
    def make() -> str:
        name = postgres.new_database()
        url = f"{postgres.server().url(name)}&folder={tmp_path_factory.mktemp('made')}"
        with Store.open(url) as store:
            fill(store)
        return name

    return make


@pytest.fixture
def database(tmp_path, dialect, made, made_on_server):
    """Its statements, past the program; each test finds it as it was made."""
    if dialect == "postgres":
        with postgres.by_hand(made_on_server(), undone=True) as execute:
            yield execute
        return
    shutil.copy(made / "newsletter.db", tmp_path)
    with by_hand(tmp_path) as execute:
        yield execute


def move(database, state, *, this=1):
    """Change a state the way the program does, with all that belongs to it."""
    (was, attempt, risked) = database(
        "SELECT state, attempt, risked FROM deliveries WHERE id = ?", (this,)
    ).fetchone()
    claims, risks = state == "claimed", was == "unknown" and state == "queued"
    database(
        "UPDATE deliveries SET state = ?, attempt = ?, risked = ?, claimed_at = 'now', "
        "message_id = ? WHERE id = ?",
        (state, attempt + claims, risked + risks, "m" if state == "accepted" else "", this),
    )


def report(database, kind, *, this=1, key="k"):
    """Put an event about a delivery on record."""
    database(
        "INSERT INTO events (key, kind, detail, at, sent_at, received_at, message_id, delivery_id) "
        "VALUES (?, ?, '', 'now', 'now', 'now', 'm', ?)",
        (key, kind, this),
    )


#: Arrows that only an event opens.
SHOWN = {
    (before, after)
    for before, after in ARROWS
    if after in {State.ACCEPTED, State.REFUSED} and before is not State.CLAIMED
}


@pytest.mark.sweep
@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_a_state_follows_another_only_along_an_arrow(database, before, after):
    for state in WAYS[before]:
        move(database, state)
    if after in {State.ACCEPTED, State.REFUSED}:
        report(database, "bounce" if after is State.ACCEPTED else "reject")
    if (before, after) in ARROWS:
        move(database, after.value)
    else:
        with pytest.raises(REFUSED, match=r"no such way|an attempt is counted"):
            move(database, after.value)


@pytest.mark.parametrize(("before", "after"), sorted(SHOWN))
@pytest.mark.parametrize("about", ["nothing", "another", "the contrary"])
def test_only_an_event_about_this_delivery_opens_its_arrows(database, before, after, about):
    for state in WAYS[before]:
        move(database, state)
    if about == "another":
        report(database, "send", this=2)
        report(database, "reject", this=2, key="other")
    elif about == "the contrary":
        report(database, "reject" if after is State.ACCEPTED else "send")
    with pytest.raises(REFUSED, match="no event shows"):
        move(database, after.value)


LOGS = {
    "UPDATE events SET kind = 'send'": "what was reported stays",
    "UPDATE events SET delivery_id = 2": "belongs to one delivery",
    "UPDATE events SET received_at = 'x'": "what was reported stays",
    "DELETE FROM events": "stays on record",
    "UPDATE consents SET event = 'x'": "only added to",
    "UPDATE consents SET at = 'x'": "only added to",
    "UPDATE consents SET wording = 'x'": "only added to",
    "UPDATE consents SET ip = '192.0.2.1'": "only ever forgotten",
    "UPDATE consents SET agent = 'x'": "only ever forgotten",
    "DELETE FROM consents": "only added to",
}


@pytest.mark.parametrize("statement", LOGS)
def test_events_and_consents_are_only_added_to(database, statement):
    report(database, "bounce")
    with pytest.raises(REFUSED, match=LOGS[statement]):
        database(statement)


def test_a_visitor_may_be_forgotten(database):
    database("UPDATE consents SET ip = '', agent = ''")


#: In a file a foreign key says so, on a server a guard.
BELONGS = "FOREIGN KEY|of a run, its issue and its namespace"
FORBIDDEN = {
    "UPDATE deliveries SET state = 'claimed', claimed_at = 'now'": "an attempt is counted",
    "UPDATE deliveries SET state = 'claimed', attempt = 2, claimed_at = 'now'": "an attempt is",
    "UPDATE deliveries SET state = 'claimed', attempt = 1": "claimed_is_an_attempt",
    "UPDATE deliveries SET attempt = 1": "an attempt is counted",
    "UPDATE deliveries SET risked = 1": "sent again once",
    "UPDATE deliveries SET subscriber_id = 2 WHERE id = 1": "who gets what is frozen",
    "UPDATE deliveries SET address_hash = 'x'": "who gets what is frozen",
    "UPDATE deliveries SET position = 9": "who gets what is frozen",
    "UPDATE deliveries SET issue = 75": "who gets what is frozen",
    "UPDATE deliveries SET rehearsal = NOT rehearsal": "who gets what is frozen",
    "DELETE FROM deliveries WHERE NOT rehearsal": "a real run stays on record",
    "DELETE FROM runs WHERE NOT rehearsal": "a real run stays on record",
    "UPDATE runs SET rehearsal = NOT rehearsal": "what is sent is frozen",
    "UPDATE runs SET envelope = 'x'": "what is sent is frozen",
    "UPDATE runs SET content_hash = 'x'": "what is sent is frozen",
    "UPDATE runs SET source_hash = 'x'": "what is sent is frozen",
    "UPDATE runs SET recipients = 1": "the number of recipients is frozen",
    "UPDATE runs SET state = 'finished'": "deliveries are left",
    "UPDATE runs SET pause = 'for tea'": "pause_known",
    "UPDATE runs SET state = 'lost'": "state_known",
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "VALUES (1, 74, false, 1, 'another', 9, 'queued')": "deliveries.(issue_)?subscriber_id",
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "SELECT 1, 74, false, 9, address_hash, 9, 'queued' FROM deliveries WHERE id = 1": "deliveries.(issue_)?address_hash",
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "VALUES (1, 74, false, 9, 'another', 1, 'queued')": "deliveries.(run_id_)?position",
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "VALUES (1, 75, false, 9, 'another', 9, 'queued')": BELONGS,
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "VALUES (1, 74, true, 9, 'another', 9, 'queued')": BELONGS,
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "VALUES (9, 74, false, 9, 'another', 9, 'queued')": BELONGS,
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "VALUES (1, 74, false, 8, 'a third', 8, 'queued'), (1, 75, false, 9, 'another', 9, 'queued')": BELONGS,
    "DELETE FROM runs WHERE rehearsal": "FOREIGN KEY|its deliveries are there",
}


@pytest.mark.parametrize("statement", FORBIDDEN, ids=lambda s: re.sub(r"\W+", " ", s)[:60])
def test_what_the_promises_forbid_is_refused(database, statement):
    with pytest.raises(REFUSED, match=rf"(?i){FORBIDDEN[statement]}"):
        database(statement)


def test_accepted_implies_a_message_id(database):
    move(database, "claimed")
    with pytest.raises(REFUSED, match="accepted_has_message_id"):
        database("UPDATE deliveries SET state = 'accepted' WHERE id = 1")


def test_what_is_unknown_is_sent_again_once_and_never_twice(database):
    for state in ("claimed", "unknown", "queued", "claimed", "unknown"):
        move(database, state)
    with pytest.raises(REFUSED, match=r"sent again once|(?i:check)"):
        database("UPDATE deliveries SET state = 'queued' WHERE id = 1")
    with pytest.raises(REFUSED, match=r"(?i)check"):
        move(database, "queued")


def test_a_rehearsal_may_be_forgotten(database):
    database("DELETE FROM deliveries WHERE rehearsal")
    database("DELETE FROM runs WHERE rehearsal")
    assert database("SELECT count(*) FROM runs").fetchone() == (1,)


#: A delivery is added to a rehearsal that nobody has been written down for; the rehearsal vanishes.
NOBODY = (
    "INSERT INTO runs (issue, rehearsal, transport, title, envelope, content_hash, source_hash, "
    "skipped_checks, state, recipients, started_at) "
    "VALUES (80, true, 'ses', '', '', '', '', '', 'freezing', 0, 'now') RETURNING id"
)
ADDED = (
    "INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state) "
    "VALUES (%s, 80, true, 9, 'another', 9, 'queued')"
)
VANISHED = "DELETE FROM runs WHERE id = %s"


@pytest.mark.processes
@pytest.mark.parametrize(("first", "second"), [(ADDED, VANISHED), (VANISHED, ADDED)])
def test_no_run_vanishes_while_another_adds_to_it(made_on_server, first, second):
    """As a foreign key would: whoever is second waits for the first, and is refused."""
    name = made_on_server()
    with postgres.server().connect(name) as one, postgres.server().connect(name) as other:
        [run] = one.execute(NOBODY).fetchone() or ()
        refused: list[str] = []

        def late() -> None:
            try:
                other.execute(second, [run])
            except psycopg.errors.CheckViolation as error:
                refused.append(str(error))

        with one.transaction():
            one.execute(first, [run])
            thread = threading.Thread(target=late)
            thread.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
            while one.execute(waiting, [other.info.backend_pid]).fetchone() != (1,):
                assert thread.is_alive()
        thread.join()
        assert len(refused) == 1
        left = "SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT FROM runs WHERE id = d.run_id)"
        assert one.execute(left).fetchone() == (0,)
        one.execute("DELETE FROM deliveries WHERE run_id = %s", [run])
        one.execute(VANISHED, [run])


#: Where a database keeps what it was told a guard is.
WORDS = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE name = 'deliveries_arrow'",
    "postgres": "SELECT prosrc FROM pg_proc WHERE proname = 'newsletter_deliveries_arrow'",
}


def test_the_guards_know_the_arrows_of_the_outbox(database, dialect):
    (trigger,) = database(WORDS[dialect]).fetchone()
    assert set(re.findall(r"'(\w+)>(\w+)'", trigger)) == ARROWS


@pytest.mark.processes
@pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_no_table_is_emptied_at_once(database, table):
    with pytest.raises(REFUSED, match="records are not thrown away"):
        database(f"TRUNCATE {table} CASCADE")
