"""One sending run per store, and one import: locks the kernel gives back when a holder dies."""

from __future__ import annotations

import fcntl
import functools
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, LockedError, PausedError, Place
from newsletter.project.disk import unwritten
from newsletter.store.processes import lives

#: What the holder of the lock for sending does.
SENDING: Final = "sending from"
_HOLDER: Final = re.compile(r"pid (\d+) on (.+)")
#: Bytes of a signature at most.
_LONGEST: Final = 200
#: A holder signs right after taking the lock; a loaded machine may come between.
_LOOKS: Final = 20
_BETWEEN: Final = 0.01


@contextmanager
def locked(path: Path, doing: str = SENDING) -> Iterator[Callable[[], None]]:
    """Hold the lock at `path`; the file names its holder and stays behind, unlocked.

    Args:
        path: the lock's file.
        doing: what its holder does, for who is turned away.

    Returns:
        what raises PausedError where the file was removed, so that others can take its place.

    Raises:
        LockedError: somebody else holds it; the message names their process and machine.
        PausedError: the disk is full, or the file was removed meanwhile.
        InputError: the file cannot be made, is a link, or its disk knows no locks.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _expect_alone(handle, path)
        _take(handle, path, doing)
        # Removing the file later would let a third process lock a new one of the same name.
        _sign(handle, path)
        expect_held = functools.partial(_expect_held, handle, path)
        expect_held()
        yield expect_held
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def holder(path: Path) -> str:
    """Who holds the lock at `path`: "pid 7 on host", or "" when it is free, as far as can be told.

    Looking takes no lock, so that nobody who looks keeps a sender out.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            named = (stream.read(_LONGEST) or b"").decode(errors="replace").strip()
    except OSError:
        return ""
    found = _HOLDER.fullmatch(named)
    if found and found[2] == socket.gethostname() and not lives(int(found[1])):
        return ""
    return named


def _expect_alone(handle: int, path: Path) -> None:
    """Refuse a file with another name, which signing would empty: the records, perhaps."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise InputError(
            "the lock beside the store is a link to something else",
            place=Place(str(path)),
            hint="remove this file; it is made again",
        )


def _expect_held(handle: int, path: Path) -> None:
    try:
        held = os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError:
        held = False
    if not held:
        raise PausedError(
            "the lock beside the store was moved or removed while it was held",
            place=Place(str(path)),
            hint="nothing needs to be removed, ever; run the same command again",
        )


def _take(handle: int, path: Path, doing: str = SENDING) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            f"another run is {doing} this store ({_signature(handle)})",
            place=Place(str(path)),
            hint="wait until it is finished; nothing needs to be removed",
        ) from error
    except OSError as error:
        raise _unusable(path, error) from error


def _sign(handle: int, path: Path) -> None:
    """Name the holder in the file, in place of the last one."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    except OSError as error:
        raise _unusable(path, error) from error


def _signature(handle: int) -> str:
    """Who holds the lock, once they have signed: who died holding it still stands there before."""
    for _ in range(_LOOKS):
        named = os.pread(handle, _LONGEST, 0).decode(errors="replace").strip()
        found = _HOLDER.fullmatch(named)
        if found and (found[2] != socket.gethostname() or lives(int(found[1]))):
            return named
        time.sleep(_BETWEEN)
    return "it has just started"


def _unusable(path: Path, error: OSError) -> InputError | PausedError:
    hint = "keep the store in a folder on a local disk that this user can write"
    return unwritten(path, error, "the lock beside the store cannot be taken", hint=hint)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """One opener at a time: two that make the same store would meet half-made tables."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
