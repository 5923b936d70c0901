"""What is its owner's alone: files with addresses, keys, or links that work.

Each is made with its mode, never widened or narrowed afterwards: between the two anybody could open
it. What an older version has made wider is narrowed when it is found.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, Place

#: Where the records are unless `store.url` says otherwise.
STORE: Final = ".newsletter"
FILE: Final = 0o600
FOLDER: Final = 0o700
_OTHERS: Final = 0o077


def make_folder(path: Path) -> None:
    """Make a folder for its owner alone, and those above it as usual; an existing one is narrowed.

    Raises:
        OSError: a file is in the way, or the place is not writable.
    """
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    narrow(path)


def hide_from_git(folder: Path) -> None:
    """Have git leave a folder's content alone, whatever the files above it say.

    Raises:
        OSError: the folder is not writable.
    """
    path = folder / ".gitignore"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE)
    except FileExistsError:
        narrow(path)
        return
    with os.fdopen(handle, "wb") as stream:
        stream.write(b"*\n")


@contextlib.contextmanager
def drafting(path: Path) -> Iterator[Path]:
    """A place for what a file is to be until it is whole, on the same disk.

    Neither others nor git see into it: whoever is killed meanwhile leaves behind what is written by
    then, and a draft has a name that no .gitignore knows.

    Raises:
        OSError: the file's folder is missing or not writable.
    """
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        hide_from_git(folder)
        yield folder / path.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def narrow(path: Path) -> None:
    """Take from others what an older version has left to them; only its owner can."""
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & _OTHERS and not path.is_symlink():
            path.chmod(mode & ~_OTHERS)


def narrow_all(folder: Path) -> None:
    """Narrow a folder with everything in it; the folder last, so that half of it is no end."""
    with contextlib.suppress(OSError):
        if stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
            for path in folder.rglob("*"):
                narrow(path)
            narrow(folder)


def is_own(found: os.stat_result) -> bool:
    """Whether nobody but us, and root, can have written what this was found of."""
    return found.st_uid in {os.geteuid(), 0} and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def expect_own(file: Path, *, chosen: bool) -> None:
    """Refuse settings that somebody else may have put there.

    Args:
        file: the settings.
        chosen: whether their folder was, so that it may be another user's, but not a shared one.

    Raises:
        InputError: they are another user's, or everybody can write into their folder.
    """
    place, owner = file.parent.stat(), file.stat().st_uid
    mine = {os.geteuid(), 0}  # who is root here could do anything anyway
    foreign = not {place.st_uid, owner} <= mine
    shared = place.st_mode & stat.S_IWOTH and (
        not chosen or foreign or place.st_mode & stat.S_ISVTX
    )
    if shared or (foreign and not chosen):
        why = "everybody can write there" if shared else "they are another user's"
        raise InputError(
            f"these settings are not used, for {why}",
            place=Place(str(file)),
            hint="go to the newsletter's own folder, or name its settings with --config",
        )
