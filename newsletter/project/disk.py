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
#: File systems of other machines, as Linux names them; 9p is that of Windows below WSL.
_NETWORK: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.s3fs", "fuse.sshfs", "nfs", "nfs4", "smb3", "smbfs"}
)
_MOUNTS: Final = Path("/proc/self/mountinfo")
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


def from_here(path: Path) -> Path:
    """A path made absolute.

    Raises:
        InputError: the folder it begins in was removed under us.
    """
    try:
        return path.absolute()
    except FileNotFoundError as error:
        raise InputError(
            "the folder that this was started in is gone",
            hint="go to the newsletter's folder, or name it with -C",
        ) from error


def is_mounted_alone(path: Path) -> bool:
    """Whether a file was mounted by itself, apart from its folder, so that it has other neighbours.

    False where the system does not tell: only Linux mounts single files.
    """
    return _mount_of(path) != _mount_of(path.parent)


def _mount_of(path: Path) -> str:
    """The kernel's number of the mount that a path is in, "" where it does not tell."""
    # Opened for reading, and closed, it would cost this process SQLite's locks of the file.
    flags = getattr(os, "O_PATH", None)
    if flags is None:  # pragma: no cover
        return ""
    handle = os.open(path, flags | os.O_CLOEXEC)
    try:
        told = Path(f"/proc/self/fdinfo/{handle}").read_text("ascii")
    except OSError:
        return ""
    finally:
        os.close(handle)
    return next((line for line in told.splitlines() if line.startswith("mnt_id:")), "")


def is_on_network(path: Path) -> bool:
    """Whether a path lies on a file system of another machine, whose locks cannot be relied on.

    False where the system does not tell: on Linux the kernel's list of mounts does.
    """
    try:
        mounts = _MOUNTS.read_text("utf-8", errors="replace")
    except OSError:
        return False
    real, found = path.resolve(), ("", "")
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        # An octal escape stands for a blank in a name (proc_pid_mountinfo(5)).
        point = before.split(" ")[4].replace("\\040", " ")
        # The last of several mounts on one folder is the one that is seen.
        if real.is_relative_to(point) and len(point) >= len(found[0]):
            found = point, after.partition(" ")[0]
    return found[1] in _NETWORK


def flush_path(path: Path) -> None:
    """Return when a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
