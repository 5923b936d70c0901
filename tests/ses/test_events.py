"""`newsletter events pull` against SNS and SQS: recorded, then deleted; poison put aside."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import select
import shutil
import signal
import time
import urllib.request

import pytest

from newsletter.errors import PausedError
from newsletter.ses.events import Queue
from newsletter.store.feedback import Feedback
from tests.fake_ses import FakeSes, Fault
from tests.support import readers
from tests.support.cli_fixtures import copy_example, folder, plain_environment, ready
from tests.support.commands import HANGS, script, started
from tests.support.mailroom import mailroom, post_office, send_event_of
from tests.support.ports import free_port
from tests.support.ses_events import Sent, bounce, event, everything, in_envelope

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def office():
    with post_office() as url:
        yield url


@pytest.fixture
def queue(office: str):
    with mailroom(office) as room:
        yield room


@pytest.fixture
def letters(ready, queue, monkeypatch, tmp_path):
    """The example newsletter with its queue; nothing of this machine's AWS is seen."""
    point_to(monkeypatch, tmp_path, queue.environ)
    return ready


def point_to(monkeypatch, tmp_path, environ):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def recipient(newsletter, position):
    return newsletter.outcomes()[position - 1].address


@pytest.fixture(scope="module")
def sent_in_doubt(tmp_path_factory):
    """Issue 74 sent for real, with two mails that SES took and never answered for, one it did not."""
    root = tmp_path_factory.mktemp("doubt")
    copy_example(root / "letters")
    faults = (
        Fault(kind="reset", accept=True, requests=(5, 9)),
        Fault(kind="reset", accept=False, requests=(13,)),
    )
    log = root / "accepted.jsonl"
    with FakeSes(*faults, log=log, rate=200) as fake:
        settled = {"NEWSLETTER_TRANSPORT__KIND": "ses", "NEWSLETTER_TRANSPORT__CONCURRENCY": "1"}
        environ = {name: value for name, value in os.environ.items() if name != "CI"}
        environ |= fake.environ | settled
        send = ("send", "--issue", "74", "--confirm", "74")
        source = ("subscribers/example.csv", "--consent-source", "an invented list")
        for code, words in ((0, ("subscribers", "import", *source)), (6, send), (9, send)):
            ran = script(root / "letters", *words, env=environ)
            assert ran.returncode == code, ran.stderr
        yield root / "letters", fake.environ | settled, log.read_text().splitlines()


@pytest.fixture
def doubtful(sent_in_doubt, queue, folder, monkeypatch, tmp_path):
    """A copy of it with a queue, and the log of what SES accepted."""
    root, environ, accepted = sent_in_doubt
    shutil.rmtree(folder.root)
    shutil.copytree(root, folder.root)
    point_to(monkeypatch, tmp_path, queue.environ | environ)
    return folder, accepted


def events_about(newsletter, address):
    with newsletter.records() as store:
        return readers.rows_about(store, address, "events")


def wait_for_an_event(newsletter, process):
    end = time.monotonic() + 60
    while not events_about(newsletter, Sent().to):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_events_come_through_topic_and_queue_into_the_records(letters, queue):
    texts = [text for _, text in everything()]
    queue.publish(*texts)
    queue.put("hello", in_envelope(event("Send").replace("Send", "Teleport")))
    ran = letters.run("events", "pull", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    kinds = {json.loads(text).get("eventType") for text in texts} - {None}
    assert found["received"] == len(texts) + 2
    addresses = {to for text in texts for to in json.loads(text)["mail"]["destination"]}
    recorded = [row for to in addresses for row in events_about(letters, to)]
    assert found["new"] == len(recorded)
    # An open and a click are on record as proof that the mail was taken, and as no more.
    assert len({row["kind"] for row in recorded}) == len(kinds) - 2 == 8
    assert (found["dead_lettered"], found["unread"], found["drained"]) == (2, 0, True)
    assert (queue.left(), queue.left(queue.dead)) == (0, 2)
    assert {row["delivery_id"] for row in recorded} == {None}


def test_what_comes_twice_is_known(letters, queue):
    for _ in range(2):
        queue.publish(event("Send"), event("Delivery"))
        queue.put(event("Delivery"), event("Delivery", shape="notification"))
    found = json.loads(letters.run("events", "pull", "--json").out)
    assert (found["received"], found["new"], found["known"]) == (8, 2, 6)


def test_without_a_dead_letter_queue_poison_stays_and_is_told(ready, office, monkeypatch, tmp_path):
    with mailroom(office, dead_letters=False) as room:
        point_to(monkeypatch, tmp_path, room.environ)
        room.put("hello", event("Send"))
        ran = ready.run("events", "pull")
        assert ran.code == 0
        assert "1 message cannot be read and is left in the queue" in ran.err
        assert "1 new event" in ran.out
        assert room.left() == 1


def test_nothing_is_deleted_that_is_not_recorded(letters, queue, monkeypatch):
    queue.put(event("Send"))

    def full(*_, **__):
        raise PausedError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Feedback, "record", full)
        ran = letters.run("events", "pull")
        assert (ran.code, ran.error) == (6, "error: the disk is full")
    assert queue.left() == 1


def test_a_crash_between_record_and_delete_only_makes_it_come_again(letters, queue, monkeypatch):
    queue.put(event("Send"))
    with monkeypatch.context() as patch:
        patch.setattr(Queue, "delete", lambda *_: (_ for _ in ()).throw(SystemExit(9)))
        with pytest.raises(SystemExit):
            letters.run("events", "pull")
    assert len(events_about(letters, Sent().to)) == 1
    assert queue.left() == 1
    queue.put(event("Send"))  # the first one is hidden for a while
    assert json.loads(letters.run("events", "pull", "--json").out)["known"] == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE": ""}, "no queue of events is named"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "no AWS region is named"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_queue_is_one_sentence(letters, monkeypatch, changes, told):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    ran = letters.run("events", "pull")
    assert ran.code in {2, 4}
    assert told in ran.error
    assert ran.hint


def test_a_queue_that_is_not_there_is_told(letters, queue, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE", queue.queue + "-none")
    ran = letters.run("events", "pull")
    assert ran.code == 4
    assert "the queue of events cannot be used" in ran.error


def test_it_follows_until_it_is_told_to_stop(letters, queue):
    with started(letters.root, "events", "pull", "--follow") as process:
        assert select.select([process.stderr], [], [], 60)[0]
        assert "waiting for events" in process.stderr.readline()
        queue.publish(event("Send"))
        wait_for_an_event(letters, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=HANGS)
        assert (process.returncode, err) == (0, "")
        assert out == "1 new event\n"


def test_events_are_fetched_beside_the_pages(letters, queue):
    queue.put(json.dumps({"Type": ["Notification"]}))
    queue.publish(event("Send"))
    port = str(free_port())
    with started(letters.root, "serve", "--with-events", "--port", port) as process:
        assert select.select([process.stderr], [], [], 60)[0]
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert url
        wait_for_an_event(letters, process)
        # The message that cannot be read may come after the other one.
        err = process.heard("warning: ")
        with urllib.request.urlopen(f"{url[0]}/healthz", timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        # `communicate` would miss what was read together with the first line.
        err, out = err + process.stderr.read(), process.stdout.read()
        assert (process.wait(60), out) == (0, "")
        of_forms = f"the sign-up form is at {url[0]}/subscribe\n"
        rehearsal = "sign-up is a rehearsal: its mails lie in the folder mail/, none leaves\n"
        assert err.replace(rehearsal, "").replace(of_forms, "") == (
            "warning: 1 message cannot be read; moved to the dead-letter queue\n"
        )


# --- what is unknown ---------------------------------------------------------------------------


def test_the_next_send_settles_what_events_show_and_nothing_else(doubtful, queue):
    newsletter, accepted = doubtful
    assert newsletter.states() == {"accepted": 22, "unknown": 3}
    queue.publish(*map(send_event_of, accepted))
    ran = newsletter.send()
    assert ran.code == 9
    assert "feedback: 24 new events, 2 deliveries settled" in ran.err
    assert newsletter.states() == {"accepted": 24, "unknown": 1}
    assert "unknown" in newsletter.run("status").out


def test_a_dry_run_fetches_nothing(doubtful, queue):
    newsletter, accepted = doubtful
    queue.publish(*map(send_event_of, accepted))
    newsletter.send("--dry-run")
    assert queue.left() == len(accepted)


def test_a_send_goes_on_where_the_queue_cannot_be_read(doubtful, monkeypatch):
    newsletter, _ = doubtful
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    ran = newsletter.send()
    assert ran.code == 9
    assert "warning: the queue of events cannot be reached; going on" in ran.err


def test_retry_tells_coverage_and_the_expected_duplicates_before_it_asks(
    doubtful, queue, monkeypatch
):
    newsletter, accepted = doubtful
    retry = ("retry", "--issue", "74", "--unknown")
    queue.publish(*map(send_event_of, accepted[:3]))  # none of the unknown
    early = newsletter.run(*retry, "--confirm", "3")
    assert early.code == 8
    assert "too early" in early.error
    assert newsletter.states() == {"accepted": 22, "unknown": 3}
    monkeypatch.setattr("newsletter.events.reconcile.PATIENCE", dt.timedelta())
    queue.put(event("Delivery"))
    with monkeypatch.context() as patch:
        patch.setattr(Queue, "receive", lambda *_, **__: ())  # somebody else has it in hand
        held = newsletter.run(*retry, "--confirm", "3")
    assert (held.code, "still holds 1 message" in held.error) == (8, True)
    asked = newsletter.run(*retry)
    assert asked.code == 2
    assert "add --confirm 3" in asked.hint
    assert "events speak of 3 of 22 accepted mails (13.6 %)" in asked.err
    assert "of 3 unknown deliveries about 0 would arrive twice" in asked.err
    queue.publish(*map(send_event_of, accepted))
    wrong = newsletter.run(*retry, "--confirm", "3")
    assert wrong.code == 2  # two of them are settled now
    assert "2 deliveries settled by events" in wrong.err
    assert "events speak of 22 of 22 accepted mails (100.0 %)" in wrong.err
    done = newsletter.run(*retry, "--confirm", "1")
    assert done.code == 0, done.err
    assert newsletter.states() == {"accepted": 24, "queued": 1}
    [line] = [
        json.loads(line)
        for path in newsletter.root.glob(".newsletter/runs/*retry*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert (line["event"], line["deliveries"], line["expected_duplicates"]) == ("risked", 1, 0)
    assert newsletter.send().code == 0
    assert newsletter.states() == {"accepted": 25}


def test_events_of_other_records_hold_up_no_decision(doubtful, queue, monkeypatch):
    newsletter, accepted = doubtful
    monkeypatch.setattr("newsletter.events.reconcile.PATIENCE", dt.timedelta())
    queue.publish(*map(send_event_of, accepted))
    queue.put(event("Send", Sent(store="6" * 32)))
    ran = newsletter.run("retry", "--issue", "74", "--unknown", "--confirm", "1")
    assert ran.code == 0, ran.err
    assert newsletter.states() == {"accepted": 24, "queued": 1}
    assert queue.left() == 1


def test_retry_decides_nothing_while_the_queue_cannot_be_read(doubtful, monkeypatch):
    newsletter, _ = doubtful
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    for words in ((), ("--accept-duplicates",), ("--assume-accepted",)):
        ran = newsletter.run("retry", "--issue", "74", "--unknown", "--confirm", "3", *words)
        assert ran.code == 4
    assert newsletter.states() == {"accepted": 22, "unknown": 3}


def test_without_an_event_source_a_person_must_say_more(doubtful, monkeypatch):
    newsletter, _ = doubtful
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE", "")
    ran = newsletter.run("retry", "--issue", "74", "--unknown", "--confirm", "3")
    assert ran.code == 8
    assert "--accept-duplicates" in ran.hint


def test_statistics_count_what_came_back(doubtful, queue):
    newsletter, accepted = doubtful
    queue.publish(*map(send_event_of, accepted))
    mails = [json.loads(line) for line in accepted]
    sents = [
        Sent(message_id=m["id"], to=m["to"][0], position=int(m["tags"]["delivery"].split("-")[1]))
        for m in mails
    ]
    queue.publish(*(event("Delivery", one) for one in sents[:20]), bounce("Permanent", "NoEmail", sents[20]),
                  bounce("Transient", "MailboxFull", sents[21]), event("Complaint", sents[0]),
                  event("DeliveryDelay", sents[1]))  # fmt: skip
    newsletter.run("events", "pull")
    found = json.loads(newsletter.run("stats", "--issue", "74", "--json").out)
    totals = {
        name: found[name]
        for name in ("accepted", "delivered", "bounced", "complained", "unsubscribed", "delayed")
    }
    assert totals == {
        "accepted": 24,
        "delivered": 20,
        "bounced": 2,
        "complained": 1,
        "unsubscribed": 0,
        "delayed": 1,
    }
    assert found["bounces"] == {"permanent/noemail": 1, "transient/mailboxfull": 1}
    assert found["complaints"] == {"abuse": 1}
    for rows in ("by_domain", "by_hour"):
        assert sum(row["delivered"] for row in found[rows]) == 20
    assert sum(row["accepted"] for row in found["by_domain"]) == 24
    shown = newsletter.run("stats", "--issue", "74")
    assert shown.code == 0
    assert re.search(r"(?m)^delivered +20$", shown.out)  # no share of so few
    newsletter.run("subscribers", "remove", recipient(newsletter, 1))
    found = json.loads(newsletter.run("stats", "--issue", "74", "--json").out)
    assert found["unsubscribed"] == 1
    with contextlib.suppress(KeyError):
        assert found["by_hour"][-1]["unsubscribed"] == 1


def test_an_issue_that_was_only_rehearsed_has_no_statistics(letters):
    letters.send()
    ran = letters.run("stats", "--issue", "74")
    assert ran.code == 2
    assert "was not sent yet" in ran.error
    # Where it rehearses, another send would be no other.
    assert ran.hint.startswith("hint: newsletter status --issue 74 tells of a rehearsal")
