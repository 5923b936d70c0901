"""Lives of readers in every order: nobody is mailed who is out, and nobody comes back by itself."""

from __future__ import annotations

import datetime as dt
import io
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from newsletter.audience import Status, eligible, read_address, skip_tag
from newsletter.audience.roster import Row
from newsletter.delivery import Outcome, Result, Run
from newsletter.people.export import export_to
from newsletter.ses.event_format import read_event
from newsletter.store import (
    Store,
    confirmations,
    deliveries,
    freezing,
    imports,
    letters,
    signups,
    subscribers,
)
from newsletter.store.confirmations import LinkState
from newsletter.store.consents import Evidence
from newsletter.store.folder import backup as backups
from newsletter.store.letters import Budget
from newsletter.store.signups import Request
from tests.support import claiming
from tests.support.effort import either
from tests.support.rosters import rows as rows_of
from tests.support.ses_events import SOURCE, Sent, bounce, complaint, event
from tests.support.store_samples import NOW, a_content, a_row, look, store_with, url_in

pytestmark = pytest.mark.trials

READERS = [f"reader{n}@example.org" for n in range(1, 3)]
FIRST = 101
VALID = dt.timedelta(days=7)
#: How many lives are tried; without a number they are the same at each run.
LIVES = int(os.environ.get("TESTS_LIVES", "0"))
a_reader = st.sampled_from(READERS)
#: Lists of other services, and what one of their words says: whether the person may be mailed.
SERVICES = {
    "Email,First name,Last name,Data,Status,External ID\n{reader},,,,{word},\n": {
        "active": True, "unsubscribed": False, "unreachable": False,
    },
    "EMAIL;LASTNAME;FIRSTNAME;SMS;EMAIL_BLACKLISTED;SMS_BLACKLISTED;ADDED_TIME;MODIFIED_TIME\n"
    "{reader};;;;{word};0;01-02-2024;\n": {"0": True, "1": False},
    # The line that says more counts, whichever comes first.
    "email,status\n{reader},{word}\n{reader},active\n": {
        "active": True, "pending": False, "left": False, "complained": False,
    },
}  # fmt: skip
a_list = st.sampled_from(
    [(text, word, may) for text, words in SERVICES.items() for word, may in words.items()]
)


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
        self.now = NOW
        self.tokens: dict[str, list[str]] = {}
        self.resting: set[str] = set()
        self.exported = ""

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

    @rule(reader=a_reader, status=st.sampled_from(Status))
    def come(self, reader, status):
        """A row of a list; the list may be old."""
        self.take_in([a_row(reader, status=status)])

    @rule(reader=a_reader)
    def a_list_says_bounced(self, reader):
        self.take_in([a_row(reader, status=Status.UNSUBSCRIBED, suppression="bounced")])

    @rule(reader=a_reader, listed=a_list)
    def come_from_another_service(self, reader, listed):
        text, word, may_be_mailed = listed
        pending = word == "pending"
        [row] = self.take_in(rows_of(text.format(reader=reader, word=word)))
        assert (row.status is Status.ACTIVE) is may_be_mailed
        assert (row.status is Status.PENDING) is pending

    @rule()
    def export(self):
        stream = io.StringIO()
        export_to(stream, self.store)
        self.exported = stream.getvalue()

    @precondition(lambda self: self.exported)
    @rule()
    def import_the_export(self):
        """The file may be older than much that has happened since."""
        self.take_in(rows_of(self.exported))

    def take_in(self, read):
        """Import a list; whom it may bring, whom it must keep, and whom it takes out."""
        before, outside = self.mailable(), self.out | self.known
        imports.add(self.store, read, source="list", now=self.now)
        outdone = {row.instead_of for row in read if isinstance(row, Row)}
        good = [row for at, row in enumerate(read) if isinstance(row, Row) and at not in outdone]
        for row in good:
            if row.status is Status.UNSUBSCRIBED:
                self.out.add(row.email)
            elif row.email in before or (row.status is Status.ACTIVE and row.email not in outside):
                assert row.email in self.mailable(), "lost"
            self.note(row.email)
        return good

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

    @rule(reader=a_reader, mover=st.sampled_from(["", *READERS]))
    def ask_by_form(self, reader, mover):
        """Somebody sends the form, or a reader gives another address; the mail goes out."""
        self.now += dt.timedelta(days=2)
        moves = self.links.get(mover, "")
        request = Request(address=read_address(reader), moves=moves, evidence=Evidence(source="f"))
        signups.ask(self.store, request, now=self.now)
        while letter := letters.claim(self.store, Budget(100, 100), now=self.now):
            outcome = Outcome(result=Result.ACCEPTED, message_id="m")
            letters.settle(self.store, letter, outcome, now=self.now)
            assert letter.address not in self.out or letter.token or letter.kind == "moved"
            if letter.token:
                self.tokens.setdefault(letter.address, []).append(letter.token)

    @rule(reader=a_reader, which=st.integers(0, 5), yes=st.booleans())
    def press(self, reader, which, yes):
        """A press on the page behind one of the mails, an old one perhaps."""
        tokens = self.tokens.get(reader)
        if not tokens:
            return
        token = tokens[which % len(tokens)]
        before = confirmations.look(self.store, token, valid=VALID, now=self.now)
        evidence = Evidence(source="confirmation page")
        if not yes:
            confirmations.refuse(self.store, token, evidence, valid=VALID, now=self.now)
            if before is LinkState.OPEN:
                self.out.add(reader)
            return
        found = confirmations.confirm(
            self.store, token, evidence, welcome=True, valid=VALID, now=self.now
        )
        if before is LinkState.OPEN and found is LinkState.CONFIRMED:
            self.out.discard(reader)
            self.erased.discard(reader)
            assert (person := subscribers.find(self.store, reader)), "lost"
            assert person.mailable, "lost"
        else:
            assert found is before or found is LinkState.UNKNOWN
        for one in READERS:
            self.note(one)

    @rule(reader=a_reader)
    def take_a_break(self, reader):
        """From the next issue that begins."""
        person = subscribers.by_handle(self.store, self.links.get(reader, ""))
        if person is not None and self.run is None:
            tag = frozenset({skip_tag(self.issue)})
            subscribers.prefer(
                self.store, person.handle, name="", wanted=tag, offered=tag,
                evidence=Evidence(source="page"), now=self.now,
            )  # fmt: skip

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
        tag = skip_tag(self.issue)
        self.resting = {person.email for person in subscribers.each(self.store, tag=tag)}
        self.run = freezing.start(
            self.store,
            a_content(self.issue),
            rehearsal=False,
            transport="ses",
            eligible=eligible(issue=self.issue),
            now=NOW,
        )

    @precondition(lambda self: self.run is not None)
    @rule(ending=st.sampled_from(["accepted", "accepted", "crash before", "crash after"]))
    def send_one(self, ending):
        assert self.run is not None
        delivery = claiming.claim(self.store, self.run, now=NOW)
        if delivery is None:
            self.finish()
            return
        reader = delivery.subscriber.address
        name = f"{self.issue}-{delivery.position}"
        assert reader not in self.out, f"{reader} is out, and was claimed"
        assert reader not in self.resting, f"{reader} takes a break, and was claimed"
        if ending == "crash before":
            self.reopen()
            return
        assert (self.issue, reader) not in {(i, r) for i, r, _ in self.sent}, "twice"
        self.sent.append((self.issue, reader, name))
        if ending == "crash after":
            self.reopen()
            return
        outcome = Outcome(result=Result.ACCEPTED, message_id=name)
        claiming.settle(self.store, self.run, delivery, outcome, now=NOW)

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
        backups.backup(self.store, path)
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
        assert self.mailable() & self.out == set()

    def mailable(self):
        question = """select email from subscribers where status = 'active'
            and address_hash not in (select address_hash from suppressions)"""
        return {email for (email,) in look(self.folder, question)}

    @invariant()
    def whoever_waits_to_confirm_is_no_subscriber_for_that(self):
        """Only a press makes one: the log says so of everybody whom no list has brought."""
        question = """select count(*) from subscribers where status = 'active' and address_hash
            not in (select address_hash from consents
                    where event in ('imported', 'confirmed', 'allowed', 'came back'))"""
        assert look(self.folder, question) == [(0,)]

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
