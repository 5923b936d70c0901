"""A file of a run as older versions wrote it: it did not rise with the claims, so it cannot vouch."""

from __future__ import annotations

import json
import shutil

import pytest

from newsletter.project import ledger
from newsletter.store import doubting
from newsletter.store.batches import Batches
from tests.support.schedule_fixtures import (
    approved,
    at,
    folder,
    owned,
    plain_environment,
    post,
    ready,
)

__all__ = ["approved", "at", "folder", "owned", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes

FILE = "issues/.ledger/74.json"


def in_the_old_form(newsletter, attempts, by_state):
    """What the file of a run said from its beginning on, until the end of that send."""
    path = newsletter.root / FILE
    told = json.loads(path.read_text("utf-8")) | {"attempts": attempts, "by_state": by_state}
    del told["position"]
    path.write_text(json.dumps(told, indent=2) + "\n", "utf-8")


@pytest.fixture
def copy(owned):
    """A backup made after two mails."""
    owned.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__CANCEL_WINDOW", "0")
    assert owned.newsletter.send("--limit", "2").code == 6
    assert owned.newsletter.run("db", "backup", "two.db").code == 0
    return owned.newsletter.root / "two.db"


def put_back(newsletter, copy):
    for file in (newsletter.root / ".newsletter").glob("newsletter.db*"):
        file.unlink()
    shutil.copy(copy, newsletter.root / ".newsletter/newsletter.db")


@pytest.mark.parametrize(
    ("attempts", "by_state"),
    [
        (0, {"queued": 25}),
        (2, {"accepted": 2, "queued": 23}),
        (2, {"accepted": 1, "deferred": 1}),
        (1, {"claimed": 1}),
    ],
    ids=str,
)
def test_what_has_left_since_such_a_file_was_written_is_not_sent_again(
    owned, copy, attempts, by_state
):
    newsletter = owned.newsletter
    assert newsletter.send("--limit", "7").code == 6
    in_the_old_form(newsletter, attempts, by_state)
    put_back(newsletter, copy)
    for ran in (newsletter.send(), newsletter.send("--dry-run"), owned.due()):
        assert ran.code == 8
        assert ran.error.startswith(f"error: {FILE}: issue 74 was begun on ")
        assert "does not tell how far it came" in ran.error
        assert "newsletter send --issue 74 --restored" in ran.hint
    assert len(owned.readers) == 9
    assert newsletter.send("--restored").code == 9
    assert newsletter.states() == {"accepted": 2, "unknown": 23}
    assert len(set(owned.readers)) == len(owned.readers) == 9
    assert newsletter.send().code == 9


def test_records_that_were_never_put_back_go_on_without_the_file(post):
    assert post.newsletter.send("--limit", "5").code == 6
    in_the_old_form(post.newsletter, 0, {"queued": 25})
    ran = post.newsletter.send()
    assert (ran.code, f"remove {FILE} instead" in ran.hint) == (8, True)
    (post.newsletter.root / FILE).unlink()
    assert post.newsletter.send().code == 0
    assert len(set(post.readers)) == len(post.readers) == 25


@pytest.mark.parametrize("by_state", [{"accepted": 25}, {"queued": 25}])
def test_a_run_that_is_finished_on_record_asks_nobody(post, by_state):
    assert post.newsletter.send().code == 0
    in_the_old_form(post.newsletter, 25, by_state)
    assert post.newsletter.send().code == 0
    assert post.due().code == 0
    assert len(post.readers) == 25


def test_a_file_written_when_nothing_was_left_tells_of_every_mail(post):
    newsletter = post.newsletter
    assert newsletter.send("--limit", "5").code == 6
    assert newsletter.run("db", "backup", "five.db").code == 0
    assert newsletter.send().code == 0
    in_the_old_form(newsletter, 25, {"accepted": 25})
    put_back(newsletter, newsletter.root / "five.db")
    ran = newsletter.send()
    assert (ran.code, "5 of 25 attempts" in ran.error) == (8, True)


@pytest.mark.parametrize(
    "by_state", [None, [], "many", {"queued": -1}, {"queued": "25"}, {"queued": True}], ids=str
)
def test_a_file_that_does_not_tell_what_was_left_cannot_be_read(post, by_state):
    assert post.newsletter.send("--limit", "5").code == 6
    in_the_old_form(post.newsletter, 5, by_state)
    ran = post.newsletter.send()
    assert (ran.code, FILE in ran.error) == (2, True)
    assert len(post.readers) == 5


def test_a_way_out_that_ended_in_the_middle_is_asked_for_again(owned, copy, monkeypatch):
    """Also where the records know of more attempts than the file does."""
    newsletter = owned.newsletter
    assert newsletter.send("--limit", "7").code == 6
    in_the_old_form(newsletter, 0, {"queued": 25})
    put_back(newsletter, copy)
    rounds: list[int] = []
    real = doubting._doubt

    def ended(*words):
        if len(rounds) == 4:
            raise KeyboardInterrupt
        rounds.append(real(*words))
        return rounds[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "rows", property(lambda _: 6, lambda _, __: None), raising=False)
        patch.setattr(doubting, "_doubt", ended)
        assert newsletter.send("--restored").code == 130
    assert newsletter.states() == {"accepted": 2, "queued": 1, "unknown": 22}
    entry = ledger.entry(newsletter.root, 74)
    assert entry
    assert entry.vouches
    assert newsletter.send().code == 8
    assert newsletter.send("--restored").code == 9
    assert len(set(owned.readers)) == len(owned.readers) == 9
