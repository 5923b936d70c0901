"""Whatever a message holds, it is that message's matter: the rest is recorded, and all goes on."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import os
import random
import sqlite3
import threading

import pytest

from newsletter.cli.context import open_project, open_store
from newsletter.cli.show import Console
from newsletter.errors import AccountError, PausedError, UnreachableError
from newsletter.events import background
from newsletter.events.pull import pull_before_send
from newsletter.events.reputation import ReputationWatch
from newsletter.ses import events
from newsletter.ses.events import Queue, pull
from newsletter.store import Store
from newsletter.store.feedback import Feedback
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.event_mutations import mutated
from tests.support.mailroom import REGION, mailroom, post_office
from tests.support.owned_events import begin, hand_over, kept_out, states
from tests.support.ses_events import SOURCE, Sent, bounce, event, everything, in_envelope
from tests.support.store_samples import NOW, new_store, store_with
from tests.support.store_samples import people as crowd

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

POISON = (
    json.dumps({"Type": ["Notification"]}),
    event("Send", Sent(to="(" * 5000)),
    # Short enough to be an address, and too deep for a parser.
    event("Send", Sent(to="(" * 1900)),
)


@pytest.fixture(scope="module")
def office():
    with post_office() as url:
        yield url


@pytest.fixture
def room(office):
    with mailroom(office) as made:
        yield made


def point_to(monkeypatch, tmp_path, environ):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def letters(ready, room, monkeypatch, tmp_path):
    """The example newsletter, its issue 74 handed over to nobody yet, and its queue."""
    point_to(monkeypatch, tmp_path, room.environ)
    return ready


@contextlib.contextmanager
def opened(room):
    queue = Queue(room.queue, region=REGION, profile="", environ={})
    with contextlib.closing(queue):
        yield queue


@pytest.fixture
def queue(room, monkeypatch, tmp_path):
    point_to(monkeypatch, tmp_path, room.environ)
    with opened(room) as made:
        yield made


@pytest.fixture
def store(tmp_path):
    with store_with(tmp_path, crowd(4)) as made:
        yield made


def clock():
    return NOW + dt.timedelta(minutes=1)


def fetch(queue, store, **more):
    return pull(queue, store.feedback, clock, sender=SOURCE, **more)


def good(number):
    return [event("Delivery", Sent(message_id=f"good-{n}")) for n in range(number)]


def names(newsletter):
    return {name for (name,) in newsletter.untold("events", "message_id")}


# --- one message -------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", POISON)
def test_one_message_stops_nothing(letters, room, poison):
    room.put(
        *good(4), poison, *(event("Delivery", Sent(message_id=f"later-{n}")) for n in range(9))
    )
    ran = letters.run("events", "pull", "--json")
    assert ran.code == 0, ran.err
    assert "1 message cannot be read; moved to the dead-letter queue" in ran.err
    found = json.loads(ran.out)
    assert (found["new"], found["dead_lettered"], found["unread"]) == (13, 1, 0)
    assert (room.left(), room.left(room.dead)) == (0, 1)


@pytest.mark.parametrize("poison", POISON)
def test_a_send_goes_on(letters, room, monkeypatch, poison):
    room.put(poison, event("Send"))
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    with open_project_in(letters) as (project, store):
        pull_before_send(project, store, os.environ, Console())
        assert store.feedback.store_id()
    assert names(letters) == {"0102018f-sample-000000"}
    assert room.left() == 0


@contextlib.contextmanager
def open_project_in(newsletter):
    newsletter.patch.chdir(newsletter.root)
    project = open_project()
    with open_store(project, create=False) as store:
        yield project, store


def test_one_event_that_cannot_be_recorded_holds_up_no_other(room, queue, store, tmp_path):
    """The tables refuse it, as a guard would; nine good ones come in the same batch."""
    with contextlib.closing(sqlite3.connect(tmp_path / "newsletter.db")) as database:
        database.execute(
            "create trigger planted before insert on events when new.kind = 'subscription' "
            "begin select raise(abort, 'not this one'); end"
        )
    room.put(*good(4), event("Subscription"), *(bounce("Transient", "General", Sent(message_id=f"b-{n}")) for n in range(5)))  # fmt: skip
    sums = fetch(queue, store)
    assert (sums.new, sums.dead_lettered, sums.unread) == (9, 1, 0)
    assert (room.left(), room.left(room.dead)) == (0, 1)


@pytest.mark.parametrize("fault", [PausedError("the disk is full"), AccountError("none")])
def test_what_is_the_records_fault_makes_no_message_a_dead_letter(
    room, queue, store, monkeypatch, fault
):
    room.put(*good(3))

    def record(*_, **__):
        raise fault

    monkeypatch.setattr(Feedback, "record", record)
    with pytest.raises(type(fault)):
        fetch(queue, store)
    assert (room.left(), room.left(room.dead)) == (3, 0)


def test_what_no_queue_takes_stays_and_is_counted(room, queue, store, monkeypatch):
    """A dead-letter queue that is gone, as one with another size or without rights would be."""
    room.put("hello", *good(2))
    room.sqs.delete_queue(QueueUrl=room.dead)
    sums = fetch(queue, store)
    assert (sums.new, sums.dead_lettered, sums.unread) == (2, 0, 1)
    assert room.left() == 1


# --- messages that stay ------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", ["0", "30"])
def test_many_messages_that_must_stay_starve_nobody(office, store, monkeypatch, tmp_path, timeout):
    """Sixty in front, in a queue without a dead-letter queue, that hands them out again at once."""
    with mailroom(office, dead_letters=False) as room:
        point_to(monkeypatch, tmp_path, room.environ)
        room.sqs.set_queue_attributes(
            QueueUrl=room.queue, Attributes={"VisibilityTimeout": timeout}
        )
        room.put(*(f"hello {n}" for n in range(60)), *good(25))
        with opened(room) as queue:
            sums = fetch(queue, store)
            assert (sums.new, sums.unread, sums.dead_lettered) == (25, 60, 0)
            assert sums.drained
            again = fetch(queue, store)
            assert (again.new, again.unread) == (0, 0), "each is told once"
        assert room.left() == 60


def test_a_queue_that_gives_nothing_but_what_must_stay_ends_a_pull(
    office, store, monkeypatch, tmp_path
):
    """Not even hidden for a while: the pull ends by itself, and has read what was behind."""
    monkeypatch.setattr(events, "_HIDDEN", 0)
    with mailroom(office, dead_letters=False) as room:
        point_to(monkeypatch, tmp_path, room.environ)
        room.put(*(f"hello {n}" for n in range(9)), *good(1))
        with opened(room) as queue:
            sums = fetch(queue, store)
        assert (sums.new, sums.unread, sums.drained) == (1, 9, False)


def test_what_is_remembered_of_messages_that_stay_has_a_bound(queue, monkeypatch):
    monkeypatch.setattr(events, "_REMEMBERED", 100)
    for start in range(0, 1000, 10):
        some = [
            events.QueueMessage(id=str(n), body="", receipt="") for n in range(start, start + 10)
        ]
        assert queue.mark_left(some) == 10
        assert queue.mark_left(some) == 0
    assert len(queue._left) == 100


# --- two newsletters ---------------------------------------------------------------------------


def test_two_stores_that_share_a_queue_leave_each_other_s_events_alone(
    office, tmp_path, monkeypatch
):
    """The same readers, issue, positions and sender; each has lost two answers."""
    monkeypatch.setattr(events, "_HIDDEN", 0)
    monkeypatch.setattr(events, "_FRUITLESS", 2)
    with (
        mailroom(office, dead_letters=False) as room,
        new_store(tmp_path / "one", crowd(3)) as one,
        new_store(tmp_path / "two", crowd(3)) as two,
    ):
        point_to(monkeypatch, tmp_path, room.environ)
        for store in (one, two):
            hand_over(store, begin(store), 2)
            own = store.feedback.store_id()
            mails = [
                Sent(message_id=f"{own}-{n}", to=f"reader{n}@example.org", position=n, store=own)
                for n in (1, 2, 3)
            ]
            room.put(event("Send", mails[0]), bounce("Permanent", "NoEmail", mails[1]),
                     event("Send", mails[2]))  # fmt: skip
        with opened(room) as queue:
            first = fetch(queue, one)
        assert (first.new, first.settled, first.suppressed) == (3, 2, 1)
        assert (first.foreign, first.unread, first.dead_lettered) == (3, 0, 0)
        assert states(tmp_path / "two") == ["unknown", "unknown", "queued"]
        assert kept_out(tmp_path / "two") == []
        assert room.left() == 3
        with opened(room) as queue:
            second = fetch(queue, two)
        assert (second.new, second.settled, second.foreign) == (3, 2, 0)
        assert room.left() == 0
        for name in ("one", "two"):
            assert states(tmp_path / name) == ["accepted", "accepted", "queued"]
            assert kept_out(tmp_path / name) == ["reader2@example.org"]


def test_events_of_other_records_are_told(letters, room):
    room.put(event("Send", Sent(store="6" * 32)))
    ran = letters.run("events", "pull")
    assert ran.code == 0
    assert "1 event about mails of other records is left in the queue" in ran.err
    assert ran.out == "0 new events\n"
    assert room.left() == 1


# --- threads -----------------------------------------------------------------------------------


class Pulls:
    """In place of a pull: counts, and raises what it is told to."""

    def __init__(self, *faults):
        self.faults = itertools.chain(faults, itertools.repeat(None))
        self.calls = 0
        self.enough = threading.Event()

    def __call__(self, *_, **__):
        self.calls += 1
        if self.calls >= 6:
            self.enough.set()
        fault = next(self.faults)
        if fault is not None:
            raise fault
        return events.Pulled()


ODD = RecursionError("ada@example.org")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(background, "POLL_INTERVAL", 0.01)

    def plant(*faults):
        pulls = Pulls(*faults)
        monkeypatch.setattr(events, "pull", pulls)
        return pulls

    return plant


def beside(project, store):
    return background.fetching(project, store, environ=os.environ, reporter=Console())


def test_the_thread_beside_the_pages_survives_and_says_it_once(letters, quick, capsys):
    pulls = quick(ODD, ODD, ODD, AccountError("no queue"), ODD)
    with open_project_in(letters) as (project, store), beside(project, store):
        assert pulls.enough.wait(60)
    err = capsys.readouterr().err
    assert err.count("RecursionError") == 2, "once, and once more after something else"
    assert err.count("no queue; trying again") == 1
    assert "@" not in err


def test_a_thread_that_ends_by_itself_says_so(letters, quick, capsys):
    quick(SystemExit(1))
    before = threading.active_count()
    with open_project_in(letters) as (project, store), beside(project, store):
        for thread in threading.enumerate():
            if "_keep_fetching" in thread.name:
                thread.join(60)
        assert threading.active_count() <= before
    assert "events are no longer fetched" in capsys.readouterr().err


def test_the_watch_of_a_send_survives_and_says_it_once(letters, quick, capsys, monkeypatch):
    pulls = quick(*[ODD] * 5)
    monkeypatch.setattr(Feedback, "setbacks", lambda *_, **__: 1 / 0)
    with open_project_in(letters) as (project, store):
        run = begin(store)
        watch = ReputationWatch(project, store, run, environ=os.environ, reporter=Console())
        with watch.going():
            assert pulls.enough.wait(60)
    err = capsys.readouterr().err
    assert err.count("RecursionError") == 1
    assert err.count("ZeroDivisionError") == 1
    assert "@" not in err


def test_that_the_records_are_away_is_told_by_the_send_and_not_by_its_watch(letters, quick, capsys):
    pulls = quick(*[UnreachableError("the records are away")] * 5, AccountError("no queue"))
    with open_project_in(letters) as (project, store):
        watch = ReputationWatch(
            project, store, begin(store), environ=os.environ, reporter=Console()
        )
        with watch.going():
            assert pulls.enough.wait(60)
    assert capsys.readouterr().err == "warning: no queue; trying again\n"


def test_what_nobody_foresaw_keeps_no_issue_from_being_sent(letters, quick, capsys, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    quick(ODD)
    with open_project_in(letters) as (project, store):
        pull_before_send(project, store, os.environ, Console())
    err = capsys.readouterr().err
    assert "going on without what came back since" in err
    assert "@" not in err


# --- anything at all ---------------------------------------------------------------------------


#: Ten of these fit into one request (SQS takes 256 KiB).
MOST = 20_000


def test_any_mutation_of_any_event_leaves_all_others_alone(letters, room, request):
    """A fifth of what comes is good and must be recorded; nobody is settled, none was claimed."""
    number = 20_000 if request.config.getoption("--long") else 300
    with open_project_in(letters) as (_, store):
        begin(store)
        own = store.feedback.store_id()
    chance = random.Random(7)
    sources = [
        text
        for one in (Sent(), Sent(store=own, to="reader1@example.org"))
        for _, text in everything(one)
    ]
    sources += [in_envelope(text) for text in sources[::3]]
    expected, stayed = set(), 0
    for start in range(0, number, 100):
        texts = [mutated(chance.choice(sources), chance) for _ in range(100)]
        fine = good_ones(start, 25)
        expected |= fine.keys()
        mixed = [*texts, *fine.values()]
        chance.shuffle(mixed)
        for text in mixed:
            if len(text) > MOST:
                room.put(text)
        room.put(*(text for text in mixed if len(text) <= MOST))
        ran = letters.run("events", "pull", "--json")
        assert ran.code == 0, ran.err
        found = json.loads(ran.out)
        assert found["unread"] == 0
        # Whose store id was mutated is another store's: it stays, and comes again in two minutes.
        assert found["drained"] or stayed
        assert 125 <= found["received"] <= 125 + stayed
        stayed += found["foreign"]
        assert "ada@" not in ran.err + ran.out
        assert "reader1@" not in ran.err + ran.out
        assert "Traceback" not in ran.err
    assert expected <= names(letters)
    assert {one.state for one in letters.outcomes()} == {"queued"}
    dead = room.left(room.dead)
    assert 0 < dead < number
    with Store.open(f"sqlite:///{letters.root}/.newsletter/newsletter.db") as store:
        assert store.feedback.reconcile() == 0


def good_ones(start, number):
    return {
        f"fine-{n}": event("Send", Sent(message_id=f"fine-{n}"))
        for n in range(start, start + number)
    }
