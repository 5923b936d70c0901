"""What goes wrong in a run: with one mail, with all of them, in the middle of a step."""

from __future__ import annotations

import errno
import os

import pytest

from newsletter.delivery import Attempt, Outcome, Pause, Result, State, Stop
from newsletter.errors import AccountError, InputError, NewsletterError
from newsletter.sending.drain import Drained
from newsletter.store import deliveries, runs
from tests.support.runs import ODD, Scripted, accepted, desk
from tests.support.store_samples import LATER

__all__ = ["desk"]


# --- one person's trouble --------------------------------------------------------------------


def test_an_address_that_cannot_stand_in_a_header_is_refused_and_the_rest_go_on(desk):
    here = desk(addresses=["ada@example.org", ODD, "two\nlines@example.org", "bo@example.org"])
    heard: list[Attempt] = []
    assert here.drain(told=heard.append) == Drained(accepted=2)
    assert here.states() == {"accepted": 2, "refused": 2}
    assert list(here.mails()) == ["074/0001.eml", "074/0004.eml"]
    reason = "the address for To cannot be written in a header"
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

        def settle_and_claim(self, run, settled, most, *, now):
            self.settled += len(settled)
            if self.settled == 2:
                raise NewsletterError("the disk failed")
            return here.store.settle_and_claim(run, settled, most, now=now)

    with pytest.raises(NewsletterError, match="the disk failed"):
        here.drain(records=Broken())
    assert here.rows() == [(1, "accepted", 1), (2, "claimed", 1), (3, "queued", 0)]
    assert list(here.mails()) == ["074/0001.eml", "074/0002.eml"]
