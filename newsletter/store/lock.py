"""One sending run per store: an advisory lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, LockedError, Place

_HOLDER: Final = re.compile(r"pid (\d+) on (.+)")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`; the file names its holder and stays behind, unlocked.

    Raises:
        LockedError: somebody else holds it; the message names their process and machine.
        InputError: the file cannot be made, or its disk knows no locks.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _take(handle, path)
        # Removing the file later would let a third process lock a new one of the same name.
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def holder(path: Path) -> str:
    """Who holds the lock at `path`: "pid 7 on host", or "" when it is free, as far as can be told.

    Looking takes no lock, so that nobody who looks keeps a sender out.
    """
    try:
        named = path.read_text("utf-8").strip()
    except OSError:
        return ""
    found = _HOLDER.fullmatch(named)
    if found and found[2] == socket.gethostname() and not _lives(int(found[1])):
        return ""
    return named


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(handle, 200, 0).decode(errors="replace").strip()
        raise LockedError(
            f"another run is sending from this store ({holder or 'it has just started'})",
            place=Place(str(path)),
            hint="wait until it has ended; nothing needs to be removed",
        ) from error
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> InputError:
    return InputError(
        "the lock beside the store cannot be taken",
        place=Place(str(path)),
        cause=error.strerror,
        hint="keep the store in a folder on a local disk that this user can write",
    )
