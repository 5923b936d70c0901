"""Records put back from a backup that was made while mails left: nobody gets the issue twice."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
from dataclasses import replace

import pytest

from newsletter import smtp
from newsletter.delivery import Outcome, Result
from newsletter.delivery.deliver import Hand
from newsletter.project import ledger
from newsletter.project.disk import flush
from newsletter.ses.event_format import read_event
from newsletter.store import doubting
from newsletter.store.batches import Batches
from newsletter.store.doubting import RESTORED
from tests.campaign import restores
from tests.support.schedule_fixtures import (
    approved,
    at,
    folder,
    owned,
    plain_environment,
    post,
    ready,
    store_of,
)
from tests.support.ses_events import SOURCE, Sent, event
from tests.support.store_samples import look

__all__ = ["approved", "at", "folder", "owned", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes

FILE = "issues/.ledger/74.json"


def told(newsletter):
    return json.loads((newsletter.root / FILE).read_text("utf-8"))


def put_back(newsletter, copy):
    for file in (newsletter.root / ".newsletter").glob("newsletter.db*"):
        file.unlink()
    shutil.copy(copy, newsletter.root / ".newsletter/newsletter.db")


def backed_up(newsletter, name):
    assert newsletter.run("db", "backup", name).code == 0
    return newsletter.root / name


# --- the mark --------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 8])
def test_the_mark_is_flushed_before_a_mail_leaves(post, monkeypatch, threads):
    flushed, ahead = [], []

    def watched(handle):
        flush(handle)
        text = os.pread(handle, 4096, 0)
        flushed.append(json.loads(text)["attempts"])

    deliver = smtp.SmtpTransport.deliver

    def leaving(transport, message):
        # Claims go by position, each a first attempt: so many were made when this one was.
        ahead.append(flushed[-1] - message.position if flushed else -1)
        return deliver(transport, message)

    monkeypatch.setattr("newsletter.project.high_water.flush", watched)
    monkeypatch.setattr(smtp.SmtpTransport, "deliver", leaving)
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", str(threads))
    assert post.newsletter.send().code == 0
    assert len(ahead) == 25
    assert min(ahead) >= 0
    assert (flushed[-1], flushed) == (25, sorted(flushed))
    if threads == 1:
        assert set(ahead) == {0}


def test_the_mark_never_tells_of_more_than_the_records(post, monkeypatch):
    """Or a plain crash would look like a restored backup."""
    seen: list[int] = []

    def watched(handle):
        flush(handle)
        told = json.loads(os.pread(handle, 4096, 0))["attempts"]
        [(made,)] = look(
            post.newsletter.root / ".newsletter", "select sum(attempt) from deliveries"
        )
        seen.append(made - told)

    monkeypatch.setattr("newsletter.project.high_water.flush", watched)
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "8")
    assert post.newsletter.send().code == 0
    assert seen
    assert min(seen) >= 0


@pytest.mark.parametrize("hand", ["takes it away", "puts an older one there"])
def test_a_file_that_another_hand_changes_during_the_run_is_written_anew(post, monkeypatch, hand):
    path, real = post.newsletter.root / FILE, Hand.deliver_next
    seen: list[int] = []

    def watched(*words, **more):
        if len(seen) == 5:
            path.unlink()
            if hand != "takes it away":
                path.write_text('{"issue": 74, "attempts": 1}\n')
        attempt = real(*words, **more)
        seen.append(told(post.newsletter)["attempts"])
        return attempt

    monkeypatch.setattr(Hand, "deliver_next", watched)
    assert post.newsletter.send().code == 0
    assert seen[:25] == list(range(1, 26))
    assert told(post.newsletter)["by_state"] == {"accepted": 25}


def test_where_the_mark_cannot_be_written_nothing_leaves(post, monkeypatch):
    path, real, calls = post.newsletter.root / FILE, Hand.deliver_next, []

    def watched(*words, **more):
        calls.append(1)
        if len(calls) == 4:
            path.unlink()
            path.mkdir()
        return real(*words, **more)

    monkeypatch.setattr(Hand, "deliver_next", watched)
    ran = post.newsletter.send()
    assert ran.code == 6, "three mails have left"
    assert "the ledger cannot be written" in ran.error
    assert len(post.readers) == 3
    assert post.newsletter.states() == {"accepted": 3, "queued": 22}
    path.rmdir()
    assert post.newsletter.send().code == 0
    assert len(set(post.readers)) == len(post.readers) == 25


def test_a_second_look_forgives_a_number_that_was_being_written(post, monkeypatch):
    assert post.newsletter.send("--limit", "5").code == 6
    looks, real = [], ledger.entry

    def torn(root, issue):
        found = real(root, issue)
        looks.append(1)
        if len(looks) > 1:
            return found
        path = post.newsletter.root / FILE
        text = path.read_text()
        path.write_text(text.replace('"attempts":            5', '"attempts":           25'))
        half = real(root, issue)
        path.write_text(text)
        assert half
        assert half.reached.attempts == 25
        return half

    monkeypatch.setattr(ledger, "entry", torn)
    assert post.newsletter.send().code == 0
    assert len(set(post.readers)) == len(post.readers) == 25


# --- the way out -----------------------------------------------------------------------------


def test_whoever_may_have_got_it_is_unknown_and_the_rest_gets_it(post):
    newsletter = post.newsletter
    assert newsletter.send("--limit", "5").code == 6
    copy = backed_up(newsletter, "five.db")
    assert newsletter.send("--limit", "7").code == 6
    put_back(newsletter, copy)
    ran = newsletter.send()
    assert ran.code == 8
    assert "these records know only in part of it: 5 of 12 attempts" in ran.error
    assert "newsletter send --issue 74 --restored" in ran.hint
    ran = newsletter.send("--restored", "--dry-run")
    assert ran.code == 9  # as it will be
    assert "7 mails of these may have left already, unknown to the records" in ran.err
    assert newsletter.states() == {"accepted": 5, "queued": 20}
    ran = newsletter.send("--restored")
    assert ran.code == 9
    assert "7 deliveries may have been sent, which the records had forgotten" in ran.err
    assert len(set(post.readers)) == len(post.readers) == 25
    assert newsletter.states() == {"accepted": 18, "unknown": 7}
    assert look(
        newsletter.root / ".newsletter",
        "select min(position), max(position), min(attempt), max(attempt), reason from deliveries "
        "where state = 'unknown'",
    ) == [(6, 12, 1, 1, RESTORED)]
    assert told(newsletter)["attempts"] == 25


def test_what_was_deferred_or_refused_in_the_backup_may_have_been_tried_again(
    post, monkeypatch, tmp_path
):
    newsletter, deliver = post.newsletter, smtp.SmtpTransport.deliver
    bad = {2: Outcome(result=Result.REFUSED, reason="no such user")}

    def picky(transport, message):
        return bad.get(message.position) or deliver(transport, message)

    monkeypatch.setattr(smtp.SmtpTransport, "deliver", picky)
    assert newsletter.send("--limit", "5").code == 6
    copy = backed_up(newsletter, "refused.db")
    bad.clear()
    assert newsletter.run("retry", "--issue", "74").code == 0
    assert newsletter.send("--limit", "3").code == 6
    put_back(newsletter, copy)
    assert newsletter.send().code == 8
    assert newsletter.send("--restored").code == 9
    assert newsletter.run("retry", "--issue", "74").code == 0
    assert newsletter.send().code == 9
    assert len(set(post.readers)) == len(post.readers) == 25


def test_attempts_that_no_delivery_accounts_for_are_kept_in_mind(post, monkeypatch):
    """Of two backups of one run the older is refused also after the other was gone on with."""
    newsletter, deliver = post.newsletter, smtp.SmtpTransport.deliver
    put_off = {1: 3}

    def slow(transport, message):
        if put_off.get(message.position, 0):
            put_off[message.position] -= 1
            return Outcome(result=Result.DEFERRED, reason="later")
        return deliver(transport, message)

    monkeypatch.setattr(smtp.SmtpTransport, "deliver", slow)
    assert newsletter.send("--limit", "1").code == 6  # position 1 is put off, 2 leaves
    first = backed_up(newsletter, "first.db")
    for _ in range(2):
        assert newsletter.send("--limit", "1").code == 6  # and again
    second = backed_up(newsletter, "second.db")
    assert newsletter.send("--limit", "1").code == 6
    made = told(newsletter)["attempts"]
    put_back(newsletter, first)
    assert newsletter.send("--restored", "--limit", "1").code == 6
    assert told(newsletter)["attempts"] > made
    assert look(
        newsletter.root / ".newsletter",
        "select forgotten_attempts > 0 from runs where not rehearsal",
    ) == [(1,)]
    put_back(newsletter, second)
    assert newsletter.send().code == 8
    assert newsletter.send("--restored").code == 9
    assert len(set(post.readers)) == len(post.readers)


def test_a_way_out_that_ended_in_the_middle_is_asked_for_again(post, monkeypatch):
    """People who left before their turn are passed over, so fewer attempts are lost than people."""
    newsletter = post.newsletter
    assert newsletter.send("--limit", "1").code == 6
    copy = backed_up(newsletter, "one.db")
    for (address,) in look(
        newsletter.root / ".newsletter", "select email from subscribers where id between 2 and 11"
    ):
        assert newsletter.run("subscribers", "remove", address).code == 0
    assert newsletter.send("--limit", "8").code == 6
    assert (told(newsletter)["attempts"], told(newsletter)["position"]) == (9, 19)
    put_back(newsletter, copy)
    taken: list[int] = []
    real = doubting._doubt

    def ended(*words):
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(real(*words))
        return taken[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "rows", property(lambda _: 5, lambda _, __: None), raising=False)
        patch.setattr(doubting, "_doubt", ended)
        assert newsletter.send("--restored").code == 130
    assert sum(taken) >= 9
    assert newsletter.send().code == 8
    assert newsletter.send("--restored").code == 9
    assert len(set(post.readers)) == len(post.readers)
    assert newsletter.send().code == 9


def test_events_that_came_before_the_way_out_settle_what_they_are_about(post):
    newsletter = post.newsletter
    assert newsletter.send("--limit", "2").code == 6
    copy = backed_up(newsletter, "two.db")
    assert newsletter.send("--limit", "6").code == 6
    put_back(newsletter, copy)
    who = {one.position: one.address for one in newsletter.outcomes()}
    now = dt.datetime.now(dt.UTC)
    with store_of(newsletter) as store:
        ours = Sent(store=store.feedback.store_id(), at=now.isoformat())
        mails = [replace(ours, message_id=f"ses-{n}", position=n, to=who[n]) for n in (3, 4, 5, 6)]
        # Another issue's, and an attempt that was never made.
        mails[2] = replace(mails[2], issue=73)
        mails[3] = replace(mails[3], attempt=2)
        found = [read_event(event("Delivery", one)) for one in mails]
        heard = store.feedback.record([one for one in found if one], now=now, sender=SOURCE)
    assert (heard.new, heard.settled) == (4, 0)
    assert newsletter.send("--restored").code == 9
    question = "select position, message_id from deliveries where state = 'accepted'"
    accepted = dict(look(newsletter.root / ".newsletter", question))
    assert (accepted[3], accepted[4]) == ("ses-3", "ses-4")
    unknown = [one.position for one in newsletter.outcomes() if one.state == "unknown"]
    assert unknown == [5, 6, 7, 8]


def test_records_that_lost_nothing_just_go_on(post):
    assert post.newsletter.send("--limit", "5").code == 6
    ran = post.newsletter.send("--restored")
    assert ran.code == 0
    assert "may have" not in ran.err
    assert len(set(post.readers)) == len(post.readers) == 25


def test_nothing_is_left_when_all_of_them_may_have_got_it(owned):
    newsletter = owned.newsletter
    assert newsletter.send("--limit", "5").code == 6
    copy = backed_up(newsletter, "five.db")
    assert newsletter.send().code == 0
    put_back(newsletter, copy)
    assert newsletter.send("--restored").code == 9
    assert newsletter.states() == {"accepted": 5, "unknown": 20}
    assert newsletter.send().code == 9
    assert len(owned.readers) == 25


def test_a_trigger_never_decides_it(owned):
    newsletter = owned.newsletter
    newsletter.patch.setenv("NEWSLETTER_SCHEDULE__CANCEL_WINDOW", "0")
    assert newsletter.send("--limit", "5").code == 6
    copy = backed_up(newsletter, "five.db")
    assert newsletter.send("--limit", "7").code == 6
    put_back(newsletter, copy)
    assert owned.due().code == 8
    assert owned.due("--restored").code == 2
    assert len(owned.readers) == 12
    assert owned.told


def test_a_backup_from_before_all_recipients_were_frozen_has_no_such_way_out(post):
    """Other people might stand at the positions that the file speaks of."""
    newsletter = post.newsletter
    assert newsletter.send("--limit", "5").code == 6
    text = told(newsletter)
    (newsletter.root / FILE).write_text(json.dumps(text | {"recipients": 24, "attempts": 9}))
    ran = newsletter.send("--restored")
    assert ran.code == 8
    assert f"take away {FILE}" in ran.hint
    assert len(post.readers) == 5


def test_a_file_of_a_version_without_a_mark_takes_everybody_as_unknown(post):
    newsletter = post.newsletter
    assert newsletter.send("--limit", "5").code == 6
    text = told(newsletter) | {"attempts": 9}
    del text["position"]
    (newsletter.root / FILE).write_text(json.dumps(text))
    assert newsletter.send("--restored").code == 9
    assert len(post.readers) == 5


def test_what_was_attempted_stays_on_record_whatever_hand_tries(post):
    assert post.newsletter.send("--limit", "1").code == 6
    with sqlite3.connect(post.newsletter.root / ".newsletter/newsletter.db") as connection:
        connection.execute("update runs set forgotten_attempts = 3")
        with pytest.raises(sqlite3.IntegrityError, match="stays on record"):
            connection.execute("update runs set forgotten_attempts = 2")
    connection.close()


# --- the campaign ----------------------------------------------------------------------------


def test_backups_made_at_random_moments_send_nobody_twice(tmp_path, request, capsys):
    long = request.config.getoption("--long")
    moments, each_run = (100, 1) if long else (6, 3)
    tally = restores.campaign(tmp_path, moments=moments, each_run=each_run, seed=8)
    with capsys.disabled():
        print(f"\n{tally}")  # noqa: T201
    assert tally.violations == []
    assert (tally.trials, tally.duplicates) == (moments, 0)
    assert tally.behind > moments / 2


def test_a_file_written_only_at_begin_and_end_sends_mails_twice(tmp_path):
    bugs = ("mark_at_begin_and_end",)
    # Seed 15 puts a backup of after 3 mails back once 134 have left: too far apart for any luck.
    assert restores.campaign(tmp_path, moments=1, each_run=1, seed=15, bugs=bugs).duplicates
