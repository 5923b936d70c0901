"""Lives of readers in every order: nobody is mailed who is out, and nobody comes back by itself."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from newsletter.audience import Status, eligible
from newsletter.delivery import Outcome, Result, Run
from newsletter.ses.event_format import read_event
from newsletter.store import Store, deliveries, freezing, imports, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.folder import backup as backups
from tests.support.effort import either
from tests.support.ses_events import SOURCE, Sent, bounce, complaint, event
from tests.support.store_samples import NOW, a_content, a_row, look, store_with, url_in

READERS = [f"reader{n}@example.org" for n in range(1, 3)]
FIRST = 101
#: How many lives are tried; without a number they are the same at each run.
LIVES = int(os.environ.get("TESTS_LIVES", "0"))
a_reader = st.sampled_from(READERS)


class Lives(RuleBasedStateMachine):
    """Two people, one store, a backup of it, and a model of who may be mailed.

    `out` holds whoever left or is kept out by the last thing they or their provider did; only they
    themselves, or the author at their word, take them out of it.
    """

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = store_with(self.folder, [])
        self.issue = FIRST
        self.out: set[str] = set()
        self.known: set[str] = set()
        self.sent: list[tuple[int, str, str]] = []
        self.erased: set[str] = set()
        self.links: dict[str, str] = {}
        self.copy: tuple[bytes, set[str], set[str]] | None = None
        self.run: Run | None = None

    @initialize()
    def begin(self):
        self.come(READERS[0], Status.ACTIVE)

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)

    def note(self, reader):
        person = subscribers.find(self.store, reader)
        if person is not None:
            self.links[reader] = person.handle
            self.known.add(reader)
        else:
            self.known.discard(reader)

    # --- what people, lists and providers do ---

    @rule(reader=a_reader, status=st.sampled_from([Status.ACTIVE, Status.UNSUBSCRIBED]))
    def come(self, reader, status):
        """A row of a list; the list may be old."""
        imports.add(self.store, [a_row(reader, status=status)], source="list", now=NOW)
        if status is Status.UNSUBSCRIBED:
            self.out.add(reader)
        self.note(reader)

    @rule(reader=a_reader)
    def a_list_says_bounced(self, reader):
        row = a_row(reader, status=Status.UNSUBSCRIBED, suppression="bounced")
        imports.add(self.store, [row], source="list", now=NOW)
        self.out.add(reader)
        self.note(reader)

    @rule(reader=a_reader)
    def leave_by_link(self, reader):
        if handle := self.links.get(reader):
            self.store.departures.leave(handle, Evidence(source="page"), now=NOW)
            self.out.add(reader)

    @rule(reader=a_reader)
    def leave_by_hand(self, reader):
        if reader in self.known:
            subscribers.remove(self.store, reader, now=NOW)
            self.out.add(reader)

    @rule(reader=a_reader)
    def erase(self, reader):
        subscribers.erase(self.store, reader, now=NOW)
        self.out.add(reader)
        self.erased.add(reader)
        self.note(reader)

    @rule(reader=a_reader)
    def allow(self, reader):
        subscribers.allow(self.store, reader, Evidence(source="a mail"), now=NOW)
        self.out.discard(reader)
        self.erased.discard(reader)

    @rule(reader=a_reader)
    def come_back_by_link(self, reader):
        handle = self.links.get(reader)
        if handle and subscribers.come_back(self.store, handle, Evidence(source="page"), now=NOW):
            self.out.discard(reader)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), kind=st.sampled_from(["bounce", "complaint", "delivery"]))
    def hear(self, data, kind):
        issue, reader, name = data.draw(st.sampled_from(self.sent))
        one = Sent(
            message_id=name, to=reader, issue=issue, position=int(name.split("-")[1]),
            store=self.store.feedback.store_id(),
        )  # fmt: skip
        text = {
            "bounce": bounce("Permanent", "NoEmail", one),
            "complaint": complaint("abuse", None, one),
            "delivery": event("Delivery", one),
        }[kind]
        found = read_event(text)
        assert found is not None
        if self.store.feedback.record([found], now=NOW, sender=SOURCE).new and kind != "delivery":
            self.out.add(reader)

    # --- what the program does ---

    @precondition(lambda self: self.run is None)
    @rule()
    def freeze(self):
        self.run = freezing.start(
            self.store,
            a_content(self.issue),
            rehearsal=False,
            transport="ses",
            eligible=eligible(),
            now=NOW,
        )

    @precondition(lambda self: self.run is not None)
    @rule(ending=st.sampled_from(["accepted", "accepted", "crash before", "crash after"]))
    def send_one(self, ending):
        assert self.run is not None
        delivery = self.store.claim(self.run, now=NOW)
        if delivery is None:
            self.finish()
            return
        reader = delivery.subscriber.address
        name = f"{self.issue}-{delivery.position}"
        assert reader not in self.out, f"{reader} is out, and was claimed"
        if ending == "crash before":
            self.reopen()
            return
        assert (self.issue, reader) not in {(i, r) for i, r, _ in self.sent}, "twice"
        self.sent.append((self.issue, reader, name))
        if ending == "crash after":
            self.reopen()
            return
        outcome = Outcome(result=Result.ACCEPTED, message_id=name)
        self.store.settle(self.run, delivery, outcome, now=NOW)

    def reopen(self):
        """A process dies and another begins."""
        self.store.close()
        self.store = Store.open(url_in(self.folder))
        assert self.run is not None
        deliveries.recover(self.store, self.run, now=NOW)

    def finish(self):
        self.run = None
        self.issue += 1

    @precondition(lambda self: self.run is None)
    @rule()
    def back_up(self):
        path = self.folder / "copy.db"
        path.unlink(missing_ok=True)
        backups.backup(self.store.path, path)
        self.copy = path.read_bytes(), set(self.out), set(self.known)

    @precondition(lambda self: self.run is None and self.copy is not None)
    @rule()
    def restore(self):
        """Whoever was out in the backup, or is out now, is out; the issue's number is a new one."""
        assert self.copy is not None
        data, out, _ = self.copy
        self.store.close()
        for name in ("newsletter.db", "newsletter.db-wal", "newsletter.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "newsletter.db").write_bytes(data)
        self.store = Store.open(url_in(self.folder))
        self.out |= out
        for reader in READERS:
            self.note(reader)

    # --- what must hold ---

    @invariant()
    def whoever_is_out_cannot_be_mailed(self):
        question = """select email from subscribers where status = 'active'
            and address_hash not in (select address_hash from suppressions)"""
        mailable = {email for (email,) in look(self.folder, question)}
        assert mailable & self.out == set()

    @invariant()
    def whoever_was_erased_is_not_on_record(self):
        on_record = {email for (email,) in look(self.folder, "select email from subscribers")}
        assert on_record & self.erased == set()

    @invariant()
    def the_consent_log_says_why(self):
        """Nobody is on the list for whom the log has no row."""
        question = "select count(*) from subscribers where address_hash not in (select address_hash from consents)"
        assert look(self.folder, question) == [(0,)]


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=LIVES or either(10, 50),
    derandomize=not LIVES,
    stateful_step_count=50,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
