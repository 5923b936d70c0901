"""What is said of mails that had gone: never without the files beside the issues."""

from __future__ import annotations

import json
import shutil

import pytest

from newsletter import smtp
from newsletter.delivery import Outcome, Result
from tests.support.schedule_fixtures import (
    approved,
    at,
    folder,
    plain_environment,
    post,
    ready,
)

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes

FILE = "issues/.ledger/74.json"
#: What is said where the records have forgotten a part of a run, or all of it.
IN_PART = f"7 more mails may have gone: {FILE} knows of later ones than these records"
WHOLLY = f"{FILE} tells of mails that had gone, and these records do not know of them"


def put_back(newsletter, copy):
    for file in (newsletter.root / ".newsletter").glob("newsletter.db*"):
        file.unlink()
    shutil.copy(newsletter.root / copy, newsletter.root / ".newsletter/newsletter.db")


@pytest.fixture
def begun(post):
    """A run with two backups: from before it, and after five mails; it has sent twelve."""
    newsletter = post.newsletter
    assert newsletter.run("db", "backup", "before.db").code == 0
    assert newsletter.send("--limit", "5").code == 6
    assert newsletter.run("db", "backup", "five.db").code == 0
    assert newsletter.send("--limit", "7").code == 6
    return post


@pytest.mark.parametrize(
    ("copy", "said"),
    [
        ("five.db", f"5 mails had gone, 20 stay, {IN_PART}"),
        ("before.db", WHOLLY),
        (None, "12 mails had gone, 13 stay"),
    ],
)
def test_cancel_does_not_say_that_none_had_gone(begun, copy, said):
    if copy:
        put_back(begun.newsletter, copy)
    ran = begun.newsletter.run("cancel", "--issue", "74")
    assert (ran.code, ran.out) == (0, f"issue 74 is cancelled; {said}\n")


def test_what_nobody_knows_about_may_have_gone(post, monkeypatch):
    deliver = smtp.SmtpTransport.deliver

    def lost(transport, message):
        outcome = deliver(transport, message)
        return Outcome(result=Result.UNKNOWN, reason="x") if message.position == 1 else outcome

    monkeypatch.setattr(smtp.SmtpTransport, "deliver", lost)
    assert post.newsletter.send("--limit", "5").code == 6
    assert post.newsletter.run("cancel", "--issue", "74").out == (
        "issue 74 is cancelled; 4 mails had gone, 1 may have gone, 20 stay\n"
    )


@pytest.mark.parametrize("issue", [(), ("--issue", "74")])
@pytest.mark.parametrize(("copy", "said"), [("five.db", IN_PART), ("before.db", WHOLLY)])
def test_status_tells_what_the_records_have_forgotten(begun, copy, said, issue):
    put_back(begun.newsletter, copy)
    ran = begun.newsletter.run("status", *issue)
    assert ran.code == 0
    assert f"  74: {said}\n" in ran.out
    assert "not sent yet" not in ran.out
    assert "nothing was sent" not in ran.out
    told = json.loads(begun.newsletter.run("status", "--json", *issue).out)
    assert told["forgotten"] == [{"issue": 74, "reason": said}]


def test_status_says_nothing_of_the_kind_where_both_agree(begun):
    assert "may have gone" not in begun.newsletter.run("status").out
    put_back(begun.newsletter, "five.db")
    assert "may have gone" not in begun.newsletter.run("status", "--issue", "75").out
    assert begun.newsletter.send("--restored").code == 9
    assert "more mails" not in begun.newsletter.run("status").out


@pytest.mark.parametrize("text", ["", "{}", '{"issue": 73}'])
def test_a_file_that_cannot_be_read_leaves_it_open_what_has_gone(begun, text):
    begun.newsletter.write(FILE, text)
    said = f"{FILE} cannot be read, so it is unknown what else was sent"
    assert f"  74: {said}\n" in begun.newsletter.run("status").out
    ran = begun.newsletter.run("cancel", "--issue", "74")
    assert (ran.code, said in ran.out) == (0, True)


def test_a_file_of_an_older_version_leaves_it_open_as_well(begun):
    told = json.loads((begun.newsletter.root / FILE).read_text("utf-8")) | {"attempts": 0}
    del told["position"]
    begun.newsletter.write(FILE, json.dumps(told))
    assert "13 more mails may have gone" in begun.newsletter.run("status").out


@pytest.mark.parametrize("copy", ["five.db", "before.db"])
def test_nothing_is_queued_again_by_records_that_have_forgotten(begun, copy):
    put_back(begun.newsletter, copy)
    for words in ((), ("--unknown", "--assume-accepted"), ("--unknown", "--accept-duplicates")):
        ran = begun.newsletter.run("retry", "--issue", "74", *words)
        assert (ran.code, FILE in ran.error) == (8, True)


@pytest.mark.parametrize(("copy", "code"), [("five.db", 0), ("before.db", 2)])
def test_stats_do_not_say_that_nothing_was_sent(begun, copy, code):
    put_back(begun.newsletter, copy)
    ran = begun.newsletter.run("stats", "--issue", "74")
    assert ran.code == code
    assert (IN_PART if copy == "five.db" else WHOLLY) in ran.err
    assert "not sent yet" not in ran.err
