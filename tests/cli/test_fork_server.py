"""A forked command is what the console script is: streams, folder, environment, signals, end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.cli_fixtures import copy_example
from tests.support.commands import Command, installed, script
from tests.support.ports import free_port

pytestmark = pytest.mark.processes


@pytest.fixture
def root(tmp_path):
    copy_example(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--color", "always", "check"), 0),
        (("chekc",), 2),
        (("--debug", "send", "--issue", "999"), 1),
    ],
)
def test_it_says_and_ends_as_the_console_script_does(root, words, code):
    own, forked = installed(root, *words), script(root, *words)
    assert (forked.returncode, forked.stdout) == (own.returncode, own.stdout)
    # What stands between, in a traceback, tells where the program was started.
    assert forked.stderr.splitlines()[-2:] == own.stderr.splitlines()[-2:]
    assert (own.returncode == 0) == (code == 0)


def test_it_has_the_environment_it_is_given_and_no_other(root, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SITE__NAME", "Left behind")
    environ = {"PATH": os.environ["PATH"], "NEWSLETTER_SITE__LANGUAGE": "nl"}
    said = script(root, "settings", env=environ).stdout
    assert "nl" in said.split()
    assert "Left behind" not in said
    assert "Left behind" in script(root, "settings").stdout


def test_it_has_the_mask_it_is_given_and_the_next_one_has_it_not(root):
    for umask, mode in ((0o077, 0o600), (0o027, 0o640)):
        assert script(root, "build", "--issue", "74", umask=umask).returncode == 0
        assert (root / "build/074.html").stat().st_mode & 0o777 == mode
        (root / "build/074.html").unlink()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_it_ends_any_process(root, number):
    with Command(root, ("preview", "--no-open", "--port", str(free_port()))) as command:
        while "http://" not in (line := command.stderr.readline()):
            assert line
        assert command.poll() is None
        command.send_signal(number)
        code = command.wait(60)
        assert code == (-number if number == signal.SIGKILL else 0)
        command.kill()  # of what has ended nothing is killed
        assert command.poll() == command.returncode == code


def test_who_waits_too_short_is_told_so(root):
    with Command(root, ("preview", "--no-open", "--port", str(free_port()))) as command:
        with pytest.raises(subprocess.TimeoutExpired):
            command.wait(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            command.communicate(0.01)
        assert command.wait(60) == -signal.SIGKILL


def test_commands_at_once_have_streams_of_their_own(root):
    words = (("check",), ("settings",), ("--version",))
    running = [Command(root, each) for each in words]
    said = [command.communicate(60)[0] for command in reversed(running)]
    for command in running:
        with command:
            pass
    assert said == [script(root, *each).stdout for each in reversed(words)]


def test_nothing_is_left_of_a_command_in_the_server(root):
    """Descriptors and dead processes would add up over a whole run."""
    script(root, "--version")
    files = Path(f"/proc/{server_of(root)}/fd")
    before = len(list(files.iterdir()))
    for _ in range(3):
        script(root, "--version")
    end = time.monotonic() + 60
    while len(list(files.iterdir())) > before:
        assert time.monotonic() < end
        time.sleep(0.01)


def server_of(root):
    """The process id of the fork server: the parent of its commands."""
    with Command(root, ("--version",)) as command:
        stat = Path(f"/proc/{command.pid}/stat")
        return int(stat.read_text("latin-1").rpartition(")")[2].split()[1])
