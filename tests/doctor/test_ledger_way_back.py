"""How a lost file of the ledger comes back: out of git where it was kept, else from the records."""

from __future__ import annotations

import os

import pytest

from newsletter.cli.context import open_project
from newsletter.delivery import Counts, State
from newsletter.errors import InputError
from newsletter.project import ledger
from newsletter.sending.second_ledger import keep_in_git
from newsletter.store import Store, runs
from tests.doctor.test_doctor import past_the_guards, told
from tests.doctor.test_doctor_git import git, repository
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready", "repository"]

pytestmark = pytest.mark.processes

FILE = "issues/.ledger/74.json"
AGAIN = "newsletter send --issue 74 writes it again"


def way_back(letters):
    return told(letters.run("doctor", "--only", "ledger", "--json"), "ledger")[1]


def unreadable(letters):
    with pytest.raises(InputError, match="cannot be read") as caught:
        ledger.entry(letters.root, 74)
    return caught.value.hint


def test_what_git_never_had_is_not_to_be_had_from_git(repository):
    repository.send()
    past_the_guards(
        repository,
        "UPDATE runs SET rehearsal = 0",
        "UPDATE deliveries SET rehearsal = 0",
    )
    assert way_back(repository) == AGAIN
    past_the_guards(
        repository, "UPDATE runs SET state = 'paused', pause = 'network', reason = 'no network'"
    )
    assert way_back(repository) == f"{AGAIN}, and goes on"
    torn = repository.write(FILE, "{")
    assert "from a backup of this folder" in unreadable(repository)
    git(repository.root, "add", FILE)
    git(repository.root, "commit", "--quiet", "-m", "What was sent")
    assert unreadable(repository) == f"put it back: git checkout HEAD -- {FILE}"
    torn.unlink()
    assert way_back(repository) == f"put it back: git checkout HEAD -- {FILE}"


@pytest.mark.parametrize("why", ["not installed", "another user's", "too slow"])
def test_where_git_does_not_say_nobody_is_told_to_send_again(repository, monkeypatch, why):
    repository.send()
    past_the_guards(
        repository,
        "UPDATE runs SET rehearsal = 0, state = 'paused', pause = 'network', reason = 'no network'",
        "UPDATE deliveries SET rehearsal = 0",
    )
    with monkeypatch.context() as patch:
        if why == "not installed":
            patch.setattr("newsletter.project.git.shutil.which", lambda _: None)
        elif why == "too slow":
            patch.setattr("newsletter.project.git._SECONDS", 0)
        else:
            patch.setenv("PATH", f"{repository.root}/bin:{os.environ['PATH']}")
            refusing = repository.write("bin/git", "#!/bin/sh\nexit 128\n")
            refusing.chmod(0o755)
        hint = way_back(repository)
    said = "git does not say here whether it has this file; where it does: git checkout HEAD -- "
    assert hint == f"{said}{FILE}"
    assert way_back(repository) == f"{AGAIN}, and goes on"


def test_what_is_unknown_is_not_said_to_be_done(repository):
    repository.send()
    past_the_guards(repository, "UPDATE runs SET rehearsal = 0")
    repository.write(FILE, "{}")
    with Store.open(f"sqlite:///{repository.root}/.newsletter/newsletter.db") as store:
        run = runs.find(store, 74, rehearsal=False)
    assert run
    for states, message in (
        ({State.ACCEPTED: 24, State.REFUSED: 1}, "Issue 74 was sent"),
        ({State.ACCEPTED: 22, State.UNKNOWN: 3}, "Issue 74 was sent, 3 unknown"),
        (
            {State.ACCEPTED: 4, State.CLAIMED: 1, State.UNKNOWN: 3, State.QUEUED: 17},
            "Issue 74 is on its way: 4 of 25 done, 3 unknown",
        ),
        (
            {State.ACCEPTED: 22, State.CLAIMED: 3},
            "Issue 74 is on its way: 22 of 25 done",
        ),
    ):
        kept = keep_in_git(open_project(), run, Counts(by_state=states))
        assert kept
        assert kept.message == message
