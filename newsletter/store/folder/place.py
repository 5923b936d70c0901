"""The place of the database on the disk: one file under one name, this user's alone."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, PausedError, Place
from newsletter.project import git, private
from newsletter.project.disk import is_mounted_alone, unwritten

#: Ends of the names that hold people: while the records are open, their log does.
_HOLDING: Final = ("", "-wal")


def expect_one_name(path: Path) -> None:
    """Refuse a file with hard links, or one that was mounted by itself.

    Lock, log and the list of who left lie beside a database, and beside each of its names there
    would be others: two could send from it, and neither would see what the other has written.

    Raises:
        InputError: it has more than one name, or may have.
    """
    if not path.is_file():
        return
    if path.stat().st_nlink > 1:
        raise InputError(
            "the store's file has a second name (a hard link), so two could send from it at once",
            place=Place(str(path)),
            hint=f"with nothing running: cp {path.name} new.db && mv new.db {path.name}",
        )
    if is_mounted_alone(path):
        raise InputError(
            "the store's file is mounted without its folder, so two could send from it at once",
            place=Place(str(path)),
            hint="mount the folder it is in, wherever it is needed, and not the file",
        )


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is at a path, by device and inode; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def expect_same(path: Path, opened: tuple[int, int] | None) -> None:
    """Refuse to write where another file, or none, has come to the path.

    What is open goes on being written whatever name it has: a run would reach its end, and nothing
    of it would be on record.

    Args:
        path: of the database.
        opened: what `identity` told of it when it was opened.

    Raises:
        PausedError: it is not there any more.
    """
    if identity(path) != opened:
        raise PausedError(
            "the records were moved, replaced or removed while they were in use",
            place=Place(str(path)),
            hint="put that file back, or a backup (newsletter db restore FILE), then run the same "
            "command again",
        )


def expect_new(path: Path) -> None:
    """Refuse to begin anew in a file that was emptied: who left would be forgotten."""
    if path.is_file() and not path.stat().st_size and were_here(path):
        raise InputError(
            "the store is damaged: its file is empty, and records were kept here before",
            place=Place(str(path)),
            hint="newsletter db restore FILE brings a backup back; to begin anew, remove the file",
        )


def were_here(path: Path) -> bool:
    """Whether records were kept at a path before: what is written of those who left tells."""
    return any(path.parent.glob("left-*.log"))


def make_room(path: Path) -> None:
    """The folder of a new store; git does not see one that is made for it."""
    if not path.parent.exists() or path.parent.name == private.STORE:
        private.make_folder(path.parent)
        private.hide_from_git(path.parent)
    elif any(git.would_take(path.with_name(path.name + end)) for end in _HOLDING):
        raise InputError(
            "git would take up these records, with all addresses and keys, at the next commit",
            place=Place(str(path)),
            hint=f"add {path.name}* to .gitignore, or leave store.url empty",
        )


def narrow(path: Path) -> None:
    """Take from others what an older version has left to them."""
    if path.parent.name == private.STORE:
        private.narrow_all(path.parent)
    for found in (path, *path.parent.glob(f"{glob.escape(path.name)}[-.]*")):
        private.narrow(found)


@contextmanager
def reachable(path: Path) -> Iterator[None]:
    """Say of a fault of the disk that the folder of a database cannot be used."""
    try:
        yield
    except OSError as error:
        hint = "make it a folder that this user can write, or change store.url"
        message = "the store's folder cannot be used"
        raise unwritten(path.parent, error, message, hint=hint) from error
