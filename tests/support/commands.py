"""The command as processes of their own, forked by a server that has imported it already.

`installed` runs the console script itself, for tests about the script, or about what is decided
before the first line of Python.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

ROOT = Path(__file__).parents[2]
SCRIPT = Path(sys.executable).parent / "newsletter"
_SERVER = "from tests.support.fork_server import main; main()"
#: Seconds: however busy the machine, a command that takes longer hangs.
HANGS: Final = 600


@functools.cache
def _server(library: str | None) -> socket.socket:
    """Where commands are ordered; the server ends when this process does.

    Args:
        library: what LD_PRELOAD puts under the server, and so under its commands.
    """
    mine, its = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(its.fileno())],
        cwd=ROOT, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
        env=os.environ | ({"LD_PRELOAD": library} if library else {}),
    )  # fmt: skip
    its.close()
    atexit.register(process.wait)
    atexit.register(mine.close)  # first, and it ends
    return mine


class Command:
    """`newsletter WORDS` as a process, used like `subprocess.Popen`; it reads from nowhere.

    Args:
        root: where it is run.
        words: what follows "newsletter".
        env: its whole environment; this process's when there is none.
        umask: which permissions the files that it makes have not.
        bugs: planted in it, see `tests.campaign.planted`.
        program: text of a Python program that is run in place of the command, with these words.
        terminal: what it reads from, and says errors to; its own `stderr` stays empty then.
    """

    stdout: TextIO
    stderr: TextIO
    returncode: int | Any = None  # until it was waited for, as with `Popen`

    def __init__(
        self,
        root: Path,
        words: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        umask: int | None = None,
        bugs: Sequence[str] = (),
        program: str = "",
        terminal: int | None = None,
    ) -> None:
        environ = dict(os.environ if env is None else env)
        self.args = ["newsletter", *words]
        self._connection, its = socket.socketpair()
        out, its_out = os.pipe()
        err, its_err = os.pipe()
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        nothing = os.open(os.devnull, os.O_RDONLY)
        streams = [nothing, its_out, its_err] if terminal is None else [terminal, its_out, terminal]
        try:
            server = _server(environ.get("LD_PRELOAD"))
            socket.send_fds(server, [b"."], [its.fileno(), *streams])
        finally:
            its.close()
            for file in (nothing, its_out, its_err):
                os.close(file)
        order = {
            "words": [str(SCRIPT), *words], "folder": str(root), "environ": environ,
            "umask": umask, "bugs": ",".join(bugs), "program": program,
        }  # fmt: skip
        self._connection.sendall(json.dumps(order).encode() + b"\n")
        self._told = b""
        self.pid = self._number(HANGS)

    def _number(self, timeout: float | None) -> int:
        """The next line of the server: the process id, then the exit code."""
        self._connection.settimeout(timeout)
        while b"\n" not in self._told:
            more = self._connection.recv(64)
            if not more:
                raise EOFError("the fork server has ended")
            self._told += more
        line, _, self._told = self._told.partition(b"\n")
        return int(line)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, or the negative number of a signal, once it has ended."""
        if self.returncode is None:
            try:
                self.returncode = self._number(timeout)
            except (TimeoutError, BlockingIOError) as error:
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from error
        return self.returncode

    def poll(self) -> int | None:
        """The same if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Everything that it says until its end."""
        with ThreadPoolExecutor(2) as readers:
            out, err = (readers.submit(stream.read) for stream in (self.stdout, self.stderr))
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()  # or the readers would wait for ever
                raise
            return out.result(), err.result()

    def heard(self, words: str) -> str:
        """What it tells as an error up to the line with these words; it may not end before."""
        said = ""
        timer = threading.Timer(HANGS, self.kill)
        timer.start()
        try:
            for line in iter(self.stderr.readline, ""):
                said += line
                if words in line:
                    return said
        finally:
            timer.cancel()
        raise AssertionError(said)

    def send_signal(self, number: int) -> None:
        """As `kill` does it, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # its end is told a moment later
                os.kill(self.pid, number)

    def kill(self) -> None:
        """At once."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """It is killed with the block, unless it has ended."""
        self.kill()
        self.wait()
        self._connection.close()
        self.stdout.close()
        self.stderr.close()


def killed(root: Path, *words: str, at: int, of: str = "a_file") -> None:
    """Run a command until it is killed, before it puts something in its place.

    Args:
        root: where it is run.
        words: what follows "newsletter".
        at: the number of that thing, from 1.
        of: "a_file", or "an_object" for what goes into a bucket.
    """
    env = os.environ | {"KILLED_AT": str(at)}
    with Command(root, words, env=env, bugs=[f"killed_at_{of}"]) as command:
        said = command.communicate(timeout=HANGS)
        assert command.returncode == -signal.SIGKILL, said


def script(
    root: Path, *words: str, env: Mapping[str, str] | None = None, umask: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder to its end."""
    with Command(root, words, env=env, umask=umask) as command:
        out, err = command.communicate(timeout=HANGS)
        return subprocess.CompletedProcess(command.args, command.wait(), out, err)


def installed(root: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the installed console script in a folder to its end."""
    return subprocess.run(
        [SCRIPT, *words], cwd=root, capture_output=True, text=True, timeout=HANGS, check=False,
        stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip


@contextlib.contextmanager
def started(
    root: Path, *words: str, world: str = "", env: Mapping[str, str] | None = None
) -> Iterator[Command]:
    """Start a command; it is killed with the block, whatever happens.

    Args:
        world: one of the campaign's, such as "patient"; the command runs in it.
    """
    with Command(root, words, env=env, bugs=[world] if world else []) as command:
        yield command
