"""Terminals for tests: a command on a pty of its own, and a stream that says it is one."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
from pathlib import Path

from tests.support.cli_fixtures import Ran, expect_no_address
from tests.support.commands import HANGS, Command

#: After so long without a word a command is waiting for something else.
_SECONDS = 60


class Session:
    """A command on a terminal, though not one that can send it signals."""

    def __init__(self, root: Path, *words: str) -> None:
        self._mine, theirs = pty.openpty()
        self.said = ""
        self.process = Command(root, words, terminal=theirs)
        os.close(theirs)

    def until(self, words: str) -> None:
        """Read until the terminal shows these words; a command that waits for others is ended."""
        while words not in self.said:
            if not select.select([self._mine], [], [], _SECONDS)[0]:
                self.process.kill()
                raise AssertionError(f"{words!r} never came: {self.said}")
            try:
                self.said += os.read(self._mine, 4096).decode()
            except OSError as closed:
                raise AssertionError(f"{words!r} never came: {self.said}") from closed

    def type(self, words: str) -> None:
        os.write(self._mine, words.encode())

    def close(self) -> None:
        """Close the window, as its user does: the terminal is gone, and the command is told."""
        os.close(self._mine)
        self.process.send_signal(signal.SIGHUP)

    def end(self) -> Ran:
        """Read to the end; a terminal whose program has ended gives an error."""
        try:
            while more := os.read(self._mine, 4096):
                self.said += more.decode(errors="replace")
        except OSError:
            pass
        with self.process:
            out, _ = self.process.communicate(timeout=HANGS)
        os.close(self._mine)
        ran = Ran(self.process.returncode, out, self.said)
        expect_no_address(ran)
        return ran


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True
