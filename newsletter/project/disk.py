"""What the system says about a file that cannot be written, in the words of the error tree."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, PausedError, Place

#: No room on the disk, or none left of this user's share (POSIX).
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL: Final = "the disk is full"
FREE_SOME: Final = "free some space, then run the same command again"


def flush(handle: int) -> None:
    """Return when what was written to a file is on its disk, the size and the bytes.

    Raises:
        OSError: it is not.
    """
    if sys.platform == "darwin":  # pragma: no cover
        # There fsync leaves the data in the drive's own cache.
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(handle)


def unwritten(path: Path, error: OSError, message: str, *, hint: str) -> InputError | PausedError:
    """A full disk pauses, and says so whatever the file is; everything else is bad input.

    Args:
        path: the file or folder.
        error: what the system said.
        message: what it means when the disk is not full.
        hint: what mends it then.
    """
    place, cause = Place(str(path)), error.strerror
    if error.errno in _NO_ROOM:
        return PausedError(FULL, place=place, cause=cause, hint=FREE_SOME)
    return InputError(message, place=place, cause=cause, hint=hint)


def flush_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
