"""Sending, seen in the records and in the folder of mails."""

from __future__ import annotations

import email
import email.policy
import hashlib

import pytest

from newsletter.audience.tokens import read_token
from newsletter.delivery import Allowance, Attempt, Pause, RunState, Stop
from newsletter.delivery.deliver import summary, trial
from newsletter.errors import AccountError
from newsletter.folder import FolderTransport
from newsletter.message import Message, encode
from newsletter.sending.drain import Drained
from newsletter.store import runs, signing_keys
from newsletter.store.consents import Evidence
from tests.support import readers
from tests.support.beside_the_program import untold
from tests.support.letter_samples import SENDER
from tests.support.runs import FROZEN, ODD, PUBLIC, Scripted, accepted, desk
from tests.support.store_samples import LATER

__all__ = ["desk"]


LIMIT = Stop(Pause.LIMIT, "the limit is reached")
STOPPED = Stop(Pause.INTERRUPTED, "interrupted")


def text_of(data):
    [part] = [
        p for p in email.message_from_bytes(data).walk() if p.get_content_subtype() == "plain"
    ]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


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
    handles = [one.handle for one in readers.people(here.store)]
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
    frozen = hashlib.sha256(FROZEN.dump()).hexdigest()[:16]
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
    handle = readers.person(here.store, "reader1@example.org").handle
    here.store.departures.leave(handle, Evidence(source="test"), now=LATER)
    assert here.drain().accepted == 1
    assert here.states() == {"skipped": 1, "accepted": 1}
    assert list(here.mails()) == ["074/0002.eml"]


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


# --- the folder ------------------------------------------------------------------------------


def test_names_of_files_and_of_mails_hold_no_address(desk):
    here = desk(1)
    here.drain()
    [(name,)] = untold(here.folder, "deliveries", "message_id")
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
            pieces=(b"%d" % attempt,),
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
                pieces=(b"x",),
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
    mail = trial(encode(FROZEN), "Ada@Example.org", issue=74, public_url=PUBLIC)
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
