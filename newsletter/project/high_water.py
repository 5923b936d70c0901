"""The file of a run is written, and rises with its claims; what it says is read in `ledger.py`."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from newsletter.delivery import Counts, Delivery, Run
from newsletter.project import files
from newsletter.project.disk import flush, unwritten
from newsletter.project.ledger import FOLDER, Claim, Entry, Reached, entry_of, highest, name_of

#: How long another process of this machine is waited for that writes a file of a run, and how often
#: it is looked; seconds.
_PATIENCE: Final = 1.0
_LOOK: Final = 0.001


class _Told(NamedTuple):
    """What rises in a file, beside what stays in it."""

    reached: Reached
    claimed: Claim


class HighWaterMark:
    """How far the claims of one real run have come, as its file says it.

    It rises in two steps: `count`, in the order of the commits, and `flush`, by any thread. What a
    mail leaves for is flushed before; the records have it before that. So records that lack any of
    what the file tells have lost some.

    Other processes of this machine may raise it as well: it never falls.

    Args:
        root: the newsletter's folder.
        run: the run.
        text: what the file says now, made by `write`.
        told: as in it.
    """

    def __init__(self, root: Path, run: Run, text: bytes, told: _Told) -> None:
        self.run = run.id
        self._root, self._of = root, run
        self._path = root / name_of(run.content.issue)
        self._text = text
        self._flushed = told
        self._made = self._told = told.reached
        #: Of this process, or as the file had it; and the last of it that was written.
        self._claimed = self._written = told.claimed
        self._flushing = threading.Lock()

    def begin(self) -> None:
        """Call this before a claim: it comes on top of what others are known to have claimed."""
        self._made = self.reached

    def count(self, taken: Sequence[Delivery]) -> None:
        """Note what was claimed, after its commit and before the next one begins."""
        places = [delivery.position for delivery in taken]
        self._made = self._made._replace(
            attempts=self._made.attempts + len(places),
            position=max(self._made.position, *places, 0),
        )
        if taken:
            self._claimed = Claim(taken[-1].position, taken[-1].attempt)

    @property
    def reached(self) -> Reached:
        """How far the records have told that it came; those that know of less have lost some."""
        return highest(self._made, self._told, self._flushed.reached)

    def rise(self, reached: Reached) -> None:
        """Note how far the run has come by the records, where others send some of it as well."""
        self._told = reached

    def flush(self) -> None:
        """Return when all that was counted until now is in the file and on the disk.

        Raises:
            PausedError: the disk is full.
            InputError: the file cannot be written.
        """
        with self._flushing:
            mine = self._claimed
            last = self._flushed.claimed if mine == self._written else mine
            made = _Told(self.reached, last)
            if made == self._flushed:
                return
            try:
                with _alone(self._path.parent):
                    if not self._overwrite(made):
                        self._write_over_another_hand(made)
            except OSError as error:
                hint = "make the file and its folder writable for this user"
                message = "the ledger cannot be written"
                raise unwritten(self._path, error, message, hint=hint) from error
            self._written = mine

    def _write_over_another_hand(self, made: _Told) -> None:
        """Where others have changed the file, or taken it away: a process, or a hand such as git's.

        Raises:
            PausedError, InputError, OSError: it cannot be written.
        """
        known = entry_of(self._root, self._of)
        there = self._path.read_bytes() if known else b""
        if known and _marked(theirs := _Told(known.reached, known.claimed)) in there:
            # The last claim is this process's where it has claimed any since it wrote.
            last = theirs.claimed if made.claimed == self._flushed.claimed else made.claimed
            made = _Told(highest(made.reached, theirs.reached), last)
            self._text, self._flushed = there, theirs
            if self._overwrite(made):
                return
        text = self._text.replace(_marked(self._flushed), _marked(made), 1)
        files.write_atomic(self._path, text)
        self._text, self._flushed = text, made

    def _overwrite(self, made: _Told) -> bool:
        """Change the file in place; false where it is not as this process knows it.

        Raises:
            OSError: it cannot be written.
        """
        before, after = _marked(self._flushed), _marked(made)
        if not _overwrite(self._path, self._text.index(before), before, after):
            return False
        self._text, self._flushed = self._text.replace(before, after, 1), made
        return True


def write(
    root: Path,
    run: Run,
    counts: Counts,
    reached: Reached,
    *,
    occurrence: dt.date | None,
) -> HighWaterMark:
    """Write the file of a real run, whole and on the disk when this returns; no number falls.

    Args:
        root: the newsletter's folder.
        run: the real run.
        counts: deliveries by state.
        reached: how far it has come.
        occurrence: the date of the schedule it was begun for, None by hand.

    Returns:
        what raises the mark in it while the run goes on.

    Raises:
        PausedError: the disk is full.
        InputError: the folder cannot be made or written.
    """
    files.make_folder(root / FOLDER)
    with _alone(root / FOLDER):
        if known := entry_of(root, run):
            reached = highest(reached, known.reached)
        told = _Told(reached, known.claimed if known else Claim())
        text = _text_of(run, counts, told, occurrence)
        files.write_atomic(root / name_of(run.content.issue), text)
    return HighWaterMark(root, run, text, told)


def _text_of(run: Run, counts: Counts, told: _Told, occurrence: dt.date | None) -> bytes:
    body = {
        "schema": 1,
        "issue": run.content.issue,
        "attempts": None,  # and what else rises
        "occurrence": occurrence.isoformat() if occurrence else None,
        "run": Entry.of(run, told.reached).run,
        "content_hash": run.content.content_hash,
        "source_hash": run.content.source_hash,
        "recipients": told.reached.recipients,
        "by_state": {state.value: n for state, n in sorted(counts.by_state.items()) if n},
    }
    text = f"{json.dumps(body, indent=2)}\n".encode()
    return text.replace(b'"attempts": null,', _marked(told), 1)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes of this machine from writing the files of runs meanwhile."""
    handle = None
    try:
        with contextlib.suppress(OSError):  # what is wrong with it, the writing tells
            handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            _lock(handle)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(handle: int) -> None:
    """Wait for a lock, but not for ever: its holder may be frozen, and this process goes on."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_LOOK)


def _marked(told: _Told) -> bytes:
    """What rises, as it stands in the file: always of one length, within one sector."""
    (_, attempts, position), last = told
    return (
        f'"attempts": {attempts:>12},\n  "position": {position:>12},\n'
        f'  "claimed": {{"position": {last.position:>12}, "attempt": {last.attempt:>12}}},'
    ).encode()


def _overwrite(path: Path, offset: int, before: bytes, after: bytes) -> bool:
    """Change bytes in place, durably; false where others stand there by now."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if os.pread(handle, len(before), offset) != before:
            return False
        os.pwrite(handle, after, offset)
        flush(handle)
    finally:
        os.close(handle)
    return True
