"""The records move to another machine as docs/moving.md says: it goes on, and the old one cannot."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from tests.support.schedule_fixtures import approved, at, folder, plain_environment, post, ready

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes


@pytest.fixture
def moved(post, tmp_path_factory):
    """The new machine: a checkout without records, and the copy put back there."""

    def move(copy: str = "move.db"):
        old = post.newsletter
        assert old.run("db", "backup", copy).code == 0
        there = tmp_path_factory.mktemp("new-machine") / "letters"
        shutil.copytree(
            old.root, there, ignore=shutil.ignore_patterns(".newsletter", "mail", "*.db")
        )
        new = dataclasses.replace(old, root=there)
        assert new.run("db", "restore", str(old.root / copy), "--yes").code == 0
        return new

    return move


def test_the_first_send_on_the_new_machine_goes_to_everybody_once(post, moved):
    new = moved()
    shutil.rmtree(post.newsletter.root / ".newsletter")
    assert new.send().code == 0
    assert len(post.readers) == len(set(post.readers)) == 25
    ran = post.newsletter.send()
    assert ran.code == 2
    assert "there is no database here yet" in ran.error
    assert len(post.readers) == 25


def test_a_run_begun_on_the_old_machine_goes_on_where_it_stopped(post, moved):
    assert post.newsletter.send("--limit", "10").code == 6
    new = moved()
    shutil.rmtree(post.newsletter.root / ".newsletter")
    assert new.send().code == 0
    assert len(post.readers) == len(set(post.readers)) == 25


def test_what_the_old_machine_sent_after_the_copy_stops_the_new_one(post, moved):
    assert post.newsletter.send("--limit", "10").code == 6
    new = moved()
    assert post.newsletter.send("--limit", "5").code == 6
    shutil.copytree(
        post.newsletter.root / "issues/.ledger", new.root / "issues/.ledger", dirs_exist_ok=True
    )
    ran = new.send()
    assert ran.code == 8
    assert len(post.readers) == len(set(post.readers)) == 15


def test_an_old_machine_that_kept_its_records_stops_once_it_knows_what_the_new_one_sent(
    post, moved
):
    new = moved()
    assert new.send().code == 0
    shutil.copytree(
        new.root / "issues/.ledger", post.newsletter.root / "issues/.ledger", dirs_exist_ok=True
    )
    assert post.newsletter.send().code == 8
    assert len(post.readers) == 25
