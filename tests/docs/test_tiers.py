"""A quick test cannot start anything, whoever wrote it; what tests cost is counted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.costs import processor_seconds
from tests.support.tiers import TIERS, alone

ROOT = Path(__file__).parents[2]


def listen() -> None:
    socket.create_server(("127.0.0.1", 0)).close()


def call() -> None:
    with socket.socket() as one:
        one.connect(("127.0.0.1", 9))


def in_a_thread() -> None:
    failed: list[Exception] = []

    def work() -> None:
        try:
            listen()
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda: subprocess.run(["true"], check=True), "subprocess.Popen true"),
        (lambda: os.system("true"), "os.system"),
        (os.fork, "os.fork"),
        (listen, "socket.bind"),
        (call, "socket.connect"),
        (in_a_thread, "socket.bind"),
    ],
)
def test_alone_nothing_can_be_started_and_the_attempt_is_kept(act, what):
    with alone() as tried:
        with pytest.raises(OSError, match="a quick test went outside"):
            act()
        assert [words[: len(what)] for words in tried] == [what]


TRYING = """
import contextlib, socket, subprocess
import pytest

@pytest.fixture
def door():
    with contextlib.suppress(OSError):
        socket.create_server(("127.0.0.1", 0)).close()

def test_swallows():
    with contextlib.suppress(OSError):
        subprocess.run(["true"])

def test_through_a_fixture(door):
    pass

@pytest.mark.processes
def test_may(door):
    subprocess.run(["true"], check=True)

@pytest.mark.browser
def test_may_too():
    subprocess.run(["true"], check=True)

@pytest.mark.slow
def test_may_as_well():
    subprocess.run(["true"], check=True)

@pytest.mark.trials
def test_tries():
    with contextlib.suppress(OSError):
        subprocess.run(["true"])

def test_does_nothing():
    pass

@pytest.mark.sweep
@pytest.mark.parametrize("case", range(3))
def test_of_many_cases(case):
    pass
"""


@pytest.mark.processes
def test_a_quick_test_that_starts_something_fails_and_a_marked_one_may(tmp_path):
    path = tmp_path / "test_trying.py"
    path.write_text(TRYING)
    words = ["-q", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, "-p", "no:cacheprovider"]
    plugins = ["-p", "tests.support.tiers", "-p", "tests.support.costs", "--costs"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *plugins, path],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert [name.partition("::")[2] for name in failed] == [
        "test_tries",
        "test_swallows",
        "test_through_a_fixture",
    ]
    assert "3 failed, 7 passed" in done.stdout
    counted = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if " s of wall" in line}  # fmt: skip
    assert counted == dict(zip(TIERS, "424", strict=True))


@pytest.mark.processes
def test_the_time_of_a_process_counts_while_it_still_runs():
    """A browser or a server outlives the test that it works for."""
    work = "sum(range(10**7)); print('done', flush=True); input()"
    before = processor_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"done\n"
        while_running = processor_seconds() - before
        process.communicate(b"\n")
    assert while_running > 0
    assert processor_seconds() - before >= while_running
