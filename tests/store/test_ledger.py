"""The second ledger: a file per real run, which records that have forgotten cannot argue away."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess

import pytest

from newsletter.delivery.deliver import Hand
from newsletter.store import runs
from newsletter.store.deliveries import ENDED
from tests.support import claiming
from tests.support.cli_fixtures import ADDRESSES
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
from tests.support.store_samples import look

__all__ = ["approved", "at", "folder", "owned", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes

FILE = "issues/.ledger/74.json"


def ledger(newsletter):
    return json.loads((newsletter.root / FILE).read_text("utf-8"))


@pytest.mark.parametrize("way", ["due", "hand"])
def test_the_file_is_there_before_the_first_claim_also_for_a_send_by_hand(post, monkeypatch, way):
    seen = []
    real = Hand.deliver_next

    def watched(*words, **more):
        states = post.newsletter.states()
        seen.append((ledger(post.newsletter)["attempts"], states.get("claimed", 0)))
        return real(*words, **more)

    monkeypatch.setattr(Hand, "deliver_next", watched)
    assert (post.due() if way == "due" else post.newsletter.send()).code == 0
    assert seen[0] == (0, 0)
    found = ledger(post.newsletter)
    assert (found["schema"], found["issue"], found["recipients"], found["attempts"]) == (
        1,
        74,
        25,
        25,
    )
    assert found["occurrence"] == ("2026-11-22" if way == "due" else None)
    assert found["by_state"] == {"accepted": 25}
    text = (post.newsletter.root / FILE).read_text("utf-8").lower()
    assert "@" not in text
    assert not any(address in text for address in ADDRESSES)


def test_a_rehearsal_writes_none(approved):
    assert approved.send().code == 0
    assert not (approved.root / FILE).exists()


def test_a_file_that_is_missing_is_written_again_and_that_is_said(post):
    assert post.newsletter.send("--limit", "5").code == 6
    for code, words in ((6, ("--limit", "5")), (0, ()), (0, ())):
        (post.newsletter.root / FILE).unlink()
        ran = post.newsletter.send(*words)
        assert ran.code == code
        assert f"{FILE} was missing and is written again" in ran.err
        assert ledger(post.newsletter)["attempts"] == len(post.readers)
    assert post.newsletter.send("--dry-run").code == 0
    assert len(post.readers) == 25


@pytest.mark.parametrize("way", ["due", "hand", "dry"])
@pytest.mark.parametrize("moment", ["before", "in the middle"])
def test_records_restored_from_before_are_refused_with_the_way_out(
    owned, at, tmp_path, way, moment
):
    newsletter = owned.newsletter
    newsletter.patch.setenv("NEWSLETTER_SCHEDULE__CANCEL_WINDOW", "0")
    if moment != "before":
        assert newsletter.send("--limit", "5").code == 6
    backup = tmp_path / "wednesday.db"
    assert newsletter.run("db", "backup", str(backup)).code == 0
    assert newsletter.send().code == 0
    for file in (newsletter.root / ".newsletter").glob("newsletter.db*"):
        file.unlink()
    shutil.copy(backup, newsletter.root / ".newsletter/newsletter.db")
    words = {"due": (), "hand": (), "dry": ("--dry-run",)}[way]
    for when in ("2026-11-22 08:30", "2026-11-25 08:00"):  # in time, and too late to go
        at(when)
        ran = owned.due() if way == "due" else newsletter.send(*words)
        assert ran.code == 8
        assert ran.error.startswith(
            f"error: {FILE}: issue 74 was begun on 2026-11-22, but these records know"
        )
        assert "older backup" in ran.err
        way_out = f"take away {FILE}" if moment == "before" else "send --issue 74 --restored"
        assert way_out in ran.hint
    assert len(set(owned.readers)) == len(owned.readers) == 25
    assert bool(owned.told) == (way == "due")
    # The way out, for somebody who knows that nothing has left.
    (newsletter.root / FILE).unlink()
    assert newsletter.send("--dry-run").code == 0


def test_another_machine_with_records_of_its_own_does_not_send_it_again(post, tmp_path):
    assert post.newsletter.send().code == 0
    shutil.rmtree(post.newsletter.root / ".newsletter")
    post.newsletter.imported()
    assert post.newsletter.send().code == 8
    assert len(post.readers) == 25


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"issue": 74',
        '{"issue": 73, "run": "x", "content_hash": "", "attempts": 0}',
        "[" * 200_000,
        *(
            f'{{"issue": 74, "run": "2026-11-22T08:00:00+00:00", "content_hash": "", {odd}}}'
            for odd in (
                '"recipients": 25, "attempts": Infinity',
                '"recipients": 25, "attempts": 1e400',
                '"recipients": 25, "attempts": true',
                '"recipients": 25, "attempts": -5',
                '"recipients": 25, "attempts": 99999999999999999999999',
                '"recipients": 25, "attempts": 5, "position": -3',
                '"recipients": 25, "attempts": 5, "position": 26',
            )
        ),
        '{"issue": 74, "run": "\\u001b[2J", "content_hash": "", "attempts": 1, "recipients": 2}',
    ],
)
def test_a_file_that_cannot_be_read_stops_with_its_name(post, text):
    post.newsletter.write(FILE, text)
    for ran in (post.due(), post.newsletter.send()):
        assert ran.code == 2
        assert FILE in ran.error
    assert post.readers == []


def test_a_run_that_died_leaves_a_file_that_agrees(post):
    assert post.newsletter.send("--limit", "5").code == 6
    with store_of(post.newsletter) as store:
        run = runs.find(store, 74, rehearsal=False)
        assert run
        runs.resume(store, run, by_hand=True)
        claiming.claim(store, run, now=dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC))
    assert post.newsletter.send().code == 9
    assert look(
        post.newsletter.root / ".newsletter",
        "select distinct reason from deliveries where state = 'unknown'",
    ) == [(ENDED,)]
    assert ledger(post.newsletter)["attempts"] == 25


# --- git -------------------------------------------------------------------------------------


def git(root, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=w", "-c", "user.email=w@example.org", "-C", root, *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def tracked(post):
    root = post.newsletter.root
    git(root, "init", "-q")
    (root / ".gitignore").write_text("/.newsletter/\n/mail/\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "All")
    for name, value in (("NAME", "w"), ("EMAIL", "w@example.org")):
        for who in ("AUTHOR", "COMMITTER"):
            post.newsletter.patch.setenv(f"GIT_{who}_{name}", value)
    return post


def test_the_command_that_keeps_the_file_is_shown(tracked):
    ran = tracked.newsletter.send()
    assert f'keep: git add {FILE} && git commit -m "Issue 74 was sent" {FILE}' in ran.err
    assert git(tracked.newsletter.root, "log", "--format=%s") == "All"


def test_a_partial_run_is_not_said_to_be_sent(tracked):
    ran = tracked.newsletter.send("--limit", "3")
    assert "was sent" not in ran.err
    assert f'git commit -m "Issue 74 is on its way: 3 of 25 done" {FILE}' in ran.err


def test_the_file_is_committed_alone_where_that_is_asked_for(tracked):
    tracked.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__COMMIT_LEDGER", "true")
    tracked.newsletter.write("draft.txt", "mine")
    git(tracked.newsletter.root, "add", "draft.txt")
    ran = tracked.newsletter.send()
    assert f"{FILE} is committed" in ran.err
    root = tracked.newsletter.root
    assert git(root, "show", "--name-only", "--format=%s").split("\n") == [
        "Issue 74 was sent",
        "",
        FILE,
    ]
    assert git(root, "status", "--porcelain") == "A  draft.txt"
