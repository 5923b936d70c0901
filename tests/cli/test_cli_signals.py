"""`newsletter send` as a process among others: a real terminal, signals, kills, a second sender.

Nothing here waits for a time: it waits for the first mail, or for words on a terminal.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
from collections import Counter
from email import message_from_bytes
from pathlib import Path

import pytest

from newsletter.store import Store
from tests.support.cli_fixtures import (
    Folder,
    Ran,
    copy_example,
    expect_no_address,
    folder,
    plain_environment,
    ready,
    shorten,
    snapshot,
)
from tests.support.commands import HANGS, SCRIPT, Command, script, started
from tests.support.terminal import Session

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

PEOPLE = 500
SEND = ("send", "--issue", "74", "--confirm", "74")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newsletter with a long list imported, to be copied."""
    root = tmp_path_factory.mktemp("crowd")
    copy_example(root)
    shorten(root)
    people = "".join(f"reader{n}@example.org,Reader {n}\n" for n in range(1, PEOPLE + 1))
    (root / "subscribers/crowd.csv").write_text(f"email,name\n{people}", "utf-8")
    words = ("subscribers", "import", "subscribers/crowd.csv", "--consent-source", "invented")
    assert script(root, *words).returncode == 0
    return root


@pytest.fixture
def large(
    crowd: Path,
    tmp_path: Path,
    plain_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Folder:
    root = tmp_path / "letters"
    shutil.copytree(crowd, root)
    return Folder(root, monkeypatch, capsys)


def wait_for_mail(newsletter: Folder, process: Command, more_than: int = 0) -> None:
    """Return when mails are being written; fail when the process ends before."""
    while len(newsletter.mails()) <= more_than:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
            pytest.fail(f"it ended before it could be stopped: {process.communicate()}")


def ended(process: Command) -> Ran:
    out, err = process.communicate(timeout=HANGS)
    ran = Ran(process.returncode, out, err)
    assert "@example.org" not in (out + err).replace("<wren@slackwater.example.org>", "")
    return ran


def expect_everybody_once(newsletter: Folder, missing: int = 0) -> None:
    """Every mail is there, each for somebody else, and each was tried once."""
    mails = [message_from_bytes(path.read_bytes()) for path in newsletter.mails()]
    to = Counter(str(mail["To"]) for mail in mails)
    assert set(to.values()) == {1}
    assert PEOPLE - missing <= len(to) <= PEOPLE
    for mail in mails:
        assert re.fullmatch(r"<74\.\d+\.1\.\w+@slackwater\.example\.org>", str(mail["Message-ID"]))


# --- signals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_lets_the_mail_in_flight_finish_and_the_run_goes_on_later(large, number, code):
    with started(large.root, *SEND) as process:
        wait_for_mail(large, process)
        process.send_signal(number)
        ran = ended(process)
    assert ran.code == code
    states = large.states()
    assert ran.err.endswith(
        f"paused: interrupted\nnext: newsletter send --issue 74 goes on with {states['queued']}\n"
    )
    assert set(states) == {"accepted", "queued"}
    assert sum(states.values()) == PEOPLE
    assert len(large.mails()) == states["accepted"]
    assert [run.state for run in large.runs()] == ["paused"]
    before = snapshot(large.root / "mail")
    again = large.send()
    assert again.code == 0
    assert before.items() <= snapshot(large.root / "mail").items()
    assert large.states() == {"accepted": PEOPLE}
    expect_everybody_once(large)


def test_a_window_that_is_closed_lets_the_mail_in_flight_finish(large):
    session = Session(large.root, *SEND)
    with session.process as process:
        while not large.mails():
            assert process.poll() is None
        session.close()
        process.communicate(timeout=HANGS)
    assert process.returncode == 129
    states = large.states()
    assert set(states) == {"accepted", "queued"}
    assert len(large.mails()) == states["accepted"]
    assert [run.state for run in large.runs()] == ["paused"]


def test_who_leaves_it_running_behind_a_closed_window_is_not_stopped(large):
    command = ["nohup", str(SCRIPT), *SEND]
    with subprocess.Popen(command, cwd=large.root, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:  # fmt: skip
        while not large.mails():
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=HANGS)
    assert process.returncode == 0
    assert large.states() == {"accepted": PEOPLE}


def test_a_kill_leaves_at_most_one_mail_in_doubt_and_says_so(large):
    doubtful = 0
    for _ in range(3):
        there = len(large.mails())
        with started(large.root, *SEND) as process:
            wait_for_mail(large, process, there)
            process.kill()
            process.wait()
        doubtful += large.states().get("claimed", 0)
        assert large.states().get("claimed", 0) <= 1
    ran = large.send()
    assert ran.code == (9 if doubtful else 0)
    states = large.states()
    assert states.get("unknown", 0) == doubtful <= 3
    assert states["accepted"] == PEOPLE - doubtful
    assert set(states) <= {"accepted", "unknown"}
    expect_everybody_once(large, missing=doubtful)
    status = large.run("status")
    if doubtful:
        assert f"unknown {doubtful}" in status.out
        assert "the process ended during the attempt" in status.out
    assert large.send().code == ran.code


def test_of_two_senders_the_second_is_turned_away(large):
    with started(large.root, *SEND) as process:
        wait_for_mail(large, process)
        second = large.send()
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 130
        assert second.code == 7
        assert f"another run is sending from this store (pid {process.pid} on " in second.error
        assert second.hint == "hint: wait until it is finished; nothing needs to be removed"
        assert second.out == ""


def test_a_lock_that_is_held_turns_every_sender_away(ready):
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store, store.lock():
        assert ready.send().code == 7
        assert ready.send("--json").code == 7
        assert ready.run("send", "--issue", "74", "--dry-run").code == 0
    assert ready.mails() == []
    assert ready.send().code == 0


# --- a real terminal -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "code", "mails"), [("74\n", 0, 25), ("7\n", 3, 0), ("\x04", 3, 0)]
)
def test_at_a_terminal_the_number_is_typed(ready, typed, code, mails):
    session = Session(ready.root, "send", "--issue", "74")
    session.until("Type 74 to send it, anything else cancels: ")
    session.type(typed)
    ran = session.end()
    assert ran.code == code
    assert len(ready.mails()) == mails
    if code:
        assert "cancelled; nothing was sent" in ran.err
        assert ready.runs() == ()
    else:
        assert ran.out == "issue 74: 25 mails rehearsed now; in all accepted 25\n"


def test_what_was_sent_while_the_prompt_waited_is_not_sent_again(ready):
    session = Session(ready.root, "send", "--issue", "74")
    session.until("anything else cancels: ")
    assert ready.send().code == 0
    before = snapshot(ready.root / "mail")
    [run] = ready.runs()
    session.type("74\n")
    ran = session.end()
    assert ran.code == 0
    assert "issue 74 was already rehearsed on " in ran.err
    assert snapshot(ready.root / "mail") == before
    assert ready.runs() == (run,)


def test_colour_goes_to_the_terminal_and_never_into_a_file(ready):
    ready.edit("issues/074-the-long-minute.md", "number: 74\n", "number: 75\n")
    checked = Session(ready.root, "check", "--issue", "74").end()
    assert checked.code == 5
    assert "error number-mismatch" in checked.out
    assert "\x1b" not in checked.out
    assert "\x1b[" in Session(ready.root, "send", "--issue", "74").end().err


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_reader_without_colour_gets_none(ready, monkeypatch, setting):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    ran = Session(ready.root, "send", "--issue", "999").end()
    assert "error: issues: there is no issue 999" in ran.err
    assert "\x1b" not in ran.err


# --- the console script ----------------------------------------------------------------------


def test_the_two_commands_of_the_readme_end_with_25_mails(folder):
    source = ("--consent-source", "an invented list")
    done = script(folder.root, "subscribers", "import", "subscribers/example.csv", *source)
    assert (done.returncode, done.stdout) == (
        0,
        "25 added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 0 rejected\n",
    )
    done = script(folder.root, *SEND)
    assert done.returncode == 0
    assert len(folder.mails()) == 25
    expect_no_address(Ran(done.returncode, done.stdout, done.stderr))
    assert script(folder.root, "send", "--issue", "75").returncode == 5


def test_a_reader_of_stdout_that_goes_away_is_no_bug(ready):
    with started(ready.root, "settings") as process:
        process.stdout.close()
        assert process.wait(timeout=HANGS) == 1
        assert "Traceback" not in process.stderr.read()
