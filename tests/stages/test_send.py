"""Sending, seen in the records and in the folder of mails."""

from __future__ import annotations

import email
import email.policy
import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from newsletter.audience import MAILABLE
from newsletter.audience.tokens import read_token
from newsletter.delivery import (
    Allowance,
    Attempt,
    Content,
    Outcome,
    Pause,
    Result,
    Run,
    RunState,
    State,
    Stop,
)
from newsletter.delivery.deliver import Press, Records, Transport, deliver_next, summary, trial
from newsletter.errors import AccountError, InputError, NewsletterError
from newsletter.folder import FolderTransport
from newsletter.message import Envelope, Message, seal
from newsletter.render.markdown.fields import UNSUBSCRIBE
from newsletter.sending.drain import Drained, drain
from newsletter.store import Store, deliveries, freezing, runs, signing_keys
from newsletter.store.consents import Evidence
from tests.support.letter_samples import SENDER, a_letter
from tests.support.store_samples import LATER, NOW, a_row, look, people, store_with

PUBLIC = "https://letters.example.org"
ENVELOPE = seal(a_letter(f"Hello __NL_F_A__, leave: {UNSUBSCRIBE}\n"), SENDER)
#: As an older version let in; no header carries it.
ODD = "=?x?q?{}@example.org"
LIMIT = Stop(Pause.LIMIT, "the limit is reached")
STOPPED = Stop(Pause.INTERRUPTED, "interrupted")


@dataclass
class Desk:
    """A store with people in it, a run that has begun, and a folder for mails."""

    folder: Path
    store: Store
    run: Run
    press: Press
    transport: FolderTransport

    def drain(
        self,
        transport: Transport | None = None,
        *,
        records: Records | None = None,
        limit: int | None = None,
        stopped: Callable[[], bool] = lambda: False,
        told: Callable[[Attempt], None] = lambda _: None,
    ) -> Drained:
        return drain(
            lambda depart: deliver_next(
                self.run,
                records or self.store,
                transport or self.transport,
                self.press,
                lambda: LATER,
                depart=depart,
            ),
            limit=limit,
            stopped=stopped,
            told=told,
        )

    def states(self) -> dict[str, int]:
        return {
            str(state): n for state, n in runs.counts(self.store, self.run).by_state.items() if n
        }

    def rows(self) -> list[tuple[int, str, int]]:
        question = "SELECT position, state, attempt FROM deliveries ORDER BY position"
        return [
            (position, state, attempt) for position, state, attempt in look(self.folder, question)
        ]

    def mails(self) -> dict[str, bytes]:
        found = sorted((self.folder / "mail").rglob("*"))
        return {
            str(p.relative_to(self.folder / "mail")): p.read_bytes()
            for p in found
            if p.is_file() and p.name != ".gitignore"
        }


@pytest.fixture
def desk(tmp_path):
    def make(number=3, *, addresses=None, public_url=PUBLIC):
        rows = people(number) if addresses is None else [a_row(one) for one in addresses]
        store = store_with(tmp_path, rows)
        stores.append(store)
        content = Content(
            issue=74,
            title="A letter",
            envelope=ENVELOPE.dump(),
            content_hash=hashlib.sha256(ENVELOPE.dump()).hexdigest(),
            source_hash="5" * 64,
        )
        run = freezing.start(
            store, content, rehearsal=True, transport="folder", eligible=MAILABLE, now=NOW
        )
        press = Press(
            envelope=Envelope.load(run.content.envelope),
            public_url=public_url,
            key=signing_keys.newest(store),
            store=store.feedback.store_id(),
        )
        return Desk(tmp_path, store, run, press, FolderTransport(tmp_path / "mail"))

    stores: list[Store] = []
    yield make
    for store in stores:
        store.close()


@dataclass
class Scripted:
    """A transport that answers what it was told to, and asks `seen` at the moment of each mail."""

    answers: list[Outcome | Exception]
    seen: Callable[[Message], None] = lambda _: None
    stamps: bool = False
    name: str = "scripted"
    rehearsal: bool = True
    mails: list[Message] = field(default_factory=list)

    def describe(self) -> str:
        return "nowhere"

    def begin(self, issue: int) -> None:
        pass

    def deliver(self, message: Message) -> Outcome:
        self.seen(message)
        self.mails.append(message)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def text_of(data):
    [part] = [
        p for p in email.message_from_bytes(data).walk() if p.get_content_subtype() == "plain"
    ]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def accepted(name="1"):
    return Outcome(result=Result.ACCEPTED, message_id=name)


# --- a whole run -----------------------------------------------------------------------------


def test_everybody_gets_one_mail_of_their_own(desk):
    here = desk(3)
    assert here.drain() == Drained(accepted=3)
    assert here.states() == {"accepted": 3}
    assert list(here.mails()) == ["074/0001.eml", "074/0002.eml", "074/0003.eml"]
    for number, data in enumerate(here.mails().values(), 1):
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert str(message["to"]) == f"Reader {number} <reader{number}@example.org>"
        assert f"Hello Reader {number}," in text_of(data)
    runs.set_state(here.store, here.run, RunState.FINISHED, LATER)
    assert here.drain() == Drained(accepted=0)


def test_each_mail_carries_its_own_way_out_that_the_records_know(desk):
    here = desk(2)
    here.drain()
    handles = [row[0] for row in look(here.folder, "SELECT handle FROM subscribers ORDER BY id")]
    for handle, data in zip(handles, here.mails().values(), strict=True):
        header = email.message_from_bytes(data)["List-Unsubscribe"]
        url = header.partition(">")[0].removeprefix("<")
        assert url.startswith(f"{PUBLIC}/u/")
        assert read_token(url.rpartition("/")[2], signing_keys.link_keys(here.store)) == handle
        assert f"leave: {url}" in text_of(data)


def test_without_a_public_page_people_leave_by_mail(desk):
    here = desk(1, public_url="")
    here.drain()
    [data] = here.mails().values()
    message = email.message_from_bytes(data)
    assert (
        message["List-Unsubscribe"] == "<mailto:leave@slackwater.example.org?subject=unsubscribe>"
    )
    assert "List-Unsubscribe-Post" not in message


def test_date_and_message_id_are_ours_unless_the_transport_writes_them(desk):
    here = desk(2)
    first, second = Scripted([accepted()]), Scripted([accepted()], stamps=True)
    here.drain(first, limit=1)
    here.drain(second, limit=1)
    ours, theirs = (email.message_from_bytes(t.mails[0].data) for t in (first, second))
    assert ours["Date"] == "Sun, 22 Nov 2026 08:05:00 +0000"
    frozen = hashlib.sha256(ENVELOPE.dump()).hexdigest()[:16]
    assert ours["Message-ID"] == f"<74.1.1.{frozen}@slackwater.example.org>"
    assert theirs["Date"] is theirs["Message-ID"] is None


def test_a_transport_is_told_whose_mail_it_is(desk):
    here = desk(1)
    transport = Scripted([accepted()])
    here.drain(transport)
    [message] = transport.mails
    assert (message.issue, message.position, message.attempt) == (74, 1, 1)
    assert (message.sender, message.to) == ("wren@slackwater.example.org", "reader1@example.org")


def test_who_leaves_after_the_start_gets_nothing(desk):
    here = desk(2)
    [(handle,)] = look(
        here.folder, "SELECT handle FROM subscribers WHERE email = 'reader1@example.org'"
    )
    here.store.departures.leave(handle, Evidence(source="test"), now=LATER)
    assert here.drain().accepted == 1
    assert here.states() == {"skipped": 1, "accepted": 1}
    assert list(here.mails()) == ["074/0002.eml"]


# --- one person's trouble --------------------------------------------------------------------


def test_an_address_that_cannot_stand_in_a_header_is_refused_and_the_rest_go_on(desk):
    here = desk(addresses=["ada@example.org", ODD, "two\nlines@example.org", "bo@example.org"])
    heard: list[Attempt] = []
    assert here.drain(told=heard.append) == Drained(accepted=2)
    assert here.states() == {"accepted": 2, "refused": 2}
    assert list(here.mails()) == ["074/0001.eml", "074/0004.eml"]
    reason = "the address for To cannot stand in a header"
    assert runs.reasons(here.store, here.run) == {(State.REFUSED, reason): 2}
    assert [attempt.outcome.result for attempt in heard] == [
        "accepted",
        "refused",
        "refused",
        "accepted",
    ]


def test_refusals_of_our_own_never_pause_a_run(desk):
    here = desk(addresses=[*(ODD.format(n) for n in range(10)), "ada@example.org"])
    assert here.drain() == Drained(accepted=1)
    assert here.states() == {"accepted": 1, "refused": 10}


def test_refusals_of_our_own_hide_none_of_the_providers(desk):
    refused = Outcome(result=Result.REFUSED, reason="so")
    addresses = [x for n in range(9) for x in (f"ada{n}@example.org", ODD.format(n))]
    here = desk(addresses=addresses)
    drained = here.drain(Scripted([refused] * 9))
    # Three of the provider's are over 2 %; what lies between counts neither for nor against.
    assert drained.stop == Stop(Pause.BREAKER, "3 mails were refused, over 2 %")
    assert here.states() == {"refused": 5, "queued": 13}


def test_whatever_happens_to_one_mail_the_next_is_tried(desk):
    here = desk(4)
    answers = [
        Outcome(result=r, reason="so") for r in (Result.REFUSED, Result.DEFERRED, Result.UNKNOWN)
    ]
    transport = Scripted([*answers, accepted()])
    heard: list[Attempt] = []
    assert here.drain(transport, told=heard.append) == Drained(accepted=1)
    assert here.rows() == [
        (1, "refused", 1),
        (2, "deferred", 1),
        (3, "unknown", 1),
        (4, "accepted", 1),
    ]
    assert [attempt.outcome for attempt in heard] == [*answers, accepted()]
    assert [(attempt.position, attempt.number) for attempt in heard] == [
        (n, 1) for n in range(1, 5)
    ]


# --- everybody's trouble ---------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_stops_the_run_with_nobody_lost(desk):
    here = desk(3)
    (here.folder / "mail").write_text("a file where the folder should be")
    assert here.drain() == Drained(
        accepted=0, stop=Stop(Pause.ACCOUNT, "the folder cannot be written")
    )
    assert here.rows() == [(1, "queued", 1), (2, "queued", 0), (3, "queued", 0)]
    (here.folder / "mail").unlink()
    assert here.drain() == Drained(accepted=3)
    assert here.rows() == [(1, "accepted", 2), (2, "accepted", 1), (3, "accepted", 1)]


def test_a_full_disk_stops_the_run_and_leaves_no_half_mail(desk, monkeypatch):
    here = desk(3)
    here.drain(limit=1)
    before = here.mails()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as fault:
        fault.setattr(os, "fsync", full)
        assert here.drain() == Drained(accepted=0, stop=Stop(Pause.ACCOUNT, "the disk is full"))
    assert here.mails() == before
    assert here.states() == {"accepted": 1, "queued": 2}
    assert here.drain().accepted == 2


def test_a_mail_that_could_not_be_put_in_its_place_stops_the_run(desk):
    here = desk(1)
    (here.folder / "mail" / "074" / "0001.eml").mkdir(parents=True)
    assert here.drain() == Drained(
        accepted=0, stop=Stop(Pause.ACCOUNT, "the folder cannot be written")
    )
    assert here.mails() == {}


@pytest.mark.parametrize(
    "public_url",
    [
        "https://letters.example.org/" + "x" * 900,
        "https://bücher.example",
        "https://x.example/\r\nBcc: a@b.example",
    ],
)
def test_a_page_nobody_could_leave_by_is_told_before_anybody_is_claimed(desk, public_url):
    with pytest.raises(InputError) as refused:
        desk(2, public_url=public_url)
    assert refused.value.message == "List-Unsubscribe does not fit on one line of a mail"


# --- stopping --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0, (LIMIT, 0)), (2, (LIMIT, 2)), (3, (LIMIT, 3)), (4, (None, 3)), (None, (None, 3))],
)  # fmt: skip
def test_a_limit_counts_mails_handed_over(desk, limit, expected):
    here = desk(3)
    drained = here.drain(limit=limit)
    assert (drained.stop, drained.accepted) == expected
    assert len(here.mails()) == expected[1]
    assert here.states().get("claimed") is None


def test_a_refused_mail_does_not_count_towards_a_limit(desk):
    here = desk(addresses=[ODD, "ada@example.org", "bo@example.org"])
    assert here.drain(limit=1) == Drained(accepted=1, stop=LIMIT)
    assert here.states() == {"refused": 1, "accepted": 1, "queued": 1}


def test_when_told_to_stop_it_finishes_what_is_in_flight_and_claims_no_more(desk):
    here = desk(3)
    heard: list[Attempt] = []
    assert here.drain(told=heard.append, stopped=lambda: len(heard) == 1) == Drained(
        accepted=1, stop=STOPPED
    )
    assert here.states() == {"accepted": 1, "queued": 2}
    assert here.drain(stopped=lambda: True) == Drained(accepted=0, stop=STOPPED)
    assert here.drain() == Drained(accepted=2)
    assert len(here.mails()) == 3


# --- the order of steps ----------------------------------------------------------------------


def test_a_mail_is_on_its_way_only_while_its_row_is_claimed_and_all_before_are_settled(desk):
    here = desk(3)
    seen: list[list[tuple[str, int]]] = []
    transport = Scripted(
        [accepted(), Outcome(result=Result.UNKNOWN, reason="lost"), accepted()],
        seen=lambda _: seen.append([(state, attempt) for _, state, attempt in here.rows()]),
    )
    here.drain(transport)
    assert seen == [
        [("claimed", 1), ("queued", 0), ("queued", 0)],
        [("accepted", 1), ("claimed", 1), ("queued", 0)],
        [("accepted", 1), ("unknown", 1), ("claimed", 1)],
    ]


def test_a_crash_while_a_mail_is_on_its_way_leaves_it_claimed_and_never_sends_it_again(desk):
    here = desk(3)
    transport = Scripted([accepted(), RuntimeError("power cut")])
    with pytest.raises(RuntimeError, match="power cut"):
        here.drain(transport)
    assert here.rows() == [(1, "accepted", 1), (2, "claimed", 1), (3, "queued", 0)]
    assert deliveries.recover(here.store, here.run, now=LATER) == 1
    assert here.drain() == Drained(accepted=1)
    assert here.rows() == [(1, "accepted", 1), (2, "unknown", 1), (3, "accepted", 1)]
    assert list(here.mails()) == ["074/0003.eml"]


def test_a_fault_that_stops_the_program_is_not_taken_for_one_persons(desk):
    here = desk(2)
    with pytest.raises(AccountError):
        here.drain(Scripted([AccountError("credentials have expired")]))
    with pytest.raises(InputError):
        here.drain(Scripted([InputError("not about a person")]))
    assert here.states() == {"claimed": 2}


def test_an_outcome_that_cannot_be_written_down_leaves_its_row_claimed_and_ends_the_run(desk):
    here = desk(3)

    class Broken:
        """The store, on a disk that fails at the second outcome."""

        settled = 0

        def claim(self, run, *, now):
            return here.store.claim(run, now=now)

        def settle(self, run, delivery, outcome, *, now):
            self.settled += 1
            if self.settled == 2:
                raise NewsletterError("the disk failed")
            here.store.settle(run, delivery, outcome, now=now)

    with pytest.raises(NewsletterError, match="the disk failed"):
        here.drain(records=Broken())
    assert here.rows() == [(1, "accepted", 1), (2, "claimed", 1), (3, "queued", 0)]
    assert list(here.mails()) == ["074/0001.eml", "074/0002.eml"]


# --- the folder ------------------------------------------------------------------------------


def test_names_of_files_and_of_mails_hold_no_address(desk):
    here = desk(1)
    here.drain()
    [(name,)] = look(here.folder, "SELECT message_id FROM deliveries")
    assert name == "074/0001.eml"
    names = {p.name for p in (here.folder / "mail").rglob("*")}
    assert names == {"074", ".gitignore", "0001.eml"}
    assert (here.folder / "mail" / name).is_file()


def test_a_second_try_takes_the_place_of_the_first(tmp_path):
    transport = FolderTransport(tmp_path / "mail")
    for attempt in (1, 2):
        message = Message(
            issue=7,
            position=12,
            attempt=attempt,
            sender="a@x.example",
            to="b@x.example",
            data=b"%d" % attempt,
        )
        assert transport.deliver(message) == accepted("007/0012.eml")
    assert [p.read_bytes() for p in tmp_path.rglob("*.eml")] == [b"2"]


def test_a_new_rehearsal_takes_away_only_its_own_issues_mails(tmp_path):
    transport = FolderTransport(tmp_path)
    for issue in (73, 74):
        transport.deliver(
            Message(
                issue=issue,
                position=1,
                attempt=1,
                sender="a@x.example",
                to="b@x.example",
                data=b"x",
            )
        )
    (tmp_path / "074" / "notes.txt").write_text("mine")
    transport.begin(74)
    transport.begin(75)
    names = sorted(p.name for p in tmp_path.rglob("*.*"))
    assert names == [".gitignore", ".gitignore", "0001.eml", "notes.txt"]
    assert (tmp_path / "073" / "0001.eml").exists()


def test_a_mail_of_an_earlier_rehearsal_that_stays_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "mail" / "074" / "0001.eml").mkdir(parents=True)
    with pytest.raises(AccountError) as stays:
        FolderTransport(tmp_path / "mail").begin(74)
    assert stays.value.message == "a mail of an earlier rehearsal cannot be taken away: 0001.eml"
    assert stays.value.hint == "empty the folder 074/ yourself"


def test_a_folder_says_that_it_is_a_rehearsal(tmp_path):
    transport = FolderTransport(tmp_path / "mail")
    assert transport.describe() == "the folder mail/ (a rehearsal: nothing leaves)"
    assert (transport.name, transport.rehearsal, transport.stamps) == ("folder", True, False)


def test_a_test_mail_leaves_date_and_message_id_to_a_transport_that_writes_them() -> None:
    mail = trial(ENVELOPE, "Ada@Example.org", issue=74, public_url=PUBLIC)
    read = email.message_from_bytes(mail.data, policy=email.policy.default)
    assert (read["Date"], read["Message-ID"]) == (None, None)
    assert str(read["Subject"]).startswith("[TEST] ")
    assert mail.to == "Ada@example.org"


# --- before anything leaves --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowance", "pace", "quota"),
    [
        (Allowance(), None, None),
        (Allowance(rate=10.0, left=200), "10 mails/s, about 10 seconds for 100", "200 mails left today"),
        (Allowance(rate=10.0, left=100), "10 mails/s, about 10 seconds for 100", "100 mails left today"),
        (Allowance(left=99), None, "99 mails left today: it pauses after them, and goes on when the same command is run tomorrow"),
    ],
)  # fmt: skip
def test_the_summary_tells_the_pace_and_whether_the_days_quota_is_enough(allowance, pace, quota):
    told = dict(
        summary(
            issue="74: x", file="x", sender=SENDER,
            recipients=100, left_out={}, begun=False, through="SES", allowance=allowance,
            size=1, links=2, findings=(),
        )
    )  # fmt: skip
    assert (told.get("pace"), told.get("quota")) == (pace, quota)
