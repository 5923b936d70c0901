"""`newsletter send` through a transport that really sends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsletter.cli.context import open_project
from newsletter.cli.sending import send_issue
from newsletter.errors import RefusedError
from newsletter.project import Project
from newsletter.sending import transports
from newsletter.sending.options import SendOptions
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready
from tests.support.postbox import Postbox
from tests.support.terminal import Terminal

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


# --- the real thing --------------------------------------------------------------------------


@dataclass(slots=True)
class Counter:
    """A newsletter whose mail goes into one postbox."""

    project: Project
    box: Postbox
    patch: pytest.MonkeyPatch

    def send(self, options: SendOptions, *, confirmed: int | None = 74) -> int:
        with self.patch.context() as patch:
            patch.setattr(transports, "open_transport", lambda *_: self.box)
            return send_issue(self.project, options, confirmed=confirmed)


@pytest.fixture
def counter(ready: Folder, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.chdir(ready.root)
    ready.run("settings")  # chooses this folder
    return Counter(open_project(), Postbox(), monkeypatch)


def test_again_never_repeats_a_real_send(counter, capsys):
    assert counter.send(SendOptions(issue=74, limit=10)) == 6
    assert counter.send(SendOptions(issue=74, again=True, expect=15)) == 0
    assert len(set(counter.box.taken)) == len(counter.box.taken) == 25
    assert counter.send(SendOptions(issue=74, again=True)) == 0
    assert "issue 74 was already sent on " in capsys.readouterr().err
    assert len(counter.box.taken) == 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_lets_the_mail_in_flight_finish(counter, ready, capsys, number):
    counter.box.signals = {5: [number]}
    assert counter.send(SendOptions(issue=74)) == 128 + number
    assert capsys.readouterr().err.endswith(
        "paused: interrupted\nnext: newsletter send --issue 74 goes on with 20\n"
    )
    assert ready.states() == {"accepted": 5, "queued": 20}
    assert counter.send(SendOptions(issue=74)) == 0
    assert len(set(counter.box.taken)) == len(counter.box.taken) == 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once_and_leaves_one_mail_in_doubt(counter, ready, number):
    counter.box.signals = {5: [number, number]}
    with pytest.raises(SystemExit) as ended:
        counter.send(SendOptions(issue=74))
    assert ended.value.code == 128 + number
    assert ready.states() == {"accepted": 4, "claimed": 1, "queued": 20}
    assert counter.send(SendOptions(issue=74)) == 9
    assert ready.states() == {"accepted": 24, "unknown": 1}
    assert len(set(counter.box.taken)) == len(counter.box.taken) == 25


def test_a_signal_with_the_last_mail_changes_nothing(counter, ready):
    counter.box.signals = {25: [signal.SIGINT]}
    assert counter.send(SendOptions(issue=74)) == 0
    assert ready.states() == {"accepted": 25}


def test_who_typed_the_number_late_finds_it_sent(counter, ready, monkeypatch, capsys):
    class Slow(Terminal):
        def readline(self, *_):
            assert counter.send(SendOptions(issue=74)) == 0
            return "74\n"

    monkeypatch.setattr(sys, "stdin", Slow())
    assert counter.send(SendOptions(issue=74), confirmed=None) == 0
    assert "issue 74 was already sent on " in capsys.readouterr().err
    assert len(counter.box.taken) == 25
    [run] = ready.runs()
    assert run.finished_at


def test_a_real_run_that_changed_must_go_on_as_it_began(counter, ready, capsys):
    assert counter.send(SendOptions(issue=74, limit=10)) == 6
    ready.edit(ISSUE, "number: 74\n", "number: 74\npreheader2: x\n")
    with pytest.raises(RefusedError, match="changed since it was begun") as caught:
        counter.send(SendOptions(issue=74))
    assert "put back what was sent first; the rest" in str(caught.value.hint)
    assert not caught.value.cause  # no reader sees it
    assert len(counter.box.taken) == 10


def test_what_git_does_not_have_is_told_before_it_goes_and_promised_by_no_hint(
    counter, ready, capsys, monkeypatch
):
    git = ["git", "-C", str(ready.root), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert counter.send(SendOptions(issue=74, limit=10)) == 6
    told = f"warning: {ISSUE} is in no commit: git could not tell later what readers got\n"
    assert told in capsys.readouterr().err
    ready.edit(ISSUE, "Put the kettle on", "Put the lamp out")
    with pytest.raises(RefusedError) as caught:
        counter.send(SendOptions(issue=74))
    assert caught.value.cause == "different now: the text, the HTML"
    assert f"first (from a copy of yours: {ISSUE} is in no commit); the rest" in str(
        caught.value.hint
    )
    with monkeypatch.context() as patch:
        patch.setattr("newsletter.project.git._SECONDS", 0)
        with pytest.raises(RefusedError) as caught:
            counter.send(SendOptions(issue=74))
    assert "first (git does not say here whether it has that); the rest" in str(caught.value.hint)
    subprocess.run([*git, "add", ISSUE], check=True)
    with pytest.raises(RefusedError, match="changed since it was begun") as caught:
        counter.send(SendOptions(issue=74))
    assert "is in no commit); the rest" in str(caught.value.hint)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    with pytest.raises(RefusedError) as caught:
        counter.send(SendOptions(issue=74))
    assert "first (git log -p shows what is committed of it); the rest" in str(caught.value.hint)
    ready.edit(ISSUE, "Put the lamp out", "Put the kettle on")
    assert counter.send(SendOptions(issue=74)) == 0
    told = f"warning: {ISSUE} has changes that are not committed: git could not"
    assert told in capsys.readouterr().err


def test_of_what_git_has_and_where_there_is_none_nothing_is_told(counter, ready, capsys):
    assert counter.send(SendOptions(issue=74, limit=10)) == 6
    git = ["git", "-C", str(ready.root), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", ISSUE], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    assert counter.send(SendOptions(issue=74)) == 0
    assert "git could not tell" not in capsys.readouterr().err


def test_a_rehearsal_never_stands_in_the_way_of_the_real_thing(counter, ready, capsys):
    assert ready.send().code == 0
    assert counter.send(SendOptions(issue=74)) == 0
    assert len(counter.box.taken) == 25
    shutil.rmtree(Path(ready.root) / "mail")
    assert ready.send("--again").code == 0
    assert len(counter.box.taken) == 25
